"""On what the FAILs of a registered sender rest, and what softens them to LABEL: a trial, or the breaker's relief.

A FAIL through absence, a new generation or a new policy may be our error. One that rests on a row of the sender, on the
message itself, or on a message that a directive, sanction or row also stops is not: nothing softens it.
"""

from __future__ import annotations

from typing import NamedTuple

from streams.contracts.decisions import FailBasis
from streams.contracts.reputation import SanctionEntry
from streams.engine.case import Case
from streams.engine.checks import CHECKS
from streams.engine.outcome import Check
from streams.engine.policy import Policies
from streams.engine.subjects import is_business, pair_subject

#: What a FAIL may rest on to count as a false block.
DOUBTFUL: frozenset[FailBasis] = frozenset(("absence", "generation", "policy"))
RELIEF = "RELIEF"
DAY_MS = 86_400_000
_CHECK = dict(CHECKS)


class Grounds(NamedTuple):
    """checks: as they were, those softened with cap LABEL and why in their evidence. bases: of each forgery code that
    failed; empty where no pair is judged. softened: names of the checks that a trial or relief holds back. relieved: a
    relief is among them.
    """

    checks: list[Check]
    bases: dict[str, FailBasis] = {}  # noqa: RUF012 - never mutated
    softened: frozenset[str] = frozenset()
    relieved: bool = False


def grounds(case: Case, checks: list[Check], stopped: bool, policies: Policies) -> Grounds:
    """What a message's FAILs rest on. stopped: a directive or sanction stops it."""
    failed = [c for c in checks if c.outcome == "FAIL"]
    if not failed:
        return Grounds(checks)
    pair = _pair(case)
    if pair is None:
        return Grounds(checks)
    rests: dict[str, FailBasis] = {c.name: _basis(c, case, policies) for c in failed if c.gate == "forgery"}
    if stopped or any([c.cap == "BLOCK" and rests.get(c.name, "row") == "row" for c in failed]):
        rests = dict.fromkeys(rests, "row")
    bases = {code: rests[c.name] for c in failed if c.name in rests for code in c.codes}
    doubted = {c.name for c in failed if rests.get(c.name) in DOUBTFUL}
    if not doubted:
        return Grounds(checks, bases)
    reliefs = _reliefs(case, pair)
    softened = [_softened(case, c, reliefs) if c.name in doubted else c for c in checks]
    names = frozenset(new.name for old, new in zip(checks, softened, strict=True) if old is not new)
    return Grounds(softened, bases, names, any("relief" in c.evidence for c in softened if c.name in names))


def _pair(case: Case) -> str | None:
    message = case.message
    if message.traffic_class != "a2p" or case.sender.kind == "malformed" or not is_business(case):
        return None
    return pair_subject(case.sender.key, message.route.relay_id)


def _basis(check: Check, case: Case, policies: Policies) -> FailBasis:
    if check.basis is not None:
        return check.basis
    before = policies.before(case.view, case.e_ms, case.pack.breaker.memory_days * DAY_MS)
    if before is None:
        return "row"
    then = Case(case.message, case.view, before)
    then.e_ms = case.e_ms
    try:
        was = _CHECK[check.name](then)
    except Exception:  # a check that can't be asked again proves nothing
        return "row"
    return "row" if was is not None and was.outcome == "FAIL" else "policy"


def _reliefs(case: Case, pair: str) -> list[SanctionEntry]:
    return [entry for entry in case.sanctions(pair) if entry.step == RELIEF]


def _softened(case: Case, check: Check, reliefs: list[SanctionEntry]) -> Check:
    for entry in reliefs:
        if set(check.codes) <= set(entry.codes):
            return check._replace(cap="LABEL", evidence={**check.evidence, "relief": entry.sanction_id})
    if check.basis == "generation" and case.e_ms < check.since_ms + case.pack.breaker.trial_ms:
        return check._replace(cap="LABEL", evidence={**check.evidence, "trial": True})
    return check
