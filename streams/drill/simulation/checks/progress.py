"""Progress: in the end it says of every input that it is done, and on the way never more than is durable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.contracts.decisions import Progress
from streams.drill.simulation.checks.decisions import decisions
from streams.drill.simulation.errors import Broken

if TYPE_CHECKING:
    from streams.drill.simulation.schedule import Played

INPUTS = (
    ("registrar", "feeds"), ("gate", "messages"), ("meter", "decisions"), ("reports", "reports"), ("tally", "votes"),
    ("tally", "traffic"), ("sanctions", "findings"), ("directives", "directives"),
)  # fmt: skip


def check(played: Played) -> None:
    """The newest record for each component and partition."""
    log = played.cluster.log
    newest = {r.key: msgspec.json.decode(r.value or b"", type=Progress) for _, r in log.every("progress")}
    for component, entity in INPUTS:
        for partition in range(log.count(entity)):
            records = log.whole((entity, partition))
            if not records:
                continue
            said = newest.get(f"{component}/{entity}/{partition}".encode())
            if said is None or said.next_offset != records[-1].offset + 1:
                raise Broken(f"progress: {component} says {said}, {entity}[{partition}] ends at {records[-1].offset}")
    newest_ms: dict[int, int] = {}
    for _, _, decision in decisions(played):
        if decision.observed is not None and decision.sender.kind != "unread":
            partition = decision.observed.source[0]
            newest_ms[partition] = max(newest_ms.get(partition, 0), decision.event_time_ms)
    for partition, at_ms in newest_ms.items():
        if newest[f"gate/messages/{partition}".encode()].event_time_ms != at_ms:
            raise Broken(f"progress: the gate's event time in partition {partition} is not {at_ms}")
