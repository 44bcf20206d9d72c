"""What registrar and meter must have written, computed from what they read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from streams.contracts.base import encoder
from streams.contracts.decisions import Decision
from streams.contracts.feeds import RegistryValue, decode_registry
from streams.contracts.reputation import Traffic
from streams.drill.report import ScenarioReport
from streams.engine.metering import Sums, metered
from streams.engine.registry import merge
from streams.replay.history import Record

Place = tuple[int, bytes]
_DECISION = msgspec.json.Decoder(Decision)
_TRAFFIC = msgspec.json.Decoder(Traffic)


def timelines(feeds: Iterable[Record]) -> dict[Place, list[bytes]]:
    """Every row that must stand in `registry` and its history, in order, by partition and key."""
    held: dict[Place, RegistryValue] = {}
    written: dict[Place, list[bytes]] = defaultdict(list)
    for record in feeds:
        place = (record.partition, record.key)
        merged = merge(held.get(place), decode_registry(record.key.decode(), record.value))
        if merged is not None:
            held[place] = merged
            written[place].append(encoder().encode(merged))
    return written


def compare_rows(report: ScenarioReport, what: str, expected: dict[Place, list[bytes]], log: Iterable[Record]) -> None:
    """Each row once, in its order."""
    got: dict[Place, list[bytes]] = defaultdict(list)
    for record in log:
        got[record.partition, record.key].append(record.value)
    for place in expected.keys() | got.keys():
        wanted, stands = expected.get(place, []), got.get(place, [])
        if wanted == stands:
            continue
        report.lost += max(0, len(wanted) - len(stands))
        report.doubled += max(0, len(stands) - len(wanted))
        report.wrong += len(wanted) == len(stands)
        report.problems.append(f"{what} {place}: {len(stands)} rows, {len(wanted)} expected, or others")


def sums_of(decisions: Iterable[Record], epoch_ms_at: Callable[[int], int]) -> Sums:
    """What was delivered, by subject, epoch and jurisdiction."""
    sums: Sums = {}
    for record in decisions:
        decision = _DECISION.decode(record.value)
        metered(decision, epoch_ms_at(decision.event_time_ms), sums)
    return sums


def compare_sums(report: ScenarioReport, expected: Sums, log: Sequence[Record]) -> None:
    """Sums as a reader of committed deltas gets them, and no offset covered twice for one of them."""
    got: Sums = {}
    ranges: dict[tuple[tuple[str, int, str | None], int], list[tuple[int, int]]] = defaultdict(list)
    for record in log:
        delta = _TRAFFIC.decode(record.value)
        if delta.subject.startswith("~"):
            continue
        sum_of = (delta.subject, delta.epoch, delta.jurisdiction)
        got[sum_of] = got.get(sum_of, 0) + delta.delivered
        ranges[sum_of, delta.partition].append((delta.first_offset, delta.next_offset))
    for place in expected.keys() | got.keys():
        missing = expected.get(place, 0) - got.get(place, 0)
        report.lost += max(0, missing)
        report.doubled += max(0, -missing)
    for one in ranges.values():
        one.sort()
        report.doubled += sum(b[0] < a[1] for a, b in zip(one, one[1:], strict=False))
    report.figures["deltas"] = sum(len(one) for one in ranges.values())
