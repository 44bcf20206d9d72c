"""What happens to the records of a batch: handed to the step, its outputs written, the unreadable put aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from streams.pipeline.assignment import NEVER, Assignment
from streams.pipeline.dead import dead_letter
from streams.pipeline.errors import PipelineError, RestartNeeded
from streams.pipeline.fuse import Fuse
from streams.pipeline.step import Input, InvalidRecord, NotYet, Step
from streams.pipeline.transaction import Transaction
from streams.telemetry.metrics import count, gauge

log = structlog.get_logger()

#: A batch is cut when its transaction has been open for so long. On a machine that gives us a twentieth of a core a
#: whole batch takes longer than a transaction may (10 s): fenced, started again, and fenced again, for ever.
LONG_S = 0.5

#: Errors of the consumer that waiting does not mend.
_HOPELESS = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.FENCED_INSTANCE_ID,
        KafkaError._FENCED, KafkaError._FATAL, KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)  # fmt: skip


class Handler:
    """The hot path. `pending` records are in the open transaction, the first of them since `since_s`, the last of them
    since `last_s` (monotonic)."""

    def __init__(
        self,
        step: Step,
        topic: str,
        tx: Transaction,
        parts: Assignment,
        fuse: Fuse,
        clock_ms: Callable[[], int],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._step, self._topic, self._tx, self._parts = step, topic, tx, parts
        self._fuse, self._clock_ms, self._monotonic_s = fuse, clock_ms, monotonic_s
        self.pending = 0
        self.since_s = self.last_s = 0.0
        self._waiting: dict[int, Callable[[], bool]] = {}  # partitions paused at a record that must wait

    def handle(self, batch: list[Message], consumer: Consumer) -> list[Message]:
        """Hand each record to the step and write its outputs; answers what is left for the next transaction.

        Raises what `Transaction.write` does.
        """
        handle, write, fuse = self._step.handle, self._tx.write, self._fuse
        positions, ended, pending = self._parts.positions, self._parts.ended, self._parts.pending
        self.last_s = self._monotonic_s()
        if not self.pending:
            self.since_s = self.last_s
        for number, message in enumerate(batch):
            if self.pending and self._monotonic_s() - self.since_s >= LONG_S:
                return batch[number:]
            error = message.error()
            if error is not None:
                self._event(error, message)
                continue
            partition, offset = message.partition(), message.offset()
            # Not ours any more, held by the fuse, or handled before (a rebalance or a seek came in between).
            if partition is None or offset is None or offset < positions.get(partition, NEVER):
                continue
            record = Input(partition, offset, message.key(), message.value(), message.timestamp()[1])
            if partition in ended:
                del ended[partition]
            before = pending.get(partition)
            positions[partition] = pending[partition] = offset + 1
            self.pending += 1
            try:
                outputs = handle(record)
            except NotYet as later:
                self._put_off(consumer, record, later, before)
                continue
            except InvalidRecord as invalid:
                self._reject(consumer, record, invalid.reason, invalid.detail)
                continue
            except PipelineError:
                raise  # not the record's fault, nor a bug
            except Exception as bug:
                log.exception("step_failed", step=self._step.name, partition=partition, offset=offset)
                count("step_failures_total", step=self._step.name)
                self._reject(consumer, record, "STEP_FAILED", repr(bug))
                continue
            try:
                write(outputs)
            except InvalidRecord as invalid:
                self._reject(consumer, record, invalid.reason, invalid.detail)
                continue
            if fuse.watching():
                fuse.good(partition)
        return []

    def _put_off(self, consumer: Consumer, record: Input, later: NotYet, before: int | None) -> None:
        """As if the record had not been read: nothing of it is in the transaction, and nothing behind it is handled."""
        partition, parts = record.partition, self._parts
        self.pending -= 1
        parts.positions[partition] = record.offset
        if before is None:
            del parts.pending[partition]
        else:
            parts.pending[partition] = before
        parts.hold(partition)
        consumer.pause(self._places([partition]))
        self._waiting[partition] = later.ready

    def forget(self, partition: int) -> None:
        """The partition is no longer ours, or came anew."""
        self._waiting.pop(partition, None)
        self._fuse.forget(partition)

    def _reject(self, consumer: Consumer, record: Input, reason: str, exception: str) -> None:
        """A dead letter, and what the step answers all the same."""
        step, entity = self._step, self._step.input
        letter, cut = dead_letter(
            record,
            entity=entity,
            topic=self._topic,
            reason=reason,
            exception=exception,
            at_ms=self._clock_ms(),
            limit=self._tx.limit(f"{entity}.dead"),
        )
        self._tx.write([letter])
        count("dead_letters_total", step=step.name, reason=reason)
        if cut:
            count("dead_letters_cut_total", step=step.name)
        try:
            self._tx.write(step.fallback(record, reason))
        except PipelineError:
            raise
        except Exception:
            log.exception("fallback_failed", step=step.name, partition=record.partition, offset=record.offset)
            count("step_failures_total", step=step.name)
        if self._fuse.bad(record.partition, int(self._monotonic_s() * 1000)):
            self._parts.hold(record.partition)
            consumer.pause(self._places([record.partition]))
            count("fuse_trips_total", step=step.name)
            gauge("fuse_open_partitions", len(self._parts.held), step=step.name)
            log.error("fuse_tripped", step=step.name, partition=record.partition, offset=record.offset, reason=reason)

    def _event(self, error: KafkaError, message: Message) -> None:
        partition = message.partition()
        if error.code() == KafkaError._PARTITION_EOF and partition is not None:
            if partition in self._parts.positions:
                self._parts.ended[partition] = message.offset() or 0
        elif error.fatal() or error.code() in _HOPELESS:
            raise RestartNeeded(f"{self._topic}: {error.name()}: {error.str()}")
        else:
            log.warning("consumer_error", step=self._step.name, error=error.str())

    def half_open(self, consumer: Consumer) -> set[int]:
        """Let partitions flow again whose rest is over, or whose record need not wait any longer; answers which.

        They are read again from where they were held: what is left of them from before must not be handled.
        """
        flowing = {p for p, ready in self._waiting.items() if ready()}
        for partition in flowing:
            del self._waiting[partition]
            self._flow(consumer, partition)
        if not self._fuse.watching():
            return flowing
        for partition in self._fuse.half_open(int(self._monotonic_s() * 1000)):
            offset = self._flow(consumer, partition)
            if offset is None:
                continue
            flowing.add(partition)
            log.warning("fuse_half_open", step=self._step.name, partition=partition, offset=offset)
            gauge("fuse_open_partitions", len(self._parts.held), step=self._step.name)
        return flowing

    def _flow(self, consumer: Consumer, partition: int) -> int | None:
        offset = self._parts.release(partition)
        if offset is not None:
            consumer.resume(self._places([partition]))
            consumer.seek(TopicPartition(self._topic, partition, offset))
        return offset

    def _places(self, partitions: Iterable[int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, partition) for partition in partitions]
