"""From Kafka into a lake: committed records only, from where the lake stands, in batches that are committed whole.

Delivery guarantees: each committed record of a topic is in the lake once, or once in `unreadable`. Kafka holds no
offsets for it and there is no group: the lake's manifest says where to read on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.lake.errors import LakeError
from streams.lake.lake import Lake
from streams.lake.tables import Record

_BATCH = 5000
_TIMEOUT_S = 30.0
_POLL_S = 0.2


class Topic(NamedTuple):
    """A topic to read: its name in Kafka, Kafka's id of it, and its number of partitions."""

    name: str
    topic_id: str
    partitions: int


class Limits(NamedTuple):
    """When a batch is committed: at so many records or bytes, or after so many seconds; at the end of all topics."""

    rows: int = 50_000
    bytes: int = 64 << 20
    seconds: float = 30.0


LIMITS = Limits()


def consumer_config(base: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the consumer, over those that reach the broker."""
    return {
        **base,
        "client.id": "dualblock-lake",
        "group.id": "dualblock-lake",  # required by the client, and unused: nothing is subscribed or committed
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # An offset that is gone is a gap, and a person decides about gaps.
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 100,
        "queued.min.messages": 20_000,
        "queued.max.messages.kbytes": 65_536,
    }


class Intake:
    """Reads topics into a lake. `topics`: by entity; all of them are taken up, or the first one that can't is said."""

    def __init__(
        self, lake: Lake, base: Mapping[str, Any], topics: Mapping[str, Topic], *, limits: Limits = LIMITS,
        accept_gaps: bool = False, clock: Callable[[], float] = time.monotonic,
        make_consumer: Callable[[dict[str, Any]], Consumer] = Consumer,
    ) -> None:  # fmt: skip
        self._lake, self._limits, self._clock = lake, limits, clock
        self._entities = {topic.name: entity for entity, topic in topics.items()}
        self._next: dict[tuple[str, int], int] = {}
        self._ended: set[tuple[str, int]] = set()
        self._records: list[Record] = []
        self._bytes = 0
        self._since = clock()
        self._consumer = make_consumer(consumer_config(base))
        try:
            for entity, topic in topics.items():
                lake.begin(entity, topic.topic_id, self._firsts(topic), accept_gaps=accept_gaps)
            self._assign(topics)
        except BaseException:
            self._consumer.close()
            raise

    def close(self) -> None:
        """Leave Kafka. What is not committed is read again by the next one."""
        self._consumer.close()

    @property
    def at_end(self) -> bool:
        """Whether every partition was read to where it ended when somebody last looked."""
        return len(self._ended) == len(self._next)

    @property
    def pending(self) -> int:
        """Records read and not yet committed."""
        return len(self._records)

    def due(self) -> bool:
        """Whether what was read is to be committed now."""
        if not self._records:
            return False
        full = len(self._records) >= self._limits.rows or self._bytes >= self._limits.bytes
        return full or self._clock() - self._since >= self._limits.seconds

    def poll(self) -> None:
        """Read some records. Raises LakeError when a topic can't be read."""
        first = self._consumer.poll(_POLL_S)
        if first is None:
            return
        room = min(_BATCH, self._limits.rows - len(self._records) - 1)
        for message in (first, *(self._consumer.consume(room, 0) if room > 0 else ())):
            self._take(message)

    def commit(self) -> Counter[str]:
        """Commit what was read; returns the rows added to each table. Raises what `Lake.commit` does."""
        added: Counter[str] = Counter()
        moved = {key: after for key, after in self._next.items() if after != self._lake.manifest.next_offset(*key)}
        if moved:
            added = self._lake.commit(self._records, moved)
        self._records.clear()
        self._bytes = 0
        return added

    def _take(self, message: Message) -> None:
        entity, partition = self._entities[message.topic() or ""], message.partition() or 0
        key, offset = (entity, partition), message.offset() or 0
        error = message.error()
        if error is not None and error.code() == KafkaError._PARTITION_EOF:
            # Behind the last record may stand markers of transactions: read on behind them.
            self._next[key] = max(self._next[key], offset)
            self._ended.add(key)
        elif error is not None and error.retriable():
            return
        elif error is not None:
            raise LakeError(f"{message.topic()}/{partition} can't be read: {error.str()}.")
        else:
            if not self._records:
                self._since = self._clock()
            value = message.value()
            self._records.append(Record(entity, partition, offset, message.timestamp()[1], value))
            self._bytes += len(value or b"")
            self._next[key] = offset + 1
            self._ended.discard(key)

    def _firsts(self, topic: Topic) -> dict[int, int]:
        """The first offset that Kafka has of each partition."""
        firsts: dict[int, int] = {}
        for number in range(topic.partitions):
            place = TopicPartition(topic.name, number)
            try:
                low, _ = self._consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)
            except KafkaException as exception:
                raise LakeError(f"{topic.name}/{number} can't be read: {exception.args[0]}.") from exception
            firsts[number] = low
        return firsts

    def _assign(self, topics: Mapping[str, Topic]) -> None:
        places = []
        for entity, topic in topics.items():
            for number in range(topic.partitions):
                at = self._lake.manifest.next_offset(entity, number)
                assert at is not None  # `begin` has taken it up
                self._next[entity, number] = at
                places.append(TopicPartition(topic.name, number, at))
        self._consumer.assign(places)


def run(
    intake: Intake, stop: Callable[[], bool], committed: Callable[[Counter[str]], None], *, follow: bool = False
) -> None:
    """Read until the end of every topic, or with `follow` until `stop()`; `committed` gets what each batch added."""
    while not stop() and (follow or not intake.at_end):
        intake.poll()
        if intake.due():
            committed(intake.commit())
    if added := intake.commit():
        committed(added)
