"""Outputs that follow a table's change: sent once the change is durable, in the order of the changes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from streams.agents.emit import Emitter, Output
from streams.agents.outbox import Outbox

Sends = Collection["asyncio.Future[Any]"]


class Followers:
    """Nothing that is said about a state can be read unless the state can be read: not after a kill either.

    A worker that takes over rebuilds its tables from their changelogs. It could not take back what another one said
    about a state that the changelog never held.
    """

    def __init__(self, outbox: Outbox, emitter: Emitter) -> None:
        self._outbox, self._emitter = outbox, emitter
        self._last: asyncio.Future[None] | None = None

    def send(self, change: Sends, outputs: Sequence[Output]) -> Sends:
        """Send `outputs` when `change` is acknowledged, behind those of earlier calls; does not wait for either.

        Answers what is done when change and outputs are acknowledged. The outbox knows of it, and waits for it.
        """
        turn, self._last = self._last, asyncio.get_running_loop().create_future()
        following = asyncio.create_task(self._follow(turn, change, outputs, self._last))
        self._outbox.watch(following)
        return (following,)

    async def _follow(
        self, turn: asyncio.Future[None] | None, change: Sends, outputs: Sequence[Output], sent: asyncio.Future[None]
    ) -> None:
        try:
            if turn is not None:
                await turn
            await self._outbox.acknowledged(change)
            acknowledgements = [asyncio.ensure_future(await self._emitter.emit(output)) for output in outputs]
        finally:
            sent.set_result(None)  # whoever comes next asks the outbox whether anything was lost
        await self._outbox.acknowledged(acknowledgements)
