"""Who comes back: rows whose owner is known by the same keys as somebody who was expelled. A warning, never a block:
a shared address or a number that was issued again proves nobody."""

from __future__ import annotations

import hashlib
from collections import Counter

from streams.contracts.registry import AccountEntry, AccountRow, RelayEntry, RelayRow, ResellerEntry, ResellerRow
from streams.contracts.reputation import Finding, SanctionEntry, SanctionRow
from streams.engine.epochs import effect_of, epoch_of
from streams.engine.sanctioning import REGULATOR
from streams.engine.skeleton import OWNER
from streams.engine.timeline import current
from streams.engine.view import View

EXPELLED, OWNER_EXPELLED = "DIRECTIVE_EXPEL", "OWNER_EXPELLED"
_OWNED = (RelayRow, ResellerRow, AccountRow)


def ever_expelled(row: SanctionRow) -> bool:
    """Whether the regulator ever expelled the subject; if not, there is nothing to look for."""
    return any((entry.reason, entry.authority) == (EXPELLED, REGULATOR) for entry in row.timeline)


def _expulsions(row: SanctionRow, at_ms: int) -> list[SanctionEntry]:
    """The expulsions of a subject that were recorded by then and are not over."""
    return [
        entry
        for entry in row.timeline
        if (entry.reason, entry.authority) == (EXPELLED, REGULATOR)
        and entry.recorded_at_ms <= at_ms
        and (entry.to_ms is None or at_ms < entry.to_ms)
    ]


def returned(row: SanctionRow, view: View, at_ms: int, epoch_ms: int) -> list[Finding]:
    """A finding WARN on each relay, reseller and account that counts at `at_ms` and shares owner keys with the expelled
    subject, by subject; `counts` names the kinds that match. Whatever the subject's own row ever said of it counts."""
    found: list[Finding] = []
    own = view.row(row.subject)
    if not isinstance(own, _OWNED):
        return found
    keys = sorted({key for entry in own.timeline for key in entry.owner_keys})
    matched: dict[str, Counter[str]] = {}
    for key in keys:
        for other in view.lookalikes(OWNER + key):
            if other != row.subject and key in _keys_of(view, other, at_ms):
                matched.setdefault(other, Counter())[key.partition(":")[0]] += 1
    for entry in _expulsions(row, at_ms):
        for subject, kinds in sorted(matched.items()):
            named = f"owner/{entry.sanction_id}/{subject}"
            found.append(
                Finding(
                    subject=subject,
                    finding_id=hashlib.sha256(named.encode("utf-8", "replace")).hexdigest()[:20],
                    source="owner",
                    step="WARN",
                    from_ms=effect_of(epoch_of(at_ms, epoch_ms), epoch_ms),
                    recorded_at_ms=at_ms,
                    reason=OWNER_EXPELLED,
                    counts=dict(sorted(kinds.items())),
                    reference=f"{entry.reference} {'+'.join(sorted(kinds))}"[:256],
                    version=1,
                )
            )
    return found


def _keys_of(view: View, key: str, at_ms: int) -> tuple[str, ...]:
    row = view.row(key)
    if not isinstance(row, _OWNED):
        return ()
    timeline: tuple[RelayEntry | ResellerEntry | AccountEntry, ...] = row.timeline
    entry = current(timeline, at_ms)
    return () if entry is None else entry.owner_keys
