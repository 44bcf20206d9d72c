"""`dualblock reports listen`: reports over HTTP, acknowledged when Kafka has them and never before.

    POST /v1/reports   a portal's form          POST /v1/forwards  one short message to 7726
    POST /v1/arf       RFC 5965 fields as JSON  GET  /healthz      whether Kafka takes records

202 taken, 400 no report (one sentence says what to change), 413 too large, 503 with Retry-After: nothing was taken.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
import structlog
from aiohttp import web
from confluent_kafka import KafkaException

from streams.contracts.reports import Report
from streams.engine.pack import Pack
from streams.engine.pseudonym import Keys
from streams.intake import arf, forwards, portal
from streams.intake.base import Intake, RowRefused
from streams.pipeline.errors import PipelineError, RestartNeeded
from streams.pipeline.reporting import ReportSink
from streams.pipeline.settings import Connection
from streams.pipeline.step import InvalidRecord
from streams.service.acknowledged import acknowledged
from streams.service.halves import HalfStore
from streams.telemetry.metrics import count

log = structlog.get_logger()
_RETRY_AFTER = {"Retry-After": "5"}
_SWEEP_S = 30.0
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Limits(NamedTuple):
    """in_flight: requests that wait for Kafka at once; more are turned away. kafka_s: how long one waits."""

    max_body_bytes: int = 65_536
    in_flight: int = 500
    kafka_s: float = 10.0
    timeout_ms: int = forwards.TIMEOUT_MS


def serve(
    connection: Connection, pack: Pack, keys: Keys, host: str, port: int, limits: Limits, started: Callable[[int], None]
) -> None:
    """Until SIGTERM or SIGINT. `started` is told the port.

    Raises TopicError, PipelineError, OSError; RestartNeeded when only a new process can reach Kafka.
    """
    sink = ReportSink(connection, pack, keys, "dualblock-listen")
    with HalfStore(connection, pack, keys, sink, limits.timeout_ms) as halves:
        server = Server(sink, halves, limits)
        app = server.app()

        async def tell(_: web.Application) -> None:
            started(port)

        if port:
            app.on_startup.append(tell)
        web.run_app(app, host=host, port=port, print=None, handle_signals=True, shutdown_timeout=limits.kafka_s)
    if server.over is not None:
        raise server.over
    sink.flush()


class Server:
    """The handlers. Producing never blocks the event loop: what must wait does so in a thread or a future."""

    def __init__(self, sink: ReportSink, halves: HalfStore, limits: Limits) -> None:
        self._sink, self._halves, self._limits = sink, halves, limits
        self._in_flight = 0
        self.over: RestartNeeded | None = None
        self._one_at_a_time = asyncio.Lock()

    def app(self) -> web.Application:
        """The application: routes, and what runs beside them."""
        app = web.Application(client_max_size=self._limits.max_body_bytes, middlewares=[self._bounded])
        app.router.add_post("/v1/reports", self._portal)
        app.router.add_post("/v1/arf", self._arf)
        app.router.add_post("/v1/forwards", self._forward)
        app.router.add_get("/healthz", self._health)
        app.cleanup_ctx.append(self._background)
        return app

    async def _background(self, app: web.Application) -> Any:
        tasks = [asyncio.create_task(self._poll()), asyncio.create_task(self._sweep())]
        yield
        for task in tasks:
            task.cancel()

    async def _poll(self) -> None:
        while True:
            try:
                self._sink.producer.poll(0)
            except RestartNeeded as error:
                self.over = error
                log.error("restart_needed", role="reports listen", why=str(error))
                signal.raise_signal(signal.SIGTERM)
                return
            await asyncio.sleep(0.005)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            try:
                async with self._one_at_a_time:
                    await asyncio.to_thread(self._halves.expire, _now_ms())
            except (PipelineError, KafkaException) as error:
                log.error("halves_not_expired", error=str(error))

    @web.middleware
    async def _bounded(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Back-pressure and errors: whoever is turned away is told, and nothing was taken."""
        if request.method == "GET":
            return await handler(request)
        if self._in_flight >= self._limits.in_flight:
            return _refused(503, "Too many requests wait for Kafka: try again.", _RETRY_AFTER)
        self._in_flight += 1
        try:
            return await handler(request)
        except web.HTTPRequestEntityTooLarge:
            return _refused(413, f"The request is larger than {self._limits.max_body_bytes} bytes.")
        except RowRefused as refused:
            return _refused(400, f"{refused.reason}: {refused.detail}")
        except InvalidRecord as large:
            return _refused(413, f"{large.reason}: {large.detail}")
        except (PipelineError, KafkaException, TimeoutError, BufferError) as error:
            log.error("report_not_taken", error=str(error))
            return _refused(
                503, "Kafka does not take it now: send it again, the same report counts once.", _RETRY_AFTER
            )
        finally:
            self._in_flight -= 1

    async def _portal(self, request: web.Request) -> web.StreamResponse:
        report = portal.report_of(await request.read(), Intake(portal.SOURCE, _now_ms()))
        return await self._taken(report)

    async def _arf(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        try:
            data = msgspec.json.decode(raw, type=dict[str, object])
        except (ValueError, RecursionError) as error:
            raise RowRefused("NOT_JSON", str(error)[:300]) from error
        return await self._taken(arf.report_of(data, Intake(arf.SOURCE, _now_ms())))

    async def _taken(self, report: Report) -> web.StreamResponse:
        key, value, partition = self._sink.record(report)
        await acknowledged(
            self._sink.producer, self._sink.topic, value, key, partition, within_s=self._limits.kafka_s
        )  # fmt: skip
        count("reports_taken_total", source=report.source or "-")
        return web.json_response({"report_id": report.report_id}, status=202)

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        forwards.forward_of(raw)  # what is no forward is refused before it waits for anything
        async with self._one_at_a_time:
            found = await asyncio.to_thread(self._halves.take, raw, _now_ms())
        if found.report is not None:
            count("reports_taken_total", source=forwards.SOURCE)
        said: dict[str, str] = {"said": found.said, "reply": found.reply}
        if found.report is not None:
            said["report_id"] = found.report.report_id
        return web.json_response(said, status=202)

    async def _health(self, request: web.Request) -> web.StreamResponse:
        try:
            await asyncio.to_thread(self._sink.producer.list_topics, self._sink.topic, 3.0)
        except KafkaException as error:
            return _refused(503, f"Kafka does not answer: {error}")
        return web.json_response({"ok": True, "in_flight": self._in_flight})


def _refused(status: int, sentence: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": sentence}, status=status, headers=headers, dumps=json.dumps)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
