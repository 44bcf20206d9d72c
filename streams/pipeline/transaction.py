"""The producer's side of the loop: one transaction after the other, begun lazily, every error sorted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from streams.pipeline.bounded import Bounded, NotBack
from streams.pipeline.dead import OVERHEAD_BYTES, value_limit
from streams.pipeline.errors import AbortNeeded, RestartNeeded, UnknownOutcome, attempt, classify, kafka_error
from streams.pipeline.settings import Config, LoopSettings
from streams.pipeline.step import InvalidRecord, Output

log = structlog.get_logger()
MakeProducer = Callable[[Config], Producer]
#: On top of a call's own timeout, before its client is given up.
_GRACE_S = 2.0


class Transaction:
    """Begun by the first `write`, ended by `commit` or `abort`. One thread.

    An idle open transaction would hold back every reader of committed records, so there is none while nothing is
    written. All methods raise RestartNeeded, AbortNeeded or UnknownOutcome and nothing else of Kafka's.
    """

    def __init__(self, settings: LoopSettings, make_producer: MakeProducer = Producer) -> None:
        self._settings = settings
        self._make_producer = make_producer
        self._targets: dict[str, tuple[str, int]] = {}
        self._failed: KafkaError | None = None
        self._producer: Producer | None = None
        self._bounded = Bounded()
        self.open = False
        self.written: Counter[str] = Counter()

    def start(self) -> None:
        """Become the only producer under our id: a predecessor is fenced, its open transaction aborted."""
        config = {**self._settings.producer(), "on_delivery": self._on_delivery}
        producer = self._producer = self._make_producer(config)
        deadline = time.monotonic() + 4 * self._settings.deadline_s
        attempt("init_transactions", lambda: producer.init_transactions(self._settings.deadline_s), deadline)
        self.open, self._failed = False, None

    def renew(self) -> None:
        """After an unknown outcome: a new producer, which settles what the old one left open."""
        old, self._producer = self._producer, None
        if old is not None:
            old.purge()
            del old
        self.written.clear()
        self.start()

    def limit(self, entity: str) -> int:
        """Bytes of key and value that the entity's topic takes."""
        return self._target(entity)[1]

    def _target(self, entity: str) -> tuple[str, int]:
        found = self._targets.get(entity)
        if found is None:
            found = self._targets[entity] = (self._settings.connection.topic(entity), value_limit(entity))
        return found

    def write(self, outputs: Sequence[Output]) -> None:
        """Produce what belongs to one record. Raises InvalidRecord, before any of it, if one is too large."""
        if not outputs:
            return
        producer = self._running()
        if not self.open:
            self._begin(producer)
        for entity, key, value, _, _ in outputs:
            if value is not None and len(value) + len(key or b"") > self._target(entity)[1]:
                raise InvalidRecord("OUTPUT_TOO_LARGE", f"{len(value)} bytes for {entity}")
        for output in outputs:
            self._produce(producer, output)

    def _produce(self, producer: Producer, output: Output) -> None:
        entity, key, value, partition, headers = output
        topic = self._target(entity)[0]
        place = -1 if partition is None else partition
        while True:
            try:
                if headers:
                    producer.produce(topic, value, key, place, headers=list(headers))
                else:
                    producer.produce(topic, value, key, place)
            except BufferError:
                producer.poll(0.05)  # full: the network is behind, wait for it
                continue
            except KafkaException as exception:
                error = kafka_error(exception)
                # Neither fatal nor abortable: an unknown topic or partition, which no replay will mend.
                verdict = AbortNeeded if classify(error) is AbortNeeded else RestartNeeded
                raise verdict(f"produce to {topic}: {error.str()}") from exception
            self.written[entity] += 1
            return

    def _begin(self, producer: Producer) -> None:
        attempt("begin_transaction", producer.begin_transaction, self._deadline())
        self.open = True

    def send_offsets(self, positions: Iterable[TopicPartition], group: Any) -> None:
        """Put input offsets into the transaction. `group`: fresh consumer group metadata, which fences zombies."""
        producer = self._running()
        producer.poll(0)
        self._check_delivered()
        offsets = list(positions)
        timeout = self._settings.deadline_s

        def call() -> None:
            self._bounded(lambda: producer.send_offsets_to_transaction(offsets, group, timeout), timeout + _GRACE_S)

        try:
            attempt("send_offsets", call, self._deadline())
        except NotBack as error:
            self._producer = None  # not even purged: its locks may be held
            raise UnknownOutcome("send_offsets: the client has not come back") from error

    def commit(self) -> None:
        """Commit; waits for all deliveries."""
        producer = self._running()
        attempt("commit", lambda: producer.commit_transaction(self._settings.deadline_s), self._deadline())
        self._check_delivered()
        self.open = False
        self.written.clear()

    def abort(self) -> None:
        """Undo what was written. Raises RestartNeeded or UnknownOutcome."""
        producer = self._running()
        if self.open:
            try:
                attempt("abort", lambda: producer.abort_transaction(self._settings.deadline_s), self._deadline())
            except AbortNeeded as error:
                raise UnknownOutcome(str(error)) from error
        self.open, self._failed = False, None
        self.written.clear()

    def close(self) -> None:
        """Abort what is open, as far as that goes without waiting long."""
        try:
            if self._producer is not None and self.open:
                self._producer.abort_transaction(min(2.0, self._settings.deadline_s))
        except KafkaException as exception:
            log.warning("abort_at_close_failed", error=str(exception))
        self._producer = None
        self.open = False
        self._bounded.close()

    def _running(self) -> Producer:
        if self._producer is None:
            raise RestartNeeded("the producer could not be started again")
        return self._producer

    def _deadline(self) -> float:
        return time.monotonic() + self._settings.deadline_s

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        """Called for failed deliveries only, from within poll, flush or commit."""
        if error is None or error.code() in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT):
            return
        self._failed = error
        topic, size = message.topic(), len(message.value() or b"") + len(message.key() or b"")
        log.error("delivery_failed", topic=topic, bytes=size, error=error.str())
        if error.code() != KafkaError.MSG_SIZE_TOO_LARGE:
            return
        for entity, (name, limit) in self._targets.items():
            # The topic takes less than the contract says. Without a smaller limit the replay would end here again.
            if name == topic and entity.endswith(".dead"):
                self._targets[entity] = (name, max(0, min(limit, size - OVERHEAD_BYTES)))

    def _check_delivered(self) -> None:
        if self._failed is not None:
            raise AbortNeeded(f"delivery failed: {self._failed.str()}")
