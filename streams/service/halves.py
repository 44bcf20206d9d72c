"""First halves of 7726 forwards, kept in Kafka until the second comes: in `reports.halves`, by the one listener.

Delivery guarantee: a half and what follows from it (the report, the dead letter) are one transaction. The static
transactional id fences a listener that was replaced; what it had acknowledged stands in the topic.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

import msgspec
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from streams.contracts.base import encoder
from streams.contracts.reports import Half
from streams.engine.pack import Pack
from streams.engine.pseudonym import Keys
from streams.engine.recipient import recipient_key
from streams.intake.base import Intake
from streams.intake.forwards import SOURCE, Outcome, forward_of, lost, take
from streams.pipeline.errors import PipelineError
from streams.pipeline.reporting import ReportSink, idempotent
from streams.pipeline.settings import Connection

_TIMEOUT_S = 10.0
_READ_S = 30.0


class HalfStore:
    """Context manager. Not thread-safe: one call at a time. Times in ms."""

    def __init__(self, connection: Connection, pack: Pack, keys: Keys, sink: ReportSink, timeout_ms: int) -> None:
        self._connection, self._pack, self._keys, self._sink = connection, pack, keys, sink
        self._timeout_ms = timeout_ms
        self._encode = encoder().encode
        self._held: dict[str, Half] = {}
        self._topic = connection.topic("reports.halves")
        self._producer: Producer | None = None

    def __enter__(self) -> Self:
        self._open()
        return self

    def _open(self) -> None:
        config = idempotent(self._connection, "dualblock-halves")
        name = f"{self._connection.prefix}reports-listen"
        self._producer = Producer({**config, "transactional.id": name, "transaction.timeout.ms": 10_000})
        self._producer.init_transactions(_READ_S)  # the predecessor's transaction is settled, and it is fenced
        self._held = self._read()

    def _read(self) -> dict[str, Half]:
        decode, found, at_end = msgspec.json.Decoder(Half).decode, dict[str, Half](), False
        consumer = Consumer(
            {
                **self._connection.base(), "group.id": f"{self._connection.prefix}reports-listen",
                "enable.auto.commit": False, "auto.offset.reset": "earliest", "enable.partition.eof": True,
                "isolation.level": "read_committed",
            }
        )  # fmt: skip
        consumer.assign([TopicPartition(self._topic, 0, 0)])
        try:
            while not at_end:
                batch = consumer.consume(1000, _READ_S)
                if not batch:
                    raise PipelineError("reports.halves can't be read to its end.")
                for message in batch:
                    error, key = message.error(), (message.key() or b"").decode("utf-8", "replace")
                    if error is not None:
                        at_end = at_end or error.code() == KafkaError._PARTITION_EOF
                    elif (value := message.value()) is None:
                        found.pop(key, None)
                    else:
                        found[key] = decode(value)
        finally:
            consumer.close()
        return found

    def take(self, raw: bytes, now_ms: int) -> Outcome:
        """A forward as it came; when this returns, Kafka has what follows. Raises RowRefused, PipelineError."""
        forward = forward_of(raw)
        key = recipient_key(forward.reporter, self._pack.grammar, self._keys)
        found = take(forward, raw, self._held.get(key), Intake(SOURCE, now_ms), self._timeout_ms)
        if found.half is not None or found.dead is not None:
            self._write(key, found)
        if found.half is not None:
            self._held[key] = found.half
        return found

    def expire(self, now_ms: int) -> int:
        """Halves whose time is over become dead letters; answered ones are forgotten. Answers how many went."""
        due = [(key, half) for key, half in self._held.items() if now_ms - half.received_at_ms > self._timeout_ms]
        for key, half in due:
            dead = lost(half) if half.answered_by is None else None
            self._write(key, Outcome("alone", "", dead=dead), forget=True)
            del self._held[key]
        return len(due)

    def _write(self, key: str, found: Outcome, forget: bool = False) -> None:
        producer = self._producer
        if producer is None:
            self._open()
            raise PipelineError("The halves were read again: try once more.")
        try:
            producer.begin_transaction()
            if found.report is not None:
                its_key, value, partition = self._sink.record(found.report)
                producer.produce(self._sink.topic, value, its_key, partition)
            if found.half is not None or forget:
                half = None if found.half is None else self._encode(found.half)
                producer.produce(self._topic, half, key.encode(), 0)
            if found.dead is not None:
                reason, body = found.dead
                dead = self._connection.topic("reports.halves.dead")
                producer.produce(dead, body, key.encode(), 0, headers=[("reason", reason.encode())])
            producer.commit_transaction(_TIMEOUT_S)
        except Exception as error:
            # Whether it was committed is not known: what stands in the topic is read before anything else is taken.
            self._producer = None
            raise PipelineError(f"The forward was not taken: {error}") from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._producer = None
