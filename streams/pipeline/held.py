"""What a step keeps, in memory and on a compacted topic of its own: the newest value of each key of our partitions.

The step writes a value in the transaction that consumes what it rests on, under its input's partition. So who gets a
partition reads the topic's to its end, and has what its predecessor had when it committed; after an abort, whose
outcome may be unknown, likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from streams.pipeline.errors import RestartNeeded
from streams.pipeline.orphan import LastingConsumer
from streams.pipeline.replicator import end_offsets
from streams.pipeline.settings import Config, Connection, replica_consumer
from streams.telemetry.metrics import count

log = structlog.get_logger()
_BATCH = 5000
_WAIT_S = 0.02


class Held:
    """One thread, polled by the step between batches. No record is read while all is known."""

    def __init__(
        self,
        connection: Connection,
        entity: str,
        name: str,
        make_consumer: Callable[[Config], Consumer] = LastingConsumer,
    ) -> None:
        self._connection, self._entity, self._name = connection, entity, name
        self._make_consumer = make_consumer
        self._consumer: Consumer | None = None
        self._values: dict[int, dict[bytes, bytes]] = {}
        self._next: dict[int, int] = {}  # one past the last record read, by partition
        self._unread: dict[int, int | None] = {}  # partition → up to where; None: not asked yet

    def get(self, partition: int, key: bytes) -> bytes | None:
        """The newest committed value."""
        return self._values.get(partition, {}).get(key)

    def keep(self, partition: int, values: Mapping[bytes, bytes]) -> None:
        """These were committed."""
        self._values.setdefault(partition, {}).update(values)

    def assigned(self, partitions: Iterable[int]) -> None:
        """Ours from now on."""
        self._unread |= dict.fromkeys(partitions)

    def again(self) -> None:
        """What stands on the topic may be more than is known here."""
        self._unread |= dict.fromkeys({*self._values, *self._unread})

    def revoked(self, partitions: Iterable[int]) -> None:
        """Another's now."""
        for partition in partitions:
            for held in (self._values, self._next, self._unread):
                held.pop(partition, None)
        self._follow()

    def catch_up(self) -> bool:
        """Read a little; whether all is known. Raises RestartNeeded."""
        if not self._unread:
            if self._consumer is not None:
                self._consumer.poll(0)  # nothing is assigned; its own news would pile up
            return True
        if asked := [partition for partition, end in self._unread.items() if end is None]:
            ends = end_offsets(self._connection, [(self._entity, partition) for partition in asked])
            self._unread |= {partition: end for (_, partition), end in ends.items()}
            for partition in asked:
                self._values.setdefault(partition, {})
            self._follow()
        consumer = self._running()
        first = consumer.poll(_WAIT_S)
        for message in [] if first is None else [first, *consumer.consume(_BATCH - 1, 0)]:
            self._take(message)
        return not self._unread

    def _take(self, message: Message) -> None:
        partition, error = message.partition() or 0, message.error()
        if error is not None:
            self._event(error, partition, message.offset() or 0)
            return
        if partition not in self._unread:
            return
        self._next[partition] = (message.offset() or 0) + 1
        key, value = message.key() or b"", message.value()
        if value is None:
            self._values[partition].pop(key, None)
        else:
            self._values[partition][key] = value

    def _event(self, error: KafkaError, partition: int, offset: int) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            end = self._unread.get(partition)
            if end is not None and offset >= end:
                self._next[partition] = offset
                del self._unread[partition]
                if not self._unread:
                    self._follow()
        elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            log.warning("held_rebuild", name=self._name, partition=partition)
            count("replica_rebuilds_total", replica=self._name, why="out_of_range")
            self._values[partition] = {}
            self._next.pop(partition, None)
            self._follow()
        elif error.fatal() or error.code() == KafkaError._FATAL:
            raise RestartNeeded(f"{self._name}: {error.str()}")
        else:
            log.warning("held_consumer_error", name=self._name, error=error.str())

    def _follow(self) -> None:
        """Read what is unread, from where each was left."""
        if self._consumer is None and not self._unread:
            return
        topic = self._connection.topic(self._entity)
        self._running().assign(
            [TopicPartition(topic, p, self._next.get(p, OFFSET_BEGINNING)) for p in sorted(self._unread)]
        )

    def _running(self) -> Consumer:
        if self._consumer is None:
            self._consumer = self._make_consumer(replica_consumer(self._connection, self._name))
        return self._consumer

    def close(self) -> None:
        """Stop reading."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
