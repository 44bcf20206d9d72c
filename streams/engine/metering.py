"""Metering: what was delivered, per subject and epoch, counted from decisions."""

from __future__ import annotations

from streams.contracts.decisions import Decision
from streams.engine.epochs import epoch_of
from streams.engine.subjects import clear_subjects

Sums = dict[tuple[str, int], int]


def metered(decision: Decision, epoch_ms: int, sums: Sums) -> None:
    """Add a decision to the sums (in place): termination leg, verdict ALLOW, each clear subject."""
    if decision.verdict != "ALLOW" or decision.leg != "termination":
        return
    epoch = epoch_of(decision.event_time_ms, epoch_ms)
    for subject in clear_subjects(decision):
        key = (subject, epoch)
        sums[key] = sums.get(key, 0) + 1
