"""Reads `recent` and `outcomes` into a store of deliveries: our partitions of the one, all of the other.

Delivery guarantee: the store is the committed records of each partition up to the offset in it, written together. Kill
it anywhere: it goes on from there. Records that retention has deleted before they were read are missing, and the marks
say from when on nothing is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from streams.pipeline.errors import RestartNeeded
from streams.pipeline.orphan import LastingConsumer
from streams.pipeline.replicator import no_crash
from streams.pipeline.settings import Config, Connection, replica_consumer
from streams.pipeline.topics import describe, find_leaders
from streams.pipeline.watch import TopicWatch
from streams.replica.recents import Place, Taken
from streams.replica.recents_rocks import RocksRecents
from streams.telemetry.metrics import count

log = structlog.get_logger()

ENTITIES = ("recent", "outcomes")
_BATCH = 2000
_SWEEP_EVERY_S = 1.0
_SWEEP_ROWS = 2000


class Following:
    """One thread, polled by the step between batches. crash: called around `take`, for a fault drill."""

    def __init__(
        self,
        connection: Connection,
        name: str,
        store: RocksRecents,
        *,
        make_consumer: Callable[[Config], Consumer] = LastingConsumer,
        crash: Callable[[str], None] = no_crash,
    ) -> None:
        self.store = store
        self._connection, self._name, self._crash = connection, name, crash
        self._make_consumer = make_consumer
        self._consumer: Consumer | None = None
        self._entity_of = {connection.topic(entity): entity for entity in ENTITIES}
        self._ids: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._unread: set[Place] = set()
        self._watch = TopicWatch(connection, ENTITIES)
        self._swept_s = 0.0

    @property
    def partitions(self) -> int:
        """Of `recent`; known once it is open."""
        return self._counts["recent"]

    def open(self) -> None:
        """Start reading outcomes. Raises TopicError when a topic is missing, RestartNeeded when Kafka is away."""
        described = describe(self._connection, ENTITIES)
        self._ids = {entity: topic_id for entity, (topic_id, _) in described.items()}
        self._counts = {entity: number for entity, (_, number) in described.items()}
        held = self.store.topic_ids()
        for entity in ENTITIES:
            if held.get(entity, self._ids[entity]) != self._ids[entity]:
                self._wipe(entity, "recreated")
        self.store.stamp(self._ids)
        self._consumer = self._make_consumer(replica_consumer(self._connection, self._name))
        find_leaders(self._consumer, self._entity_of)
        self._assign([("outcomes", p) for p in range(self._counts["outcomes"])])

    def assigned(self, partitions: Iterable[int]) -> None:
        """Follow these partitions of `recent` from now on."""
        self._assign([("recent", p) for p in partitions])

    def revoked(self, partitions: Iterable[int]) -> None:
        """They are another's now. What is held of them stays: it is still true when they come back."""
        places = [("recent", p) for p in partitions]
        self._unread.difference_update(places)
        if self._consumer is not None:
            self._consumer.incremental_unassign([self._at(place) for place in places])

    def catch_up(self) -> bool:
        """Take what is there; whether every place has been read to its end since it was assigned."""
        if self._consumer is None:
            self.open()
        self._recreated()
        self.poll(0.02 if self._unread else 0.0)
        now_s = time.monotonic()
        if not self._unread and now_s - self._swept_s >= _SWEEP_EVERY_S:
            self._swept_s = now_s
            self.store.sweep(_SWEEP_ROWS)
        return not self._unread

    def poll(self, wait_s: float) -> None:
        """One batch. Raises RestartNeeded, DiskError."""
        consumer = self._running()
        first = consumer.poll(wait_s)
        batch = [] if first is None else [first, *consumer.consume(_BATCH - 1, 0)]
        taken: list[Taken] = []
        for message in batch:
            place = (self._entity_of.get(message.topic() or "", ""), message.partition() or 0)
            error = message.error()
            if error is not None:
                if self._event(error, place):
                    taken = [one for one in taken if one.entity != place[0]]  # went with what was wiped
            else:
                taken.append(Taken(*place, message.offset() or 0, message.value() or b""))
        if not taken:
            return
        self._crash("before-take")
        bad = self.store.take(taken)
        self._crash("after-take")
        if bad:
            log.error("recent_bad_records", name=self._name, number=bad)
            count("replica_bad_changes_total", bad, replica=self._name, entity="recent")

    def _event(self, error: KafkaError, place: Place) -> bool:
        """An end or an error. True: what was held of the place has been wiped."""
        if error.code() == KafkaError._PARTITION_EOF:
            self._unread.discard(place)
        elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            self._again(place, "out_of_range")
            return True
        elif error.fatal() or error.code() == KafkaError._FATAL:
            raise RestartNeeded(f"{self._name}: {error.str()}")
        else:
            log.warning("recent_consumer_error", name=self._name, error=error.str())
        return False

    def _again(self, place: Place, why: str) -> None:
        entity = place[0]
        places = [place] if entity == "recent" else [(entity, p) for p in range(self._counts[entity])]
        log.warning("replica_rebuild", replica=self._name, why=why)
        count("replica_rebuilds_total", replica=self._name, why=why)
        self.store.wipe(place)
        self._running().incremental_unassign([self._at(p) for p in places])
        self._assign(places)

    def _recreated(self) -> None:
        for entity, topic_id in self._watch.other(self._ids).items():
            self._ids[entity] = topic_id
            self.store.stamp(self._ids)
            for place in self._following(entity):
                self._again(place, "recreated")

    def _wipe(self, entity: str, why: str) -> None:
        count("replica_rebuilds_total", replica=self._name, why=why)
        for place in [p for p in self.store.next_offsets() if p[0] == entity]:
            self.store.wipe(place)

    def _following(self, entity: str) -> list[Place]:
        if entity == "outcomes":
            return [("outcomes", 0)]  # `_again` takes all of them
        topic = self._connection.topic(entity)
        return [(entity, p.partition) for p in self._running().assignment() if p.topic == topic]

    def _assign(self, places: list[Place]) -> None:
        self._unread.update(places)
        self._running().incremental_assign([self._at(place) for place in places])

    def _at(self, place: Place) -> TopicPartition:
        offset = self.store.next_offsets().get(place, OFFSET_BEGINNING)
        return TopicPartition(self._connection.topic(place[0]), place[1], offset)

    def _running(self) -> Consumer:
        if self._consumer is None:
            raise RestartNeeded(f"{self._name} isn't open")
        return self._consumer

    def close(self) -> None:
        """Stop reading and close the store."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
        self.store.close()
