"""Traffic: what the meter wrote equals what the decisions say, and nothing comes after an epoch was closed."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from streams.contracts.reputation import WATERMARK, Traffic
from streams.drill.simulation.checks.decisions import decisions
from streams.drill.simulation.errors import Broken
from streams.drill.simulation.world import EPOCH_MS
from streams.engine.reputation import LABELLED
from streams.engine.subjects import clear_subjects

if TYPE_CHECKING:
    from streams.drill.simulation.schedule import Played

_decode = lru_cache(maxsize=1 << 11)(msgspec.json.Decoder(Traffic).decode)


def delivered(played: Played) -> Counter[tuple[str, int]]:
    """(subject, epoch) → messages allowed on the termination leg, and labelled texts, from the decisions."""
    sums: Counter[tuple[str, int]] = Counter()
    for _, _, decision in decisions(played):
        if decision.advertised is not None:
            sums[LABELLED + decision.advertised, decision.event_time_ms // EPOCH_MS] += 1
        if decision.verdict == "ALLOW" and decision.leg == "termination":
            for subject in clear_subjects(decision):
                sums[subject, decision.event_time_ms // EPOCH_MS] += 1
    return sums


def traffic(played: Played) -> list[tuple[int, Traffic]]:
    """(partition, delta or watermark) of all that was committed."""
    return [(p, _decode(r.value or b"")) for p, r in played.cluster.log.every("traffic")]


def prompt(played: Played) -> None:
    """Once all is settled, every partition of decisions is closed up to the epoch of its newest event."""
    newest: dict[int, int] = {}
    for partition, _, decision in decisions(played):
        newest[partition] = max(newest.get(partition, 0), decision.event_time_ms // EPOCH_MS)
    marks: dict[tuple[int, int], int] = {}
    for target, delta in traffic(played):
        if delta.subject == WATERMARK:
            place = (target, delta.partition)
            marks[place] = max(delta.epoch, marks.get(place, delta.epoch))
    for target in range(played.cluster.log.count("traffic")):
        for partition, epoch in newest.items():
            if marks.get((target, partition), -1) < epoch - 1:
                raise Broken(f"watermark: partition {partition} is settled in epoch {epoch}, said is {marks}")


def closed_through(played: Played) -> int:
    """The last epoch that every partition of decisions was metered through, as `traffic` has it."""
    marks: dict[int, int] = {}
    for _, delta in traffic(played):
        if delta.subject == WATERMARK:
            marks[delta.partition] = max(delta.epoch, marks.get(delta.partition, delta.epoch))
    count = played.cluster.log.count("decisions")
    return min(marks.values()) if len(marks) == count else -(2**53)


def check(played: Played) -> None:
    """Sums, ranges and watermarks."""
    sums: Counter[tuple[str, int]] = Counter()
    covered: dict[tuple[str, int, int], int] = defaultdict(int)
    closed: dict[tuple[int, int], int] = {}
    for target, delta in traffic(played):
        place = (target, delta.partition)
        if delta.subject == WATERMARK:
            closed[place] = max(delta.epoch, closed.get(place, delta.epoch))
            continue
        sums[delta.subject, delta.epoch] += delta.delivered
        if delta.epoch <= closed.get(place, -1):
            raise Broken(f"watermark: {delta} came after its epoch was closed")
        key = (delta.subject, delta.partition, delta.epoch)
        if delta.first_offset < covered[key]:
            raise Broken(f"traffic: {delta} covers again what ended at {covered[key]}")
        covered[key] = delta.next_offset
    wanted = delivered(played)
    if sums != wanted:
        raise Broken(f"traffic: too much {sums - wanted}, too little {wanted - sums}")
    if closed_through(played) < played.world.epochs[-2].number:
        raise Broken(f"watermark: closed through {closed_through(played)}, {played.world.epochs[-2].number} is over")
