"""Publish a generation on `feeds`: its rows, then a heartbeat and a manifest in every partition.

Delivery: each record is acknowledged by all replicas before the manifests are sent, so a manifest never vouches for a
row that is not there. Run again after an interruption, the same records are sent; the registrar takes each row once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException, Message, Producer, murmur2

from streams.cli.imports.plan import Import, Plan
from streams.contracts.base import encoder
from streams.contracts.feeds import Beat, Heartbeat, Manifest, RegistryValue, key_of
from streams.errors import InputError
from streams.pipeline.errors import PipelineError, kafka_error
from streams.pipeline.settings import Connection
from streams.pipeline.topics import describe

_FLUSH_S = 60.0


def publish(
    connection: Connection, plan: Plan, spec: Import, *, fresh_until_ms: int, sent: Callable[[int], None]
) -> int:
    """Send everything; answers how many records. `sent` gets the number sent so far.

    Raises TopicError when `feeds` is missing, PipelineError when Kafka does not take the records.
    """
    partitions = describe(connection, ("feeds",))["feeds"][1]
    out = _Feeds(connection, sent)
    encode = encoder().encode
    counts, digests = [0] * partitions, [hashlib.sha256() for _ in range(partitions)]
    for row in plan.rows:
        key, value = row.key.encode(), encode(row)
        place = murmur2(key, partitions)
        out.send(key, value, place)
        counts[place] += 1
        digests[place].update(value)
    for row in plan.ended:
        key = row.key.encode()
        out.send(key, encode(row), murmur2(key, partitions))
    out.flush()
    beat = Beat(recorded_at_ms=spec.as_of_ms, fresh_until_ms=fresh_until_ms)
    heartbeat = Heartbeat(feed=spec.feed, beats=(beat,), complete_for=spec.complete_for)
    for place in range(partitions):
        manifest = Manifest(
            generation=spec.manifest, feed=spec.feed, from_ms=spec.as_of_ms, partition=place, partitions=partitions,
            rows=counts[place], sha256=digests[place].hexdigest(),
        )  # fmt: skip
        marks: tuple[RegistryValue, ...] = (heartbeat, manifest)
        for mark in marks:
            out.send(key_of(mark).encode(), encode(mark), place)
    out.flush()
    return out.count


class _Feeds:
    """An idempotent producer that keeps order within a partition and remembers the first failure."""

    def __init__(self, connection: Connection, sent: Callable[[int], None]) -> None:
        self._topic = connection.topic("feeds")
        self._sent = sent
        self._failed: KafkaError | None = None
        self.count = 0
        self._producer = Producer(
            {
                **connection.base(),
                "client.id": "dualblock-import",
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "compression.type": "lz4",
                "linger.ms": 20,
                "queue.buffering.max.messages": 200_000,
                "delivery.report.only.error": True,
                "on_delivery": self._delivered,
            }
        )

    def send(self, key: bytes, value: bytes, partition: int) -> None:
        """Hand a record over; waits while the queue is full."""
        while True:
            try:
                self._producer.produce(self._topic, value, key, partition)
                break
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as exception:
                error = kafka_error(exception)
                if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                    raise InputError(f"{key.decode()} has {len(value)} bytes, more than feeds takes.") from exception
                raise PipelineError(f"The import stopped: {error.str()}. Run it again to resume.") from exception
        self.count += 1
        self._producer.poll(0)
        self._check()
        self._sent(self.count)

    def flush(self) -> None:
        """Wait until everything is acknowledged. Raises PipelineError."""
        left = self._producer.flush(_FLUSH_S)
        self._check()
        if left:
            raise PipelineError(f"Kafka has not taken {left} records within {_FLUSH_S:g} s: run the import again.")

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and self._failed is None:
            self._failed = error

    def _check(self) -> None:
        if self._failed is not None:
            raise PipelineError(f"The import stopped: {self._failed.str()}. Run it again to resume.")
