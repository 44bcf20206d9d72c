"""`dualblock api`: the verification API over a replica of its own, and its audit log on Kafka."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Callable

import structlog
from aiohttp import web
from confluent_kafka import KafkaException

from streams import __version__
from streams.api.door import Door, Rules
from streams.api.keys import KeyFile
from streams.api.server import AuditFailed, Pace, Server
from streams.config import Api, Settings
from streams.contracts.base import encoder
from streams.contracts.verify import Verification
from streams.errors import ConfigError
from streams.pipeline.errors import PipelineError
from streams.pipeline.orphan import LastingProducer
from streams.pipeline.replicator import Replicator
from streams.pipeline.reporting import idempotent
from streams.pipeline.settings import Connection
from streams.pipeline.topics import describe
from streams.replica.changes import Entity
from streams.service import wiring
from streams.service.acknowledged import acknowledged
from streams.service.follower import ReplicaFollower
from streams.telemetry.metrics import gauge

log = structlog.get_logger()
ENTITIES: tuple[Entity, ...] = ("registry", "sanctions", "policy", "blacklists")
_POLL_S, _KEYS_S, _AUDIT_S = 0.02, 2.0, 10.0


class KafkaAudit:
    """`api.server.Audit`: one record a request in `verifications`. Raises TopicError when the topic is missing."""

    def __init__(self, connection: Connection) -> None:
        describe(connection, ("verifications",))
        self._topic, self._encode = connection.topic("verifications"), encoder().encode
        self._producer = LastingProducer(idempotent(connection, "dualblock-api"))

    async def write(self, record: Verification) -> None:
        """Acknowledged by Kafka when this returns."""
        value, key = self._encode(record), record.relay.encode()
        try:
            await acknowledged(self._producer, self._topic, value, key, within_s=_AUDIT_S)
        except (PipelineError, KafkaException, BufferError, TimeoutError) as error:
            raise AuditFailed(str(error) or "no acknowledgement") from error

    def poll(self) -> None:
        """Let acknowledgements in. Raises RestartNeeded."""
        self._producer.poll(0)


def tls_of(api: Api) -> ssl.SSLContext | None:
    """What connections are encrypted with; None: not here. Raises ConfigError."""
    if api.certificate_file is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(api.certificate_file, api.certificate_key_file)
        if api.client_ca_file is not None:
            context.load_verify_locations(api.client_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"[api] certificate, key or client_ca can't be used: {error}.") from error
    return context


def run_api(settings: Settings, started: Callable[[int], None]) -> int:
    """Until SIGTERM or SIGINT; 0 then, 1 when it must be started again. `started` is told the port.

    Raises ConfigError, TopicError, OSError.
    """
    if settings.api.keys_file is None:
        raise ConfigError("[api] keys_file is missing: `dualblock api key --relay …` makes an entry for it.")
    return asyncio.run(_run(settings, KeyFile(settings.api.keys_file), started))


async def _run(settings: Settings, key_file: KeyFile, started: Callable[[int], None]) -> int:
    api = settings.api
    tls, replicator = tls_of(api), wiring.replicator(settings, "api", ENTITIES)
    rows, audit = ReplicaFollower(replicator), KafkaAudit(wiring.connection(settings))
    pace = Pace(api.questions_per_second, 2 * api.questions_per_second)
    server = Server(
        rows, wiring.policies(settings), wiring.keys(settings), key_file, audit, pace=pace, version=__version__
    )
    runner = web.AppRunner(server.app(), access_log=None, shutdown_timeout=_AUDIT_S)
    await runner.setup()
    assert runner.server is not None  # set up one line above
    door = Door(runner.server, Rules(api.connections_per_address, api.proxies, tls))
    server.address_of = door.address_of
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    beside = (_follow(replicator, stop), _acknowledge(audit, stop), _keys(key_file))
    work = [asyncio.create_task(w) for w in beside]
    try:
        started(door.open(api.host, api.port))
        await stop.wait()
    finally:
        await door.close()
        await runner.cleanup()
        for task in work[1:]:
            task.cancel()
        stop.set()
        codes = await asyncio.gather(*work, return_exceptions=True)
        replicator.close()
    return 0 if codes[0] == 0 and 1 not in codes else 1


async def _follow(replicator: Replicator, stop: asyncio.Event) -> int:
    """Read the rows on; 0 when asked to stop, 1 when the process must be started again."""
    while not stop.is_set():
        try:
            replicator.poll(budget_s=0.01)
        except PipelineError as error:
            log.error("api_replica_stopped", error=str(error))
            stop.set()
            return 1
        gauge("ready", float(replicator.caught_up), step="api")
        await asyncio.sleep(_POLL_S)
    return 0


async def _acknowledge(audit: KafkaAudit, stop: asyncio.Event) -> int:
    """Let acknowledgements in, of what is still answered after a stop too; 1 when the process must be started again."""
    while True:
        try:
            audit.poll()
        except PipelineError as error:
            log.error("api_audit_stopped", error=str(error))
            stop.set()
            return 1
        await asyncio.sleep(0.002)


async def _keys(key_file: KeyFile) -> None:
    while True:
        await asyncio.sleep(_KEYS_S)
        try:
            if key_file.refresh():
                log.info("api_keys_read")
        except ConfigError as error:
            log.error("api_keys_not_read", error=str(error))
