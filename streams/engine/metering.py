"""Metering: what was delivered, per subject and epoch, counted from decisions."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.contracts.decisions import Decision, FailBasis
from streams.engine.epochs import epoch_of
from streams.engine.reputation import LABELLED
from streams.engine.subjects import clear_subjects, pair_subject

#: Code → what its FAIL rested on → messages.
Failed = dict[str, dict[FailBasis, int]]
#: By (subject, epoch, whose rules judged the messages: None for the carrier's own).
Sums = dict[tuple[str, int, str | None], int]


def metered(decision: Decision, epoch_ms: int, sums: Sums) -> None:
    """Add a decision to the sums (in place): termination leg, verdict ALLOW, each clear subject; and a text that bears
    the advertising label, wherever it came and whatever became of it. One into a group was delivered to all of it."""
    if decision.advertised is not None:
        labelled = (LABELLED + decision.advertised, epoch_of(decision.event_time_ms, epoch_ms), None)
        sums[labelled] = sums.get(labelled, 0) + 1
    if decision.verdict != "ALLOW" or decision.leg != "termination":
        return
    epoch = epoch_of(decision.event_time_ms, epoch_ms)
    for subject in clear_subjects(decision):
        key = (subject, epoch, decision.jurisdiction)
        sums[key] = sums.get(key, 0) + (decision.group_size or 1)


@dataclass(slots=True)
class Fared:
    """How a pair's messages fared in a breaker epoch."""

    passed: int = 0
    failed: Failed = field(default_factory=dict)


#: By (pair, breaker epoch, its length in ms).
Pairs = dict[tuple[str, int, int], Fared]


def paired(decision: Decision, epoch_ms: int, pairs: Pairs) -> None:
    """Add a decision to the pairs (in place): both legs, whatever verdict; by the checks' outcomes alone.

    A message passes when a row proved its sender (route binding, or the registration of a sender that may take any
    route) and no check of gate 1's forgery rules failed.
    """
    failed = [(r.code, r.basis) for r in decision.reasons if r.gate == "forgery"] if decision.reasons else []
    passed = not failed and decision.sender.registered and _proved(decision)
    if not passed and all([basis is None for _, basis in failed]):
        return
    pair = pair_subject(decision.sender.key, decision.route.relay_id)
    if pair is None:
        return
    place = (pair, epoch_of(decision.event_time_ms, epoch_ms), epoch_ms)
    fared = pairs.get(place)
    if fared is None:
        fared = pairs[place] = Fared()
    fared.passed += passed
    for code, basis in failed:
        if basis is not None:
            by_basis = fared.failed.setdefault(code, {})
            by_basis[basis] = by_basis.get(basis, 0) + 1


def _proved(decision: Decision) -> bool:
    if "route" in decision.passed:
        return True
    return "registration" in decision.passed and all([check.check != "route" for check in decision.checks])
