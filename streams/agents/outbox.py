"""What the worker has sent and has not yet heard back about."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from streams.agents.errors import OutputLost, WorkerFailed


class Outbox:
    """Every send of the process is watched here, whoever made it: tables, agents, dead letters, progress.

    `failed` is a latch. Once a single send is lost, or the plumbing failed otherwise, nothing is committed any more, so
    that a restart reads everything since the last commit again.
    """

    def __init__(self, *, timeout_s: float, on_failure: Callable[[WorkerFailed], None]) -> None:
        self.failed: WorkerFailed | None = None
        self._timeout_s = timeout_s
        self._on_failure = on_failure
        self._pending: set[asyncio.Future[Any]] = set()
        self._made: list[asyncio.Future[Any]] | None = None

    def __len__(self) -> int:
        return len(self._pending)

    def watch(self, sent: "asyncio.Future[Any]") -> None:
        """Count `sent` as undelivered until it is done; may be called twice for one future."""
        self._pending.add(sent)
        if self._made is not None:
            self._made.append(sent)
        sent.add_done_callback(self._done)

    @contextmanager
    def sending(self) -> Iterator[list[asyncio.Future[Any]]]:
        """What is sent meanwhile. Nothing may be awaited meanwhile, or others' sends would be among it."""
        made = self._made = []
        try:
            yield made
        finally:
            self._made = None

    def fail(self, reason: WorkerFailed) -> None:
        """Latch the first failure and tell the worker, once; never raises."""
        if self.failed is None:
            self.failed = reason
            self._on_failure(reason)

    def check(self) -> None:
        """Raise the latched failure, if there is one."""
        if self.failed is not None:
            raise self.failed

    async def drain(self) -> None:
        """Wait until everything sent before this call is acknowledged by the broker.

        Waits for the futures themselves, because the framework's own flush gives up after 0.1 s, and its buffer is
        already empty while the last record taken from it still waits for room in a batch.

        Raises WorkerFailed when a send was lost, and OutputLost after `timeout_s`; both are latched.
        """
        await self.acknowledged(self._pending)

    async def acknowledged(self, sent: Collection[asyncio.Future[Any]]) -> None:
        """Wait until the broker has acknowledged `sent`; raises like `drain`."""
        if sent:
            _, late = await asyncio.wait(sent, timeout=self._timeout_s)
            if late:
                self.fail(OutputLost(f"{len(late)} records were not acknowledged within {self._timeout_s:g} s."))
        self.check()

    def _done(self, sent: "asyncio.Future[Any]") -> None:
        self._pending.discard(sent)
        if sent.cancelled():
            self.fail(OutputLost("A send was cancelled before the broker acknowledged it."))
        elif (error := sent.exception()) is not None:
            self.fail(OutputLost(f"The broker did not take a record: {error!r}"))
