"""From a kill to the first thing that was done about an event fed after it, as a read_committed reader saw it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.drill.reader import Came
from streams.replay.history import Record


def killed_again(killed_ms: int, within_s: float, instance_kills_ms: Iterable[int]) -> bool:
    """Whether the instance was killed once more before so many seconds were over: how long that life would have taken
    to recover nobody knows, and what it left is the next one's. The last kill is always outlived."""
    return any(killed_ms < at_ms <= killed_ms + within_s * 1000 for at_ms in instance_kills_ms)


def recovery_s(
    killed_ms: int, component: str, entity: str, inputs: Iterable[Record], came: Sequence[Came]
) -> float | None:
    """Seconds from a kill until the component had processed, readably, an event of each partition fed after the kill.

    inputs: the log of what it reads. Infinite where it never came so far; None when nothing was fed after the kill.
    """
    wanted: dict[int, int] = {}
    for record in inputs:
        if record.append_ms > killed_ms:
            wanted[record.partition] = min(record.offset, wanted.get(record.partition, record.offset))
    worst = None
    for partition, offset in wanted.items():
        first = next(
            (
                one.seen_ms
                for one in came
                if (one.component, one.entity, one.partition) == (component, entity, partition)
                and one.next_offset > offset
            ),
            None,
        )
        seconds = float("inf") if first is None else (first - killed_ms) / 1000
        worst = seconds if worst is None else max(worst, seconds)
    return worst
