"""The read_committed reader: what a consumer of decisions sees, and when. Recovery is measured here."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from streams.drill.history import Record
from streams.drill.processes import DrillStuck, Kill, now_ms
from streams.pipeline.settings import Connection

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


class Reader:
    """Follows `decisions` in a thread of its own until `stop`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stopping = threading.Event()
        self.records: list[Record] = []
        self.seen: list[Seen] = []
        self._thread = threading.Thread(target=self._run, name="drill-reader", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        consumer, _ = _consumer(self._connection, self._connection.topic("decisions"), committed=True)
        decode = msgspec.json.Decoder(_Seen).decode
        while not self._stopping.is_set():
            for message in consumer.consume(500, 0.02):
                if message.error() is not None:
                    continue
                record = _record(message)
                seen = decode(record.value)
                self.records.append(record)
                self.seen.append(Seen(now_ms(), seen.event_time_ms, seen.observed.gate, seen.observed.source))
        consumer.close()

    def __len__(self) -> int:
        return len(self.records)

    def stop(self) -> None:
        """Stop following. May be called again."""
        self._stopping.set()
        self._thread.join(10)

    def wait(self, count: int, within_s: float) -> None:
        """Until so many decisions were seen. Raises DrillStuck."""
        deadline = time.monotonic() + within_s
        while len(self) < count:
            if time.monotonic() > deadline:
                raise DrillStuck(f"{len(self)} of {count} decisions were readable after {within_s:g} s")
            time.sleep(0.02)

    def owned(self, kill: Kill) -> frozenset[int]:
        """The partitions of `messages` that a gate was the last to decide before it was killed."""
        last: dict[int, str] = {}
        for seen in self.seen:
            if seen.event_time_ms <= kill.at_ms:
                last[seen.source[0]] = seen.gate
        # One that had none to decide takes nothing away; then any partition's next decision will do.
        return frozenset(p for p, gate in last.items() if gate == f"gate-{kill.instance}") or frozenset(last)

    def recovery_s(self, kill: Kill, within_s: float) -> float:
        """Seconds from a kill until decisions on events fed after it were readable for every partition of the dead.

        Waits for it; answers infinity when it does not come within `within_s` of the kill.
        """
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


def _consumer(connection: Connection, topic: str, *, committed: bool) -> tuple[Consumer, int]:
    consumer = Consumer(
        {
            **connection.base(),
            "group.id": f"{connection.prefix}drill-reader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
            "isolation.level": "read_committed" if committed else "read_uncommitted",
        }
    )
    count = len(consumer.list_topics(topic, 10).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(count)])
    return consumer, count
