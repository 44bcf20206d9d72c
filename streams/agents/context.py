"""What Faust needs to drive the agents: topics by entity, and rows that are as new as Kafka has them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from streams.agents.app import AgentApp
from streams.agents.errors import StateFailed, WorkerFailed
from streams.contracts.topics import topic_name
from streams.engine.view import View

POLL_S = 0.02


class Follower(Protocol):
    """Keeps a replica of the compacted topics that the rules read. Polled on the worker's event loop."""

    @property
    def view(self) -> View:
        """The rows."""
        ...

    @property
    def caught_up(self) -> bool:
        """Every partition was read to its end once."""
        ...

    def poll(self) -> None:
        """Apply what is there, without waiting. Raises when the worker must be restarted."""
        ...

    def check(self) -> None:
        """Raise when a read of the rows failed since the last poll: what was made of them is not to be believed."""
        ...


@dataclass(frozen=True)
class Context:
    """Shared by the agents of one worker."""

    app: AgentApp
    follower: Follower

    def topic(self, entity: str) -> str:
        """The name of an entity's topic."""
        return topic_name(entity, self.app.settings.prefix)

    async def rows(self) -> View:
        """The view, once it was read to its end. Attribution before that would judge with half a registry."""
        while not self.follower.caught_up:
            await asyncio.sleep(POLL_S)
        return self.follower.view

    def check(self) -> None:
        """Raise StateFailed when the rows could not be read."""
        try:
            self.follower.check()
        except Exception as error:
            raise StateFailed(f"The agents' replica can't be read: {error!r}") from error

    def follow(self) -> None:
        """Poll the follower for as long as the app runs."""

        async def poll() -> None:
            while not self.app.should_stop:
                try:
                    self.follower.poll()
                except Exception as error:
                    self.app.outbox.fail(WorkerFailed(f"The agents' replica can't be read on: {error!r}"))
                    return
                await asyncio.sleep(POLL_S)

        self.app.task(poll)
