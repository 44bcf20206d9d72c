"""The gate as it is deployed, over so many messages: the other side of `bench.gate`.

    python -m bench.gate_loop BOOTSTRAP PREFIX GROUP MESSAGES STATE_DIR RECENT

RECENT: partitions of `recent` that deliveries are told to, or 0 for a gate that tells none.

Loop, step, replica on disk and engine are the product's own; only the clock is added, and the stop at the end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from bench.machine import Clock
from streams.config import DEMO_KEYS
from streams.engine.decide import Decider
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.skeleton import skeletons_of
from streams.packs import shipped
from streams.pipeline.gate import ENTITIES, POLICY, Gate
from streams.pipeline.loop import Loop
from streams.pipeline.replicator import Replicator
from streams.pipeline.settings import Connection, LoopSettings
from streams.pipeline.step import Output
from streams.replica.rocks import RocksReplica


class TimedGate(Gate):
    """Notes when the last message's transaction was committed. Nothing is added to what a message costs."""

    def until(self, messages: int, clock: Clock, stop: Callable[[], None]) -> None:
        """Stop the clock at each commit, the loop at the last. The input's offsets have no holes."""
        self._wanted, self._clock, self._stop, self._at = messages, clock, stop, dict[int, int]()

    def flush(self, positions: Mapping[int, int], ended: frozenset[int], now_ms: int) -> Iterable[Output]:
        self._at.update(positions)
        return super().flush(positions, ended, now_ms)

    def committed(self) -> None:
        super().committed()
        self._clock.stop()
        if sum(self._at.values()) >= self._wanted:
            self._stop()


def run(connection: Connection, group: str, messages: int, state: Path, recent: int) -> Clock:
    """Decide so many messages."""
    state.mkdir(parents=True, exist_ok=True)
    replicator = Replicator(connection, group, RocksReplica(str(state), skeletons_of), ENTITIES)
    decider = Decider(Policies(shipped(), "kr"), Keys(*DEMO_KEYS))
    step = TimedGate(decider, replicator, group, recent=(recent, True) if recent else None)
    clock = Clock()

    def at(point: str) -> None:
        if point == "after-consume":
            clock.start()

    loop = Loop(step, LoopSettings(connection, group, group), policy=POLICY, crash=at)
    step.until(messages, clock, loop.stop)
    loop.run()
    return clock


if __name__ == "__main__":
    bootstrap, prefix, group, messages, state, recent = sys.argv[1:]
    print(json.dumps(run(Connection(bootstrap, prefix), group, int(messages), Path(state), int(recent)).seconds()))
