"""Our subclasses of the framework's Kafka transport: what it gets wrong for us, and nothing else.

The hooks overridden here are private or change between releases; the versions are pinned in pyproject.toml and
tests/agents/test_plumbing_hooks.py fails when one of them moves.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from aiokafka.consumer.fetcher import FetchError
from faust import tables as faust_tables
from faust.transport.consumer import RecordMap
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, FutureMessage, HeadersArg, RecordMetadata

from streams.agents.errors import WorkerFailed

if TYPE_CHECKING:
    from streams.agents.app import AgentApp


FETCH_WAIT_MS = 100
#: Fetched bytes, as compressed as they were written, of one partition, and of all of one answer. While those of a
#: partition are not unpacked it is not fetched again. A record or batch that is larger still comes: a broker gives the
#: first one that it meets in full, and which partition it meets first is drawn by lot for each fetch.
FETCH_BYTES = 128 * 1024
ANSWER_BYTES = 8 * 1024 * 1024
#: Records that are unpacked at a time, of each partition. Unpacked whole, a fetch is ten times its size as objects.
UNPACKED = 100


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Reads committed data only."""

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # The framework reads uncommitted data outside its own (broken) exactly-once mode: aborted votes would count.
        consumer._isolation_level = "read_committed"
        # One fetch per broker is under way at a time. With the framework's 1.5 s, one for idle partitions holds up that
        # of a partition which has just been emptied, or sought.
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        consumer._fetch_max_bytes = ANSWER_BYTES
        return consumer

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: Any,
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> RecordMap:
        # A limit of the framework's would be one for all: partitions are then emptied in turn, and one without a
        # backlog waits behind those that have one. So each partition gives its share.
        held = consumer._fetcher._records
        ready = [tp for tp in tuple(held) if active_partitions is None or tp in active_partitions]
        # An error raises: before anything is taken that would be lost with it.
        ready.sort(key=lambda tp: type(held[tp]) is not FetchError)
        found: dict[Any, Any] = {}
        for tp in ready:
            found.update(await super()._fetch_records(consumer, {tp}, 0, UNPACKED))
        if found:
            return cast(RecordMap, found)
        return await super()._fetch_records(consumer, active_partitions, timeout, UNPACKED)


class Members:
    """A set as seen by `in`: true even when it is empty."""

    def __init__(self, tps: set[TP]) -> None:
        self._tps = tps

    def __contains__(self, tp: TP) -> bool:
        return tp in self._tps


class Consumer(driver.Consumer):
    """Commits what is durable, and hands partitions over only when nothing is half done."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        # The caller passes the offset of a real record as the inclusive end of the gap before it. That record is then
        # "acknowledged" twice, the run of offsets ends there, and the commit moves one transaction marker per interval.
        await super()._add_gap(tp, offset_from, offset_to - 1)

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        app = cast("AgentApp", self.app)
        if app.closed:
            return False
        try:
            # Progress first, and it drains first: a crash between the two repeats events, which is harmless. The other
            # way round a crash would leave the last events without a progress record for ever.
            await app.progress.publish()
        except WorkerFailed:
            return False
        app.crash_points("before-commit")
        return bool(await super()._commit_offsets(offsets, start_new_transaction=start_new_transaction))

    async def _wait_next_records(self, timeout: float) -> tuple[RecordMap | None, set[TP] | None]:
        # The framework sleeps a whole second when no partition is active, which is so at the end of every recovery.
        while self.flow_active and not self.should_stop and not self._get_active_partitions():
            await asyncio.sleep(0.02)
        records, active = await super()._wait_next_records(timeout)
        return records, active

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> RecordMap:
        # The set is alive, and empty means "all" to the client: when recovery pauses the last changelog, a fetch still
        # waiting would take the sources' records, move their positions, and have them dropped as not active.
        alive = None if active_partitions is None else cast("set[TP]", Members(active_partitions))
        return await super()._getmany(alive, 0.05 if self.app.rebalancing else timeout)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        # After recovery the framework lets sources flow, then seeks to the committed offsets, then clears the queues.
        # What came in between is lost, for ever where nothing was committed yet, because then it doesn't seek at all.
        if self.app.rebalancing:
            tps = [tp for tp in tps if self._is_changelog_tp(tp)]
        super().resume_partitions(tps)

    def release_sources(self) -> None:
        """Let the sources flow: recovery has sought and cleared for the last time."""
        super().resume_partitions({tp for tp in self.assignment() if not self._is_changelog_tp(tp)})

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        # The framework drops acknowledgements first and doesn't wait for a running handler: it would go on writing to
        # tables and changelogs that belong to the next owner already.
        app = cast("AgentApp", self.app)
        await app.settle()
        app.progress.forget(revoked)
        await super().on_partitions_revoked(revoked)

    def verify_event_path(self, now: float, tp: TP) -> None:
        # Its alarms compare the position with the high watermark, which a trailing transaction marker keeps apart.
        return


class Producer(driver.Producer):
    """Idempotent, and every send is watched."""

    def _settings_extra(self) -> Mapping[str, Any]:
        # A retry after a timeout must not put an old state behind a newer one in a compacted topic.
        return {"acks": "all", "enable_idempotence": True}

    def send_soon(self, fut: FutureMessage) -> None:
        # Watched from here on: between the buffer and the client a record is in neither's count.
        cast("AgentApp", self.app).outbox.watch(fut)
        super().send_soon(fut)

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: HeadersArg | None,
        *,
        transactional_id: str | None = None,
    ) -> Awaitable[RecordMetadata]:
        sent = await super().send(topic, key, value, partition, timestamp, headers, transactional_id=transactional_id)
        cast("AgentApp", self.app).outbox.watch(cast("asyncio.Future[RecordMetadata]", sent))
        return sent


class TableManager(faust_tables.TableManager):
    """Starts at once."""

    async def on_start(self) -> None:
        # The framework sleeps a second here, for tables that are declared late. Ours are all declared before the start.
        await self._update_channels()
        await self.recovery.start()


class Transport(driver.Transport):
    Consumer = Consumer
    Producer = Producer
