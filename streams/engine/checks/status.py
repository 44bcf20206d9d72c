"""status: is the number in service? Status changes within minutes, so a FAIL needs its feed fresh at event time."""

from __future__ import annotations

from streams.contracts.decisions import FailBasis
from streams.engine.case import Case
from streams.engine.outcome import Check, fail, unknown

NAME = "status"
PASS = Check(NAME, "PASS")
_CODES = {"terminated": "NUMBER_TERMINATED", "suspended": "NUMBER_SUSPENDED"}


def check(case: Case) -> Check | None:
    """FAIL NUMBER_TERMINATED (after the pack's grace) or NUMBER_SUSPENDED. Ported out is in service elsewhere."""
    if case.sender.number is None or case.sender.word is None:
        return None
    fact = case.number()
    if fact.status in ("active", "ported_out"):
        return PASS
    code = _CODES.get(fact.status)
    if code is None:
        return unknown(NAME, "no status known")
    if not case.number_feed_fresh():
        return unknown(NAME, f"{case.pack.feeds.get(case.sender.word, 'no feed')} is stale")
    since_ms = fact.since_ms
    if fact.status == "terminated" and fact.source == "row":
        grace_ends_ms = fact.from_ms + case.pack.terminated_grace_ms
        case.clocked = True
        if case.e_ms < grace_ends_ms:
            return PASS
        since_ms = max(since_ms, grace_ends_ms)
    basis: FailBasis | None = "generation" if fact.basis == "generation" else None
    return fail(NAME, code, {"state": fact.status, "from_ms": fact.from_ms}, since_ms, basis)
