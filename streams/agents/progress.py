"""How far each agent has come: the `progress` topic.

The framework's committed offsets lag behind and end before transaction markers, so they can't say "settled". A progress
record says: every event of this partition below `next_offset` is handled, and everything sent on its account is
acknowledged by the broker.
"""

import asyncio
from collections.abc import Collection
from typing import NamedTuple

from faust.types import TP

from streams.agents.emit import Emitter, Output
from streams.agents.outbox import Outbox
from streams.contracts import base
from streams.contracts import decisions as contracts

_ENCODER = base.encoder()


class Position(NamedTuple):
    """The offset after the last record handled (markers and aborted records behind it are not counted)."""

    component: str
    next_offset: int
    event_time_ms: int


def progress_record(topic: str, tp: TP, position: Position) -> Output:
    """The record as published; `event_time_ms` is 0 until a handler has given one."""
    record = contracts.Progress(
        component=position.component,
        topic=tp.topic,
        partition=tp.partition,
        next_offset=position.next_offset,
        event_time_ms=position.event_time_ms,
    )
    return Output(topic, record.key().encode(), _ENCODER.encode(record))


class Progress:
    """Collects positions and publishes the changed ones, at once when idle and every `gap_s` under load.

    After a restart a partition's record may step back to the last commit; readers wait for "at least".
    `event_time_ms` is the highest that was handled since the partition was assigned.
    """

    def __init__(self, outbox: Outbox, emitter: Emitter, *, topic: str, gap_s: float) -> None:
        self._outbox = outbox
        self._emitter = emitter
        self._topic = topic
        self._gap_s = gap_s
        self._at: dict[TP, Position] = {}
        self._changed: set[TP] = set()
        self._wake = asyncio.Event()
        self._publishing = asyncio.Lock()

    def handled(self, component: str, tp: TP, next_offset: int, event_time_ms: int | None) -> None:
        """An event's handler has returned and everything that it emits has been sent (not yet acknowledged)."""
        before = self._at.get(tp)
        highest = max(before.event_time_ms if before else 0, event_time_ms or 0)
        self._at[tp] = Position(component, next_offset, highest)
        self._changed.add(tp)
        self._wake.set()

    def forget(self, revoked: Collection[TP]) -> None:
        """These partitions belong to somebody else from now on."""
        for tp in revoked:
            self._at.pop(tp, None)
            self._changed.discard(tp)

    async def publish(self) -> None:
        """Make everything handled before this call durable, then say so, durably.

        Raises WorkerFailed when an output was lost; no position is published then.
        """
        async with self._publishing:
            self._wake.clear()
            changed, self._changed = self._changed, set()
            news = [(tp, self._at[tp]) for tp in changed if tp in self._at]
            await self._outbox.drain()  # the outputs
            for tp, position in news:
                await self._emitter.emit(progress_record(self._topic, tp, position))
            if news:
                await self._outbox.drain()  # the positions

    async def run(self) -> None:
        """Publish until cancelled; raises WorkerFailed like `publish`."""
        while True:
            await self._wake.wait()
            await self.publish()
            await asyncio.sleep(self._gap_s)
