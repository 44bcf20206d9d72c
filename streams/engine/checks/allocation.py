"""allocation: has the authority given this number to anybody? Ranges alone never say no; complete blocks do."""

from __future__ import annotations

from streams.contracts.decisions import Evidence
from streams.engine.case import Case
from streams.engine.outcome import Check, fail, unknown

NAME = "allocation"
PASS = Check(NAME, "PASS")
_UNKNOWN: dict[str, Check] = {}


def check(case: Case) -> Check | None:
    """FAIL NUMBER_UNALLOCATED when no row has the number and the closed world holds for its kind."""
    if case.sender.number is None or case.sender.word is None:
        return None
    fact = case.number()
    if fact.status not in ("unallocated", "unknown"):
        return PASS
    if fact.source and fact.status == "unknown":
        return unknown(NAME, "the authority does not know the number's state")
    absence = case.absence(case.sender.word)
    if not absence.proved:
        return unknown(NAME, absence.why)
    evidence: dict[str, Evidence] = {"feed": absence.why, "source": fact.source or "no row"}
    return fail(NAME, "NUMBER_UNALLOCATED", evidence, max(absence.since_ms, fact.since_ms), fact.basis)
