"""The Faust app that all agents of a worker share."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import faust
from faust.auth import Credentials
from faust.types.transports import TransportT
from yarl import URL

from streams.agents.emit import Emitter
from streams.agents.errors import StateFailed, WorkerFailed
from streams.agents.followers import Followers
from streams.agents.gate import Turnstile
from streams.agents.outbox import Outbox
from streams.agents.progress import Progress
from streams.agents.stores import Budget, StoredTable
from streams.agents.transport import FETCH_BYTES, Consumer, TableManager, Transport

log = logging.getLogger(__name__)

CrashPoint = Literal["after-table-write", "after-send", "after-handler", "before-commit"]

# How long a handler and the acknowledgement of what it sent may hold up a rebalance; well inside the broker's patience.
SETTLE_S = 20.0


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Everything that differs between installations. Times in seconds, sizes in bytes.

    `max_record_bytes` must not exceed what the broker takes for any topic written here (1 MiB unless configured).
    """

    bootstrap: str
    group: str
    instance_id: str
    data_dir: Path
    prefix: str = "dualblock."
    partitions: int = 8
    replication: int = 1
    version: str = "0"
    commit_interval_s: float = 0.25
    progress_gap_s: float = 0.03
    session_timeout_s: float = 10.0
    delivery_timeout_s: float = 30.0
    max_record_bytes: int = 1_000_000
    #: One cache for all tables, and small: what an agent reads it has mostly just written, the rest is in the system's
    #: page cache. Buffers are each store's own, and there is a store for each partition of each table.
    block_cache_bytes: int = 8 * 1024 * 1024
    write_buffer_bytes: int = 1024 * 1024
    credentials: Credentials | None = None

    @property
    def progress_topic(self) -> str:
        return f"{self.prefix}progress.v1"


def _nothing(_: str) -> None:
    return


class AgentApp(faust.App):
    """One consumer group member: its agents, tables, producer and progress."""

    def __init__(self, settings: AgentSettings, *, crash_points: Callable[[CrashPoint], None]) -> None:
        self.settings = settings
        self.crash_points = crash_points
        self.consumed: set[str] = set()
        self.closed = False
        self.on_failure: Callable[[WorkerFailed], None] = _ignore
        self.on_ready: Callable[[], None] = _ready
        self.on_recovered: list[Callable[[], None]] = []
        self.budget = Budget(settings.block_cache_bytes, settings.write_buffer_bytes)
        self.gate = Turnstile()
        self.outbox = Outbox(timeout_s=settings.delivery_timeout_s, on_failure=lambda why: self.on_failure(why))
        self.emitter = Emitter(lambda: self.producer, max_record_bytes=settings.max_record_bytes)
        self.followers = Followers(self.outbox, self.emitter)
        self.progress = Progress(
            self.outbox, self.emitter, topic=settings.progress_topic, gap_s=settings.progress_gap_s
        )
        super().__init__(settings.group, **framework_options(settings))

    def _new_transport(self) -> TransportT:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> TransportT:
        return Transport(self.conf.broker_producer, self)

    @property
    def ready(self) -> bool:
        """Partitions are assigned, tables recovered, events are let in."""
        return self.gate.is_open

    def on_rebalance_end(self) -> None:
        super().on_rebalance_end()
        if not self.closed:
            try:
                for tell in self.on_recovered:
                    tell()
            except Exception as error:
                self.outbox.fail(StateFailed(f"The recovered tables can't be read: {error!r}"))
                return
            cast(Consumer, self.consumer).release_sources()
            self.gate.open()
            self.on_ready()

    async def settle(self) -> None:
        """Let no event in, finish the running ones, make everything durable, publish progress and commit.

        A handler that takes longer than SETTLE_S fails the worker: its partitions are about to get another owner.
        """
        if not await self.gate.close(SETTLE_S):
            self.outbox.fail(WorkerFailed(f"A handler is still running after {SETTLE_S:g} s."))
        consumer = cast(Consumer, self.consumer)
        # Otherwise it only waits for a commit that is under way, and that began before the last event was finished.
        while await consumer.maybe_wait_for_commit_to_finish():
            pass
        await consumer.commit()


def _ignore(why: WorkerFailed) -> None:
    log.critical("The agents' worker has failed: %s", why)


def _ready() -> None:
    log.info("Agents are ready.")


def framework_options(settings: AgentSettings) -> dict[str, Any]:
    """Our settings in the framework's words."""
    return {
        "broker": [URL(f"kafka://{server}") for server in settings.bootstrap.split(",")],
        "broker_client_id": settings.instance_id,
        "broker_credentials": settings.credentials,
        # Static membership: a restart within the session timeout takes its partitions back without a rebalance.
        "consumer_group_instance_id": settings.instance_id,
        "broker_session_timeout": settings.session_timeout_s,
        "broker_heartbeat_interval": settings.session_timeout_s / 4,
        "broker_request_timeout": max(40.0, settings.session_timeout_s),
        "broker_commit_interval": settings.commit_interval_s,
        "consumer_auto_offset_reset": "earliest",
        "consumer_max_fetch_size": FETCH_BYTES,
        "processing_guarantee": "at_least_once",
        # Its way of waiting counts events that sit in a queue and are about to be thrown away; `settle` is ours.
        "stream_wait_empty": False,
        "stream_buffer_maxsize": 1024,
        "producer_request_timeout": settings.delivery_timeout_s,
        "producer_max_request_size": settings.max_record_bytes,
        "store": "rocksdb://",
        "datadir": settings.data_dir / settings.instance_id,
        "table_standby_replicas": 0,
        "Table": StoredTable,
        "TableManager": TableManager,
        "topic_partitions": settings.partitions,
        "topic_replication_factor": settings.replication,
        "topic_disable_leader": True,
        "web_enabled": False,
        "web_tables_enabled": False,
        "web_router_enabled": False,
        "autodiscover": False,
        "worker_redirect_stdouts": False,
    }


def create_app(
    settings: AgentSettings,
    *,
    crash_points: Callable[[CrashPoint], None] = _nothing,
) -> AgentApp:
    """An app without agents yet: declare tables (`bytes_table`) and agents (`agent`), then `run_worker`.

    `crash_points` is for kill tests.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return AgentApp(settings, crash_points=crash_points)
