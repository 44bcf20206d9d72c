"""How far the stages behind the gates are behind: by the offsets that their groups have committed on what they read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from streams.contracts.topics import TOPICS
from streams.drill.feeder import QUIET
from streams.drill.processes import DrillStuck
from streams.pipeline.settings import Connection

#: Who is further behind than this under steady load is falling behind, and its memory with it.
BEHIND_S = 10.0
_LOOK_S = 30.0
_NONE_MS = 2**63

#: Group → the entities that it reads. A stage is asked after those that feed it.
STAGES: dict[str, tuple[str, ...]] = {
    "meter": ("decisions",),
    "agents": tuple(topic.entity for topic in TOPICS if any(reader.endswith("agent") for reader in topic.readers)),
}


class Behind(NamedTuple):
    """The input on which a stage is furthest behind, and by how many seconds; 0 on none."""

    entity: str
    seconds: float


def half(rates: Mapping[str, float]) -> tuple[str, float]:
    """The slowest stage, and half of what it takes. rates: messages per second by stage. Pure."""
    slowest = min(rates, key=lambda stage: rates[stage])
    return slowest, rates[slowest] / 2


def furthest(oldest_ms: Mapping[str, int], now_ms: int) -> Behind:
    """oldest_ms: by entity, when the oldest record that waits was written; what has none is left out. Pure."""
    if not oldest_ms:
        return Behind("", 0.0)
    entity = min(oldest_ms, key=lambda one: oldest_ms[one])
    return Behind(entity, max(0.0, (now_ms - oldest_ms[entity]) / 1000))


def judge(behind: Mapping[str, Behind], within_s: float = BEHIND_S) -> list[str]:
    """Which stages fall behind, as sentences. Pure. A backlog that grows is no steady state, however flat."""
    return [
        f"{stage} is {one.seconds:.1f} s behind on {one.entity}, the limit is {within_s:g}: the load is not half of it"
        for stage, one in behind.items()
        if one.seconds > within_s
    ]


def oldest(connection: Connection, stage: str) -> dict[str, int]:
    """By entity: when the oldest committed record was written that the stage has not committed as done.

    Nobody joins the group for it. Raises DrillStuck.
    """
    consumer = Consumer(
        {
            **connection.base(),
            "log_level": QUIET,
            "group.id": f"{connection.prefix}{stage}",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 10,
            "fetch.queue.backoff.ms": 10,
        }
    )
    found: dict[str, int] = {}
    try:
        topics = consumer.list_topics(timeout=10).topics
        names = {connection.topic(entity): entity for entity in STAGES[stage]}
        places = [TopicPartition(name, p) for name in names if name in topics for p in topics[name].partitions]
        done = consumer.committed(places, timeout=10)
        # Below 0: nothing of it was ever done.
        at = [TopicPartition(p.topic, p.partition, p.offset if p.offset >= 0 else OFFSET_BEGINNING) for p in done]
        consumer.assign(at)
        unseen, deadline = {(p.topic, p.partition) for p in at}, time.monotonic() + _LOOK_S
        while unseen:
            if time.monotonic() > deadline:
                raise DrillStuck(f"{len(unseen)} inputs of {stage} could not be looked at within {_LOOK_S:g} s")
            for message in consumer.consume(500, 0.05):
                place, error = (message.topic() or "", message.partition() or 0), message.error()
                if place not in unseen or (error is not None and error.code() != KafkaError._PARTITION_EOF):
                    continue
                unseen.discard(place)
                if error is None:
                    entity = names[place[0]]
                    found[entity] = min(found.get(entity, _NONE_MS), message.timestamp()[1])
    finally:
        consumer.close()
    return found
