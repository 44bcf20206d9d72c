"""How long a change takes to every replica, and which came after the time from which they count. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from streams.contracts.decisions import Progress
from streams.replay.history import Record

_PROGRESS = msgspec.json.Decoder(Progress)


class Change(NamedTuple):
    """A row on a compacted topic: where it stands, when it was appended, from when on its news count (ms)."""

    entity: str
    partition: int
    offset: int
    append_ms: int
    from_ms: int


class Lateness(NamedTuple):
    """late: changes readable in some ready replica only after their from_ms. p99_ms: from append to the last one."""

    changes: int
    late: int
    p99_ms: float


class Steps:
    """How far each replica had come when, from the log of `progress`."""

    def __init__(self, progress: Iterable[Record], prefix: str) -> None:
        self._steps: dict[tuple[str, str, int], list[tuple[int, int]]] = defaultdict(list)
        for record in progress:
            one = _PROGRESS.decode(record.value)
            entity = one.topic.removeprefix(prefix).removesuffix(".v1")
            self._steps[one.component, entity, one.partition].append((one.next_offset, record.append_ms))

    def applied_ms(self, component: str, change: Change) -> int | None:
        """When a replica said that it had applied a change."""
        steps = self._steps[component, change.entity, change.partition]
        return next((at_ms for offset, at_ms in steps if offset > change.offset), None)

    def back_ms(self, component: str, killed_ms: int) -> int:
        """When a replica that was killed had caught up: then it speaks of every partition, moved or not."""
        back = [
            next((at_ms for _, at_ms in steps if at_ms > killed_ms), 2**53)
            for (name, _, _), steps in self._steps.items()
            if name == component
        ]
        return max(back, default=2**53)


def lateness(changes: Sequence[Change], steps: Steps, kills: Mapping[str, Sequence[int]]) -> Lateness:
    """kills: when each component (`replica/gate-…`) was killed, in ms; it is not ready until it has caught up."""
    away = {name: [(killed, steps.back_ms(name, killed)) for killed in times] for name, times in kills.items()}
    delays: list[int] = []
    late = 0
    for change in changes:
        last = change.append_ms
        for component, windows in away.items():
            at_ms = steps.applied_ms(component, change)
            if at_ms is None or any(change.append_ms <= until and begun <= at_ms for begun, until in windows):
                continue
            last = max(last, at_ms)
        delays.append(last - change.append_ms)
        late += last > change.from_ms
    delays.sort()
    return Lateness(len(changes), late, float(delays[int(len(delays) * 0.99)]) if delays else 0.0)
