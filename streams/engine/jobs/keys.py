"""What a signing key was good for: by its state when the assertion was issued, unless it is known to be compromised."""

from __future__ import annotations

from typing import NamedTuple

from streams.contracts.jobs import JobFault
from streams.contracts.registry import KeyEntry, KeyRow
from streams.engine.timeline import counts_since


class Standing(NamedTuple):
    """fault: why an assertion of that time doesn't count. key: what to verify with; None where there is no row."""

    fault: JobFault | None
    key: KeyEntry | None


def key_name(account_id: str, kid: str) -> str:
    """The key of the row of a signing key."""
    return f"key:{account_id}/{kid}"


def compromised_since(row: KeyRow, e_ms: int) -> int | None:
    """From when on a reader knew it, if one at e does. Whatever comes later in the row, it stays so."""
    told = [counts_since(x) for x in row.timeline if x.state == "compromised" and counts_since(x) <= e_ms]
    return min(told, default=None)


def standing(row: KeyRow | None, issued_ms: int, e_ms: int) -> Standing:
    """The key as of `issued_ms`, as a reader at `e_ms` knows its row.

    A key that is retired, or not yet in force, takes nothing issued then; what it signed before stays good.
    """
    known = [x for x in row.timeline if x.recorded_at_ms <= e_ms] if row is not None else []
    if row is None or not known:
        return Standing("JOB_KEY_UNKNOWN", None)
    if compromised_since(row, e_ms) is not None:
        return Standing("JOB_KEY_COMPROMISED", known[-1])
    then = [x for x in known if x.from_ms <= issued_ms and (x.to_ms is None or issued_ms < x.to_ms)]
    held = max(then, key=lambda x: x.version, default=None)
    if held is None or held.state != "active":
        return Standing("JOB_KEY_RETIRED", known[-1])
    return Standing(None, held)
