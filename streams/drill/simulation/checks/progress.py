"""Progress: in the end it says of every input that it is done, and on the way never more than is durable."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from streams.contracts.decisions import Progress
from streams.drill.simulation.checks.decisions import decisions
from streams.drill.simulation.errors import Broken

if TYPE_CHECKING:
    from streams.drill.simulation.schedule import Played

_DECODER = msgspec.json.Decoder(Progress)
INPUTS = (
    ("registrar", "feeds"), ("gate", "messages"), ("meter", "decisions"), ("reports", "reports"), ("tally", "votes"),
    ("tally", "traffic"), ("sanctions", "findings"), ("directives", "directives"),
    ("tally", "reviews"), ("sanctions", "epochs"), ("appeals", "appeals"),
)  # fmt: skip


def check(played: Played) -> None:
    """The newest record for each component and partition, and every event time that gate and meter named."""
    _event_times(played)
    log = played.cluster.log
    newest = {r.key: r.value for _, r in log.every("progress")}
    for component, entity in INPUTS:
        for partition in range(log.count(entity)):
            records = log.whole((entity, partition))
            if not records:
                continue
            last = newest.get(f"{component}/{entity}/{partition}".encode())
            said = None if last is None else _DECODER.decode(last)
            if said is None or said.next_offset != records[-1].offset + 1:
                raise Broken(f"progress: {component} says {said}, {entity}[{partition}] ends at {records[-1].offset}")


def _event_times(played: Played) -> None:
    """The highest event time below the offset: never one that was undone, never one that was forgotten."""
    times: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for partition, offset, decision in decisions(played):
        times["meter", partition].append((offset, decision.event_time_ms))
        if decision.observed is not None and decision.sender.kind != "unread":
            source = decision.observed.source
            times["gate", source[0]].append((source[1], decision.event_time_ms))
    for _, record in played.cluster.log.every("progress"):
        said = _DECODER.decode(record.value or b"")
        if said.component in ("gate", "meter"):
            below = times[said.component, said.partition]
            at_ms = max((time for offset, time in below if offset < said.next_offset), default=0)
            if said.event_time_ms != at_ms:
                raise Broken(f"progress: the highest event time below {said} is {at_ms}")
