"""Our subclasses of the framework's Kafka transport: what it gets wrong for us, and nothing else.

The hooks overridden here are private or change between releases; the versions are pinned in pyproject.toml and
tests/agents/test_plumbing_hooks.py fails when one of them moves.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, cast

from faust import tables as faust_tables
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, FutureMessage, HeadersArg, RecordMetadata

from streams.agents.errors import WorkerFailed

if TYPE_CHECKING:
    from streams.agents.app import AgentApp


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Reads committed data only."""

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # The framework reads uncommitted data outside its own (broken) exactly-once mode: aborted votes would count.
        consumer._isolation_level = "read_committed"
        return consumer


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
