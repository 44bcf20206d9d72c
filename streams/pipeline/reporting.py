"""Writes reports to `reports.keyed`: each to the partition where its reporter's deliveries are."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException, Message

from streams.contracts.base import encoder
from streams.contracts.reports import Report
from streams.engine.deliveries import partition_of, reporter_key
from streams.engine.pack import Pack
from streams.engine.pseudonym import Keys
from streams.pipeline.dead import value_limit
from streams.pipeline.errors import PipelineError, kafka_error
from streams.pipeline.orphan import LastingProducer
from streams.pipeline.settings import Config, Connection
from streams.pipeline.step import InvalidRecord
from streams.pipeline.topics import describe

_FLUSH_S = 60.0


def idempotent(connection: Connection, name: str) -> Config:
    """Settings of a producer that writes each record once while it lives."""
    return {
        **connection.base(),
        "client.id": name,
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 5,
        "queue.buffering.max.messages": 100_000,
    }


class ReportSink:
    """An idempotent producer; somebody must poll it. Raises TopicError when `reports.keyed` is missing."""

    def __init__(self, connection: Connection, pack: Pack, keys: Keys, name: str) -> None:
        self.topic, self._pack, self._keys = connection.topic("reports.keyed"), pack, keys
        self._partitions = describe(connection, ("reports.keyed",))["reports.keyed"][1]
        self._encode = encoder().encode
        self._failed: KafkaError | None = None
        self._limit = value_limit("reports.keyed")
        self.producer = LastingProducer({**idempotent(connection, name), "on_delivery": self._delivered})

    def record(self, report: Report) -> tuple[bytes, bytes, int]:
        """Key, value and partition of a report. Raises InvalidRecord when it is larger than the topic takes."""
        key = reporter_key(report, self._pack, self._keys)
        return key.encode(), checked(self._encode(report), self._limit), partition_of(key, self._partitions)

    def send(self, report: Report) -> None:
        """Hand over; waits while the queue is full. Raises InvalidRecord, PipelineError."""
        key, value, partition = self.record(report)
        while True:
            try:
                self.producer.produce(self.topic, value, key, partition)
                break
            except BufferError:
                self.producer.poll(0.1)
            except KafkaException as exception:
                raise PipelineError(f"The import stopped: {kafka_error(exception).str()}.") from exception
        self.producer.poll(0)
        self._check()

    def flush(self) -> None:
        """Wait until Kafka has everything. Raises PipelineError."""
        left = self.producer.flush(_FLUSH_S)
        self._check()
        if left:
            raise PipelineError(f"Kafka has not taken {left} reports within {_FLUSH_S:g} s: run it again.")

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and self._failed is None:
            self._failed = error

    def _check(self) -> None:
        if self._failed is not None:
            raise PipelineError(f"Kafka did not take the reports ({self._failed.str()}): run it again, none doubles.")


def checked(value: bytes, limit: int) -> bytes:
    """The value. Raises InvalidRecord when it is too large."""
    if len(value) > limit:
        raise InvalidRecord("REPORT_TOO_LARGE", f"{len(value)} bytes")
    return value
