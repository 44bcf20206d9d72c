"""Running an app as a process: start, ready, stop, exit code."""

import asyncio
import logging
import signal
from collections.abc import Callable

from streams.agents.app import AgentApp
from streams.agents.errors import WorkerFailed

log = logging.getLogger(__name__)

STOP_S = 15.0


def run_worker(app: AgentApp, *, on_ready: Callable[[], None] | None = None) -> int:
    """Run until SIGTERM or SIGINT and return the exit code: 0 after a graceful stop, 1 after a failure.

    `on_ready` is called, in the loop, each time that partitions are assigned and tables recovered. A graceful stop
    finishes the running events, waits until everything sent is acknowledged, publishes progress and commits. A static
    member does not leave its group: its partitions wait for its return until the session times out.
    """
    return asyncio.run(_run(app, on_ready))


async def _run(app: AgentApp, on_ready: Callable[[], None] | None) -> int:
    done = asyncio.Event()
    failures: list[BaseException] = []

    def fail(why: BaseException) -> None:
        log.critical("The worker stops: %s", why)
        failures.append(why)
        done.set()

    app.on_failure = fail
    if on_ready is not None:
        app.on_ready = on_ready
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    tasks = [asyncio.create_task(_start(app, fail)), asyncio.create_task(_publish(app, fail))]
    await done.wait()
    if not failures:
        await app.settle()
    app.closed = True
    for task in tasks:
        task.cancel()
    try:
        await asyncio.wait_for(app.stop(), STOP_S)
    except Exception as error:
        log.warning("The worker did not stop cleanly: %r", error)
    return 1 if failures or app.outbox.failed else 0


async def _start(app: AgentApp, fail: Callable[[BaseException], None]) -> None:
    """Start the framework and watch it: it marks itself as crashed and goes on waiting."""
    app.in_worker = True
    app.finalize()
    try:
        await app.start()
        await app.wait_until_stopped()
    except Exception as error:
        fail(error)
    else:
        if app.crash_reason is not None:
            fail(app.crash_reason)


async def _publish(app: AgentApp, fail: Callable[[BaseException], None]) -> None:
    try:
        await app.progress.run()
    except WorkerFailed as error:
        fail(error)
