"""The transactional loop: consume, let a step handle, produce, commit all of it or nothing. Registrar, gate, meter,
recent and behaviour are five steps in this one loop.

Delivery guarantee: each input record's outputs are seen exactly once by readers of committed records, whatever is
killed when. Raw logs hold more: aborted attempts.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Iterator

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, Producer, TopicPartition

from streams.contracts.base import encoder
from streams.contracts.decisions import Progress
from streams.pipeline.assignment import Assignment
from streams.pipeline.commit import CommitPolicy
from streams.pipeline.errors import AbortNeeded, PipelineError, RestartNeeded, UnknownOutcome, attempt, kafka_error
from streams.pipeline.fuse import Fuse
from streams.pipeline.handler import Handler
from streams.pipeline.orphan import LastingConsumer
from streams.pipeline.replicator import no_crash, wall_ms
from streams.pipeline.settings import Config, LoopSettings
from streams.pipeline.step import Output, Step
from streams.pipeline.transaction import MakeProducer, Transaction
from streams.telemetry.metrics import count, gauge

log = structlog.get_logger()

#: With records pending, silence of this length means that waiting for more would only cost latency.
_QUIET_S = 0.002
_MAX_ABORTS_IN_A_ROW = 10


class Loop:
    """Runs one step in one thread. `crash` is called at named points; a fault drill kills the process there."""

    def __init__(
        self,
        step: Step,
        settings: LoopSettings,
        *,
        policy: CommitPolicy | None = None,
        fuse: Fuse | None = None,
        clock_ms: Callable[[], int] = wall_ms,
        monotonic_s: Callable[[], float] = time.monotonic,
        crash: Callable[[str], None] = no_crash,
        make_consumer: Callable[[Config], Consumer] = LastingConsumer,
        make_producer: MakeProducer = Producer,
    ) -> None:
        self._step, self._settings = step, settings
        self._policy = policy or CommitPolicy()
        self._fuse = fuse or Fuse()
        self._clock_ms, self._monotonic_s = clock_ms, monotonic_s
        self._crash = crash
        self._topic = settings.connection.topic(step.input)
        self._tx = Transaction(settings, make_producer)
        self._make_consumer = make_consumer
        self._parts = Assignment()
        self._handler = Handler(step, self._topic, self._tx, self._parts, self._fuse, clock_ms, monotonic_s)
        self._encode = encoder().encode
        self._stopping = False
        self._rewind = False  # the consumer's position is ahead of what is committed
        self._over: RestartNeeded | None = None
        self._carried: list[Message] = []
        self._assigned = False
        self._aborts = 0
        self.ready = False

    # -- life ----------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Finish the batch, commit, leave. From any thread or signal handler."""
        self._stopping = True

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT stop the loop. From the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())

    def run(self) -> None:
        """Until `stop`. Raises RestartNeeded (leave the process, start again) or what the step raised."""
        for _ in self.turns():
            pass

    def turns(self) -> Iterator[None]:
        """What `run` does, turn by turn: the simulation lets others have theirs in between. Raises what `run` does."""
        consumer: Consumer | None = None
        try:
            # First our predecessor's transaction is settled: until then its offsets are unstable.
            self._tx.start()
            while not self._stopping and not self._step.catch_up():
                yield
            consumer = self._consumer = self._make_consumer(self._settings.consumer())
            consumer.subscribe(
                [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
            while not self._stopping:
                self._turn()
                yield
            self._guarded(self._commit)
        except PipelineError as error:
            self._over = error if isinstance(error, RestartNeeded) else RestartNeeded(str(error))
            raise self._over from error
        except KafkaException as exception:
            # Of a fenced producer it has been seen outside of the calls that are documented to raise it.
            self._over = RestartNeeded(kafka_error(exception).str())
            raise self._over from exception
        except BaseException as error:
            self._over = RestartNeeded(str(error))
            raise
        finally:
            self._set_ready(False)
            self._tx.close()
            if consumer is not None:
                consumer.close()
            self._step.close()

    def _turn(self) -> None:
        if not self._step.catch_up():
            self._wait()
            return
        if not self.ready:
            self._resume()
        if flowing := self._handler.half_open(self._consumer):
            # Handled now, these would overtake the record that was waited for, and it would be skipped.
            self._carried = [m for m in self._carried if m.partition() not in flowing]
        batch = self._consume()
        if self._over is not None:
            raise self._over
        if self._rewind:
            self._guarded(self._seek_back)
            return
        if self._assigned:
            # New partitions came with this batch: the step must catch up for them before it sees their records.
            self._assigned, self._carried = False, batch
            return
        if batch:
            self._crash("after-consume")
        self._guarded(lambda: self._work(batch))

    def _work(self, batch: list[Message]) -> None:
        if batch:
            self._carried = self._handler.handle(batch, self._consumer)
            self._crash("after-produce")
        if self._handler.pending:
            now_s, at_end = self._monotonic_s(), not batch or self._parts.at_end()
            waited_ms, quiet_ms = (int((now_s - at_s) * 1000) for at_s in (self._handler.since_s, self._handler.last_s))
            # What the handler has left is for the next transaction: until this one ends it would only be handed back.
            if self._carried or self._policy.should_commit(self._handler.pending, waited_ms, at_end, quiet_ms):
                self._commit()
        elif not batch and self._parts.positions:
            outputs = self._step.idle(self._parts.ends(), self._clock_ms())
            if outputs:
                self._tx.write(outputs)
                self._commit(idle=True)

    # -- readiness -----------------------------------------------------------------------------------------------

    def _set_ready(self, ready: bool) -> None:
        self.ready = ready
        gauge("ready", float(ready), step=self._step.name)

    def _wait(self) -> None:
        """Not ready: stay in the group (rebalances are served), read nothing."""
        if self.ready:
            self._set_ready(False)
            log.warning("not_ready", step=self._step.name)
        # An open transaction holds back every reader of committed records; it must not wait with us.
        self._guarded(self._commit)
        if self._parts.positions:
            self._consumer.pause(self._places(self._parts.positions))
        message = self._consumer.poll(0.01)
        if message is not None:
            self._carried.append(message)
        if self._over is not None:
            raise self._over

    def _resume(self) -> None:
        if self._parts.positions:
            self._consumer.resume(self._places(self._parts.positions))
        self._set_ready(True)
        log.info("ready", step=self._step.name)

    # -- batches -------------------------------------------------------------------------------------------------

    def _consume(self) -> list[Message]:
        carried, self._carried = self._carried, []
        if carried:  # first what is here; the group is served all the same
            more = self._consumer.poll(0)
            return carried if more is None else [*carried, more]
        first = self._consumer.poll(_QUIET_S if self._handler.pending else self._settings.poll_s)
        if first is None:
            return []
        # consume() waits out its whole timeout unless the batch is full, hence the poll before it and the 0.
        return [first, *self._consumer.consume(self._settings.batch - 1, 0)]

    # -- transactions --------------------------------------------------------------------------------------------

    def _commit(self, idle: bool = False) -> None:
        """Checkpoint. The order is the guarantee."""
        if not self._handler.pending and not idle:
            return
        parts, tx = self._parts, self._tx
        positions = dict(parts.pending)
        # 1. What the step kept for this moment joins the transaction.
        if not idle:
            tx.write(tuple(self._step.flush(positions, parts.ends(), self._clock_ms())))
        # 2. So does our progress: readers never see it before the outputs it speaks of.
        tx.write([self._progress(p, offset) for p, offset in positions.items()])
        self._crash("after-flush")
        # 3. And the input offsets, with fresh group metadata: a worker that lost a partition is refused here.
        #    An idle transaction repeats where it stands, for the sake of that refusal.
        where = positions or {p: parts.positions[p] for p in parts.ends()}
        tx.send_offsets([self._offset(p, o) for p, o in where.items()], self._consumer.consumer_group_metadata())
        self._crash("after-send-offsets")
        written = tx.written.copy()
        # 4. From here on readers see 1 to 3 and all outputs together, or none of it.
        tx.commit()
        self._crash("after-commit")
        # 5. Only now does memory follow.
        self._step.committed()
        self._account(written)
        parts.pending.clear()
        self._handler.pending = self._aborts = 0

    def _account(self, written: dict[str, int]) -> None:
        name = self._step.name
        count("commits_total", step=name)
        count("records_total", self._handler.pending, step=name)
        for entity, number in written.items():
            count("outputs_total", number, step=name, entity=entity)
        gauge("event_time_seconds", max(self._step.newest_ms.values(), default=0) / 1000, step=name)

    def _progress(self, partition: int, offset: int) -> Output:
        progress = Progress(
            component=self._step.name,
            topic=self._step.input,
            partition=partition,
            next_offset=offset,
            event_time_ms=self._step.newest_ms.get(partition, 0),
        )
        return Output("progress", progress.key().encode(), self._encode(progress))

    def _offset(self, partition: int, offset: int) -> TopicPartition:
        # The highest event time travels with the offset: a successor goes on from it, in the same transaction.
        newest_ms = self._step.newest_ms.get(partition, 0)
        return TopicPartition(self._topic, partition, offset, metadata=str(newest_ms))

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do it; on an error that a replay mends, undo the transaction and seek back."""
        try:
            work()
        except (AbortNeeded, UnknownOutcome) as error:
            self._undo(error)
            self._seek_back()

    def _undo(self, error: PipelineError | None) -> None:
        """The open transaction never was. Raises RestartNeeded when even that can't be said."""
        why = "shutdown" if error is None else type(error).__name__
        self._aborts += 1
        log.warning(
            "transaction_undone", step=self._step.name, why=why, error=str(error), records=self._handler.pending
        )
        count("aborts_total", step=self._step.name, why=why)
        if self._aborts > _MAX_ABORTS_IN_A_ROW:
            raise RestartNeeded(f"{self._aborts} transactions in a row could not be committed: {error}")
        try:
            if isinstance(error, UnknownOutcome):
                self._tx.renew()
            else:
                self._tx.abort()
        except (AbortNeeded, UnknownOutcome):
            self._tx.renew()
        self._parts.pending.clear()
        self._handler.pending = 0
        self._rewind = True
        self._step.aborted()
        time.sleep(0.02 * (self._aborts - 1))

    def _seek_back(self) -> None:
        """The consumer's position isn't rolled back with a transaction: read again from what is committed."""
        self._rewind = False
        self._carried = []
        parts = self._parts
        for found in self._committed(self._places(parts.all())):
            partition, offset = found.partition, max(found.offset, 0)
            # What was undone has not been seen: a meter would close epochs whose records are still to come.
            self._step.newest_ms[partition] = _newest_ms(found.metadata)
            if partition in parts.held:
                parts.held[partition] = offset
                continue
            parts.add(partition, offset)
            self._handler.forget(partition)
            self._consumer.seek(
                TopicPartition(self._topic, partition, found.offset if found.offset >= 0 else OFFSET_BEGINNING)
            )

    def _committed(self, places: list[TopicPartition]) -> list[TopicPartition]:
        if not places:
            return []
        timeout = self._settings.deadline_s
        # A dead worker's open transaction makes offsets unstable until its timeout has passed.
        deadline = time.monotonic() + timeout + 2 * self._settings.transaction_timeout_ms / 1000
        while True:
            try:
                return attempt("committed", lambda: self._consumer.committed(places, timeout), deadline)
            except UnknownOutcome as error:
                if time.monotonic() >= deadline:
                    raise RestartNeeded(f"committed offsets can't be read: {error}") from error

    # -- the group; called from within poll and consume ----------------------------------------------------------

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._over is not None:
            return
        found = self._committed(partitions)
        for place in found:
            self._parts.add(place.partition, max(place.offset, 0))
            self._handler.forget(place.partition)
            self._step.newest_ms[place.partition] = _newest_ms(place.metadata)
            if place.offset < 0:
                place.offset = OFFSET_BEGINNING
        consumer.incremental_assign(found)
        self._assigned = True
        numbers = [place.partition for place in found]
        log.info("assigned", step=self._step.name, partitions=numbers)
        self._step.assigned(numbers)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._give_up(consumer, partitions, self._commit)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # Somebody else may have them already.
        self._give_up(consumer, partitions, lambda: self._undo(AbortNeeded("partitions were lost")))

    def _give_up(self, consumer: Consumer, partitions: list[TopicPartition], settle: Callable[[], None]) -> None:
        numbers = [place.partition for place in partitions]
        try:
            if self._over is None and self._handler.pending:
                try:
                    settle()
                except (AbortNeeded, UnknownOutcome) as error:
                    self._undo(error)
        except RestartNeeded as error:
            self._over = error  # raised by the loop: an exception must not end this callback half-way
        self._parts.remove(numbers)
        for number in numbers:
            self._handler.forget(number)
        self._step.revoked(numbers)
        for number in numbers:
            self._step.newest_ms.pop(number, None)
        log.info("revoked", step=self._step.name, partitions=numbers)
        consumer.incremental_unassign(partitions)

    def _places(self, partitions: Iterable[int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, partition) for partition in partitions]


def _newest_ms(metadata: str | None) -> int:
    try:
        return int(metadata or 0)
    except ValueError:
        return 0
