"""What follows compacted topics on an event loop: the agents and the verification API."""

from __future__ import annotations

from streams.engine.view import View
from streams.pipeline.replicator import Replicator


class ReplicaFollower:
    """`agents.context.Follower` and `api.server.Rows` over the pipeline's replicator."""

    def __init__(self, replicator: Replicator) -> None:
        self._replicator = replicator

    @property
    def view(self) -> View:
        """The replica's rows."""
        return self._replicator.replica

    @property
    def caught_up(self) -> bool:
        """Every partition was read to its end once."""
        return self._replicator.caught_up

    def poll(self) -> None:
        """Apply what is there."""
        self._replicator.poll()

    def check(self) -> None:
        """Raise when the replica's disk failed."""
        self._replicator.check()
