"""Feeds a replica from its compacted topics. Polled by a step between batches, on the same thread: no locks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from streams.heap import settle
from streams.pipeline.errors import AbortNeeded, RestartNeeded, kafka_error
from streams.pipeline.orphan import LastingConsumer
from streams.pipeline.progress import ProgressWriter
from streams.pipeline.settings import Config, Connection, replica_consumer
from streams.pipeline.topics import DELETE_RETENTION_MS, describe, find_leaders
from streams.pipeline.watch import TopicWatch
from streams.replica.base import Replica
from streams.replica.changes import Applied, Change, Entity
from streams.replica.disk import DiskError
from streams.telemetry.metrics import count

log = structlog.get_logger()
Place = tuple[Entity, int]
E = TypeVar("E", bound=str)
Listener = Callable[[Sequence[Applied]], None]

BATCH = 5000
_STAMP_EVERY_S = 60.0
_RETRY_S = 3.0  # between two looks at a disk that failed
_TIMEOUT_S = 10.0


def no_crash(point: str) -> None:
    """The default of `crash`: nothing happens."""


def wall_ms() -> int:
    """The wall clock in ms."""
    return time.time_ns() // 1_000_000


class Replicator:
    """Reads all partitions of some entities into a replica, from where it stopped.

    "Caught up" is what partition ends say: high watermarks lie above the last record of a transactional topic.
    """

    def __init__(
        self,
        connection: Connection,
        name: str,
        replica: Replica,
        entities: Sequence[Entity],
        *,
        clock_ms: Callable[[], int] = wall_ms,
        max_age_ms: int = DELETE_RETENTION_MS // 2,
        make_consumer: Callable[[Config], Consumer] = LastingConsumer,
        crash: Callable[[str], None] = no_crash,
    ) -> None:
        """name: the component is `replica/<name>` in `progress`. crash: called around `apply`, for a fault drill."""
        self._connection, self._name = connection, name
        self.replica, self.entities = replica, tuple(entities)
        self._listener: Listener | None = None
        self._clock_ms = clock_ms
        self._max_age_ms = max_age_ms
        self._make_consumer = make_consumer
        self._crash = crash
        self._consumer: Consumer | None = None
        self._ids: dict[str, str] = {}
        self._entity_of: dict[str, Entity] = {connection.topic(e): e for e in self.entities}
        self._places: list[Place] = []
        self._ended: dict[Place, int] = {}  # the highest end seen, since the replica was last empty or opened
        self._behind: set[Place] = set()  # records have come since
        self._needed: dict[Place, int] = {}
        self._watch = TopicWatch(connection, entities)
        self._progress = ProgressWriter(connection, name)
        self._stamped_s = 0.0
        self._tried_s = -_RETRY_S

    def listen(self, listener: Listener) -> None:
        """Have `listener` told of each batch that was applied."""
        self._listener = listener

    @property
    def caught_up(self) -> bool:
        """Every partition's end has been seen since the start, and every end that `require` asked for.

        Stays true when the topics move on: who decides with rows a moment old goes on deciding.
        """
        if len(self._ended) < len(self._places) or not self._places or self.replica.fault is not None:
            return False
        return not self._needed or all(self._ended.get(p, -1) >= end for p, end in self._needed.items())

    def open(self) -> None:
        """Start reading. Raises TopicError when a topic is missing, RestartNeeded when Kafka can't be reached."""
        described = describe(self._connection, self.entities)
        self._ids = {entity: topic_id for entity, (topic_id, _) in described.items()}
        self._places = [(e, p) for e in self.entities for p in range(described[e][1])]
        self._consumer = self._make_consumer(replica_consumer(self._connection, self._name))
        find_leaders(self._consumer, self._entity_of)
        if self.replica.next_offsets():
            if not self.replica.usable(self._ids, self._clock_ms(), self._max_age_ms):
                self._rebuild("layout" if self.replica.layout_differs else "stale")
            elif not self._within():
                self._rebuild("out_of_range")
        if not self.replica.next_offsets():
            self._mended()
            # From an empty replica nothing can be missing that is deleted after this moment.
            self.replica.stamp(self._ids, self._clock_ms())
        self._assign()

    def _within(self) -> bool:
        """Whether every offset to go on from still exists."""
        for (entity, partition), offset in self.replica.next_offsets().items():
            if partition >= sum(e == entity for e, _ in self._places):
                return False
            low, high = self._running().get_watermark_offsets(
                TopicPartition(self._connection.topic(entity), partition), timeout=_TIMEOUT_S
            )
            if not low <= offset <= high:
                return False
        return True

    def _assign(self) -> None:
        offsets: Mapping[tuple[str, int], int] = self.replica.next_offsets()
        self._running().assign(
            [
                TopicPartition(self._connection.topic(e), p, offsets.get((e, p), OFFSET_BEGINNING))
                for e, p in self._places
            ]
        )
        self._ended.clear()
        self._behind = set(self._places)

    def _rebuild(self, why: str) -> None:
        log.warning("replica_rebuild", replica=self._name, why=why)
        count("replica_rebuilds_total", replica=self._name, why=why)
        self.replica.wipe()
        self.replica.stamp(self._ids, self._clock_ms())

    def check(self) -> None:
        """Before what was decided is committed. Raises AbortNeeded if the replica failed meanwhile."""
        if (said := self.replica.fault) is not None:
            raise AbortNeeded(f"replica {self._name}: {said}")

    def _recovered(self) -> bool:
        """After a fault: whether it is open again. Asks the disk every few seconds."""
        now_s = time.monotonic()
        if now_s - self._tried_s < _RETRY_S:
            time.sleep(0.05)
            return False
        log.error("replica_fault", replica=self._name, said=self.replica.fault)
        count("replica_faults_total", replica=self._name)
        self._tried_s = now_s
        try:
            self.replica.recover()
        except DiskError as error:
            log.error("replica_stopped", replica=self._name, error=str(error))
            return False
        if not self.replica.next_offsets():
            self._mended()
            self.replica.stamp(self._ids, self._clock_ms())
        self._assign()
        return True

    def _mended(self) -> None:
        if self.replica.mended is not None:
            log.warning("replica_rebuild", replica=self._name, why="damaged", said=self.replica.mended)
            count("replica_rebuilds_total", replica=self._name, why="damaged")

    def catch_up(self) -> bool:
        """For a step's `catch_up`: opens at the first call, then polls, waiting a little while not caught up."""
        self.poll(0.0 if self.caught_up else 0.05)
        return self.caught_up

    def poll(self, wait_s: float = 0.0, budget_s: float = 0.05) -> int:
        """Apply what is there: at least one batch, more within `budget_s`. Waits `wait_s` if there is nothing.

        Answers how many changes counted. Raises RestartNeeded.
        """
        if self._consumer is None:
            self.open()
        if self.replica.fault is not None and not self._recovered():
            return 0
        if other := self._watch.other(self._ids):
            self._ids |= other
            self._rebuild("recreated")
            self._assign()
        applied, until = 0, time.monotonic() + budget_s
        while True:
            batch = self._fetch(wait_s)
            if not batch:
                break
            applied += self._take(batch)
            wait_s = 0.0
            # After a fault nothing more may be applied: what could not be would be skipped.
            if time.monotonic() >= until or self.replica.fault is not None:
                break
        if self.replica.fault is not None:
            return applied
        if self._progress.due(at_end=not self._behind):
            self._progress.write(self.replica.next_offsets(), self._ended)
        self._stamp()
        return applied

    def _fetch(self, wait_s: float) -> list[Message]:
        consumer = self._running()
        if wait_s:
            first = consumer.poll(wait_s)
            return [] if first is None else [first, *consumer.consume(BATCH - 1, 0)]
        return consumer.consume(BATCH, 0)

    def _take(self, batch: Iterable[Message]) -> int:
        changes: list[Change] = []
        bad = self.replica.bad_count
        for message in batch:
            error = message.error()
            entity = self._entity_of.get(message.topic() or "")
            if error is not None:
                if self._event(error, message, entity):
                    return 0  # the replica was wiped, what came before went with it
                continue
            partition, offset = message.partition(), message.offset()
            if entity is None or partition is None or offset is None:
                continue
            self._behind.add((entity, partition))
            key = (message.key() or b"").decode("utf-8", "replace")
            changes.append(Change(entity, partition, offset, key, message.value()))
        if not changes:
            return 0
        self._crash("before-apply")
        try:
            applied = self.replica.apply(changes)
        except Exception:
            if self.replica.fault is None:
                raise
            return 0  # read again when the disk can be written
        # On disk with its offsets; neither the listener nor `progress` know of it yet.
        self._crash("after-apply")
        self._account(changes, applied, self.replica.bad_count - bad)
        return len(applied)

    def _account(self, changes: list[Change], applied: list[Applied], bad: int) -> None:
        for entity in self.entities:
            if taken := sum(a.entity == entity for a in applied):
                count("replica_changes_total", taken, replica=self._name, entity=entity)
        if bad:
            last = self.replica.bad[-1]
            # Without the key: it may be somebody's number.
            where = {"entity": last.entity, "partition": last.partition, "offset": last.offset}
            log.error("replica_bad_changes", replica=self._name, number=bad, reason=last.reason, **where)
            count("replica_bad_changes_total", bad, replica=self._name, entity=last.entity)
        self._progress.touch(changes, applied)
        if applied and self._listener is not None:
            self._listener(applied)

    def _event(self, error: KafkaError, message: Message, entity: Entity | None) -> bool:
        """An end or an error. True: the replica has been wiped."""
        partition = message.partition()
        if error.code() == KafkaError._PARTITION_EOF and entity is not None and partition is not None:
            place = (entity, partition)
            before = self.caught_up
            self._ended[place] = max(self._ended.get(place, -1), message.offset() or 0)
            self._behind.discard(place)
            if self.caught_up and not before:
                self._arrived()
            return False
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            self._rebuild("out_of_range")
            self._assign()
            return True
        if error.fatal() or error.code() == KafkaError._FATAL:
            raise RestartNeeded(f"replica {self._name}: {error.str()}")
        # Brokers away, leader moving, topic gone: librdkafka goes on trying, and we go on with what we hold.
        log.warning("replica_consumer_error", replica=self._name, error=error.str())
        return False

    def _arrived(self) -> None:
        log.info("replica_caught_up", replica=self._name, offsets=len(self._ended))
        settle()
        self._progress.touch_all(self._places)
        self._stamped_s = 0.0

    def _stamp(self) -> None:
        now_s = time.monotonic()
        if self.caught_up and not self._behind and now_s - self._stamped_s >= _STAMP_EVERY_S:
            self._stamped_s = now_s
            self.replica.stamp(self._ids, self._clock_ms())

    def require(self, entity: Entity, partitions: Iterable[int]) -> None:
        """Not caught up before everything is read that stands in these partitions now, open transactions included.

        Raises RestartNeeded when Kafka can't say where they end.
        """
        ends = end_offsets(self._connection, [(entity, p) for p in partitions])
        self._needed.update(ends)

    def close(self) -> None:
        """Stop reading; the replica stays open."""
        if self._consumer is not None:
            if self.caught_up and not self._behind:
                self.replica.stamp(self._ids, self._clock_ms())
            self._consumer.close()
            self._consumer = None
        self._progress.close()

    def _running(self) -> Consumer:
        if self._consumer is None:
            raise RestartNeeded(f"replica {self._name} isn't open")
        return self._consumer


def end_offsets(connection: Connection, places: Sequence[tuple[E, int]]) -> dict[tuple[E, int], int]:
    """One past the last record of each partition, uncommitted and control records included."""

    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the stub leaves it untyped
    wanted = {TopicPartition(connection.topic(e), p): latest for e, p in places}
    names = {(connection.topic(e), p): (e, p) for e, p in places}
    found: dict[tuple[E, int], int] = {}
    admin = AdminClient(connection.base())  # named: dropped, it takes its futures with it
    futures = admin.list_offsets(wanted, request_timeout=_TIMEOUT_S)
    for topic_partition, future in futures.items():
        try:
            found[names[topic_partition.topic, topic_partition.partition]] = future.result(_TIMEOUT_S + 5).offset
        except KafkaException as exception:
            raise RestartNeeded(f"the end of a topic is unknown: {kafka_error(exception).str()}") from exception
    return found
