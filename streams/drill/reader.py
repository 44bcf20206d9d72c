"""The read_committed reader: what a consumer of decisions sees, and when. Recovery is measured here."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.contracts.decisions import Progress
from streams.drill.feeder import QUIET
from streams.drill.processes import DrillStuck, Kill, now_ms
from streams.pipeline.errors import RestartNeeded
from streams.pipeline.orphan import LastingConsumer
from streams.pipeline.settings import Connection
from streams.replay.history import Record

_READ_S = 60.0


class _Observed(msgspec.Struct):
    gate: str
    source: tuple[int, int]


class _Seen(msgspec.Struct):
    event_time_ms: int
    observed: _Observed


class Seen(NamedTuple):
    """A decision, when it was first readable (wall clock, ms), by whom it was made and from which input."""

    seen_ms: int
    event_time_ms: int
    gate: str
    source: tuple[int, int]


class Came(NamedTuple):
    """A component had processed everything below `next_offset`, and that was readable from `seen_ms` on."""

    seen_ms: int
    component: str
    entity: str
    partition: int
    next_offset: int


class Follower:
    """Reads a topic as a read_committed consumer does, in a thread of its own until `stop`."""

    def __init__(self, connection: Connection, topic: str) -> None:
        self._connection, self._topic = connection, topic
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"drill-reads-{topic}", daemon=True)

    def _run(self) -> None:
        positions: dict[int, int] = {}
        while not self._stopping.is_set():
            try:
                consumer, _ = _consumer(self._connection, self._topic, committed=True, positions=positions)
            except KafkaException:
                continue  # Kafka is still away
            try:
                self._read(consumer, positions)
            except RestartNeeded:
                continue  # with a new client from where this one stood, as any reader must
            finally:
                consumer.close()

    def _read(self, consumer: Consumer, positions: dict[int, int]) -> None:
        while not self._stopping.is_set():
            for message in consumer.consume(500, 0.02):
                if message.error() is None:
                    record = _record(message)
                    positions[record.partition] = record.offset + 1
                    self.take(record, now_ms())

    def take(self, record: Record, seen_ms: int) -> None:
        """A record has become readable."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop following. May be called again."""
        self._stopping.set()
        self._thread.join(10)


class ProgressReader(Follower):
    """Follows `progress`: how far each component had come when, as a consumer of committed records was told."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, connection.topic("progress"))
        self._prefix, self._decode = connection.prefix, msgspec.json.Decoder(Progress).decode
        self.came: list[Came] = []
        self._thread.start()

    def take(self, record: Record, seen_ms: int) -> None:
        """A component has come further."""
        one = self._decode(record.value)
        entity = one.topic.removeprefix(self._prefix).removesuffix(".v1")
        self.came.append(Came(seen_ms, one.component, entity, one.partition, one.next_offset))


class Reader(Follower):
    """Follows `decisions`. slack: stretches what it is given to wait."""

    def __init__(self, connection: Connection, slack: float = 1.0) -> None:
        super().__init__(connection, connection.topic("decisions"))
        self._slack = slack
        self._decode = msgspec.json.Decoder(_Seen).decode
        self.records: list[Record] = []
        self.seen: list[Seen] = []
        self._thread.start()

    def take(self, record: Record, seen_ms: int) -> None:
        """A decision has become readable."""
        seen = self._decode(record.value)
        self.records.append(record)
        self.seen.append(Seen(seen_ms, seen.event_time_ms, seen.observed.gate, seen.observed.source))

    def __len__(self) -> int:
        return len(self.records)

    def wait(self, count: int, within_s: float) -> None:
        """Until so many decisions were seen. Raises DrillStuck."""
        within_s *= self._slack
        deadline = time.monotonic() + within_s
        while len(self) < count:
            if time.monotonic() > deadline:
                raise DrillStuck(f"{len(self)} of {count} decisions were readable after {within_s:g} s")
            time.sleep(0.02)

    def owned(self, kill: Kill) -> frozenset[int]:
        """The partitions of `messages` that a gate was the last to decide before it was killed."""
        last: dict[int, str] = {}
        for seen in self.seen:
            if seen.seen_ms <= kill.at_ms:
                last[seen.source[0]] = seen.gate
        # One that had none to decide takes nothing away; then any partition's next decision will do.
        return frozenset(p for p, gate in last.items() if gate == f"gate-{kill.instance}") or frozenset(last)

    def recovery_s(self, kill: Kill, within_s: float) -> float:
        """Seconds from a kill until decisions on events fed after it were readable for every partition of the dead.

        Waits for it; answers infinity when it does not come within `within_s` of the kill.
        """
        within_s *= self._slack
        missing = set(self.owned(kill))
        at, worst = 0, 0.0
        while missing:
            seen = self.seen[at:]
            at += len(seen)
            for one in seen:
                if one.source[0] in missing and one.event_time_ms > kill.at_ms:
                    missing.discard(one.source[0])
                    worst = max(worst, (one.seen_ms - kill.at_ms) / 1000)
            if missing and now_ms() - kill.at_ms > within_s * 1000:
                return float("inf")
            time.sleep(0.01)
        return worst


def read(connection: Connection, topic: str, *, committed: bool = True) -> list[Record]:
    """Everything in a topic up to its end, in order within each partition. Raises DrillStuck."""
    consumer, places = _consumer(connection, topic, committed=committed)
    found: list[Record] = []
    unfinished, deadline = set(range(places)), time.monotonic() + _READ_S
    while unfinished:
        for message in consumer.consume(5000, 0.05):
            error = message.error()
            if error is None:
                found.append(_record(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                unfinished.discard(message.partition() or 0)
        if time.monotonic() > deadline:
            consumer.close()
            raise DrillStuck(f"{topic}: partitions {sorted(unfinished)} could not be read to their end")
    consumer.close()
    return found


def end(connection: Connection, topic: str) -> int:
    """Where the partitions of a topic end, summed; transaction markers included."""
    consumer, places = _consumer(connection, topic, committed=False)
    highs = [consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in range(places)]
    consumer.close()
    return sum(highs)


def _record(message: Message) -> Record:
    partition, offset = message.partition(), message.offset()
    key, value, at = message.key(), message.value(), message.timestamp()
    return Record(partition or 0, offset or 0, key or b"", value or b"", at[1])


def _consumer(
    connection: Connection, topic: str, *, committed: bool, positions: Mapping[int, int] = MappingProxyType({})
) -> tuple[Consumer, int]:
    consumer = LastingConsumer(
        {
            **connection.base(),
            "log_level": QUIET,
            "group.id": f"{connection.prefix}drill-reader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
            "isolation.level": "read_committed" if committed else "read_uncommitted",
        }
    )
    count = len(consumer.list_topics(topic, 10).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, p, positions.get(p, OFFSET_BEGINNING)) for p in range(count)])
    return consumer, count
