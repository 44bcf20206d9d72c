"""The loop around every handler."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from streams.agents.deadletter import Delivery, dead_letter, reason_of
from streams.agents.errors import WorkerFailed
from streams.agents.tables import raw_schema
from streams.telemetry.metrics import count

if TYPE_CHECKING:
    from streams.agents.app import AgentApp

log = logging.getLogger(__name__)

Handler = Callable[[Delivery], Awaitable[int | None]]


def agent(app: "AgentApp", name: str, *, topics: Sequence[str], dead_letters: str) -> Callable[[Handler], Handler]:
    """Make `handler` an agent: it gets every committed record of `topics` (full names), in order per partition.

    The handler returns the event's own time in ms, or None, for the progress record; all that it sends is sent by then.
    When it raises, the record goes to the topic `dead_letters` and the next one follows. WorkerFailed stops the worker
    instead. `name` is the component in progress records. A topic has one agent per app.

    Delivery guarantee: at least once. An event comes again after a crash, a rebalance or a commit that was not reached.
    """
    for topic in topics:
        if topic in app.consumed:
            raise ValueError(f"Topic {topic} already has an agent in this app; its progress would have two authors.")
        app.consumed.add(topic)

    def register(handler: Handler) -> Handler:
        source = app.topic(*topics, schema=raw_schema(), partitions=app.settings.partitions)

        async def loop(stream: Any) -> None:
            # Acknowledged by hand: left alone, the framework also acknowledges an event whose handler was cancelled.
            stream.enable_acks = False
            await _consume(app, name, stream.events(), handler, dead_letters)

        # One at a time: with more, the framework can commit past an event that is still being handled.
        app.agent(source, name=name, concurrency=1)(loop)
        return handler

    return register


async def _consume(app: "AgentApp", name: str, events: AsyncIterator[Any], handler: Handler, dead_letters: str) -> None:
    async for event in events:
        if not await app.gate.enter():
            continue
        try:
            await _handle(app, name, event.message, handler, dead_letters)
            event.ack()
        except WorkerFailed as failure:
            app.outbox.fail(failure)
        except Exception as error:
            log.exception("%s: the plumbing itself raised", name)
            app.outbox.fail(WorkerFailed(f"The loop around agent {name} raised {error!r}."))
        finally:
            app.gate.leave()
        if app.outbox.failed:
            # Not acknowledged, and nothing may follow. The worker is being stopped.
            await asyncio.Event().wait()


async def _handle(app: "AgentApp", name: str, message: Any, handler: Handler, dead_letters: str) -> None:
    event_time_ms = None
    record = Delivery(
        message.topic, message.partition, message.offset, int(message.timestamp * 1000), message.key, message.value
    )
    try:
        event_time_ms = await handler(record)
        count("records_total", step=name)
    except WorkerFailed:
        raise
    except Exception as error:  # whatever a handler raises
        # Left alone, an exception ends the framework's loop and its event is never seen again.
        limit = app.emitter.max_record_bytes
        letter = dead_letter(dead_letters, record, error, version=app.settings.version, max_record_bytes=limit)
        await app.emitter.emit(letter)
        count("dead_letters_total", step=name, reason=reason_of(error))
        log.warning("%s: %s[%d]@%d is a dead letter: %r", name, record.topic, record.partition, record.offset, error)
    app.crash_points("after-handler")
    app.progress.handled(name, message.tp, record.offset + 1, event_time_ms)
