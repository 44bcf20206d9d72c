"""`python -m streams.drill.worker ROLE`: a worker with crash points. The ordinary workers never import this.

DRILL_ORDER: file that holds the crash order, which may change while the worker runs. `POINT:N` dies at the N-th passing
of a point from then on, `POINT:N:stop` stops there (SIGSTOP) until it is continued. For agents, `AGENT:N:POINT` dies at
POINT while AGENT handles its N-th event or a later one.
DRILL_NOTE: file that holds the last point passed. DRILL_HOLDING: a directory
for what `holding` says. Settings as for `dualblock ROLE`.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from confluent_kafka import Producer

from streams.agents.app import AgentApp
from streams.agents.deadletter import Delivery
from streams.agents.steps import AgentStep, Handled, TableSpec
from streams.agents.worker import run_worker as run_agents_app
from streams.config import Settings, load
from streams.drill.holding import tell
from streams.drill.notes import Note
from streams.drill.processes import HOLDING
from streams.engine.view import View
from streams.pipeline.errors import RestartNeeded
from streams.pipeline.settings import Config
from streams.service.agents import agent_steps, build_agents
from streams.service.workers import ROLES, LoopRole, Role, build_loop
from streams.telemetry.logging import set_up

#: Points at which what was produced is pushed out first, so that the torn transaction stands on the log.
_PUSHED = frozenset({"after-flush", "after-send-offsets"})
_PUSH_S = 5.0


def _die(note: Note, point: str) -> None:
    note.write(f"!{point}")
    os.kill(os.getpid(), signal.SIGKILL)


def loop_crash(note: Note, orders: Note, push: Callable[[], object]) -> Callable[[str], None]:
    """The `crash` of a loop and its replicator. orders: holds `POINT:N`, or nothing."""
    order, passed = "", 0

    def at(name: str) -> None:
        nonlocal order, passed
        note.write(name)
        if (now := orders.read()) != order:
            order, passed = now, 0
        point, _, rest = order.partition(":")
        if name != point:
            return
        number, _, what = rest.partition(":")
        passed += 1
        if what == "stop" and passed == int(number):
            push()
            note.write(f"={name}")
            os.kill(os.getpid(), signal.SIGSTOP)
        elif not what and passed >= int(number or 1):
            if name in _PUSHED:
                push()
            _die(note, name)

    return at


class Watched:
    """An agent's step that notes who is at work; everything else is the step's."""

    def __init__(self, step: AgentStep, begun: Callable[[str], None]) -> None:
        self._step, self._begun = step, begun
        self.name: str = step.name
        self.inputs: tuple[str, ...] = step.inputs
        self.dead: str = step.dead
        self.table: TableSpec | None = step.table

    def handle(self, entity: str, delivery: Delivery, view: View) -> Handled:
        """What the step says."""
        self._begun(self.name)
        return self._step.handle(entity, delivery, view)


class AgentCrash:
    """The `crash_points` of the agents. orders: holds `AGENT:N:POINT`, or nothing."""

    def __init__(self, note: Note, orders: Note) -> None:
        self._note, self._orders = note, orders
        self._order = ""
        self._seen = Counter[str]()
        self._running = ""
        self.app: AgentApp | None = None

    def begun(self, agent: str) -> None:
        """An agent takes an event."""
        if (now := self._orders.read()) != self._order:
            self._order = now
            self._seen.clear()
        self._running = agent
        self._seen[agent] += 1

    def __call__(self, point: str) -> None:
        self._note.write(point)
        if not self._order:
            return
        agent, number, wanted = self._order.split(":")
        # Commits come on a timer, whoever is at work.
        at_work = self._running == agent or point == "before-commit"
        if point == wanted and at_work and self._seen[agent] >= int(number):
            unacknowledged = self.app is not None and len(self.app.outbox) > 0
            _die(self._note, point if unacknowledged else f"{point} acknowledged")


def run_loop(role: LoopRole, settings: Settings, note: Note, orders: Note) -> int:
    """Run registrar, gate, meter or recent; exit code as the ordinary worker's."""
    held: list[Producer] = []

    def make_producer(config: Config) -> Producer:
        held[:] = [Producer(config)]
        return held[0]

    crash = loop_crash(note, orders, lambda: held[0].flush(_PUSH_S))
    loop = build_loop(role, settings, crash=crash, make_producer=make_producer)
    _told(role, settings, loop)
    loop.stop_on_signals()
    try:
        loop.run()
    except RestartNeeded as error:
        print(f"restart needed: {error}", file=sys.stderr)
        return 1
    return 0


def run_agents(settings: Settings, note: Note, orders: Note) -> int:
    """Run the agents."""
    crash = AgentCrash(note, orders)
    steps: Sequence[AgentStep] = [Watched(step, crash.begun) for step in agent_steps(settings)]
    crash.app = build_agents(settings, crash, steps)
    _told("agents", settings, crash.app)
    return run_agents_app(crash.app, on_ready=lambda: note.write("ready"))


def _told(role: Role, settings: Settings, root: object) -> None:
    if place := os.environ.get(HOLDING):
        tell(Path(place) / f"{role}-{settings.instance}.ndjson", root)


def main() -> int:
    """Exit code: that of the worker, 2 for a wrong role."""
    role = next((r for r in ROLES if sys.argv[1:] == [r]), None)
    if role is None:
        print(f"usage: python -m streams.drill.worker {'|'.join(ROLES)}", file=sys.stderr)
        return 2
    settings = load()
    set_up(getattr(logging, settings.log_level.upper()), settings.log_format)
    note, orders = (Note(Path(os.environ[name])) for name in ("DRILL_NOTE", "DRILL_ORDER"))
    return run_agents(settings, note, orders) if role == "agents" else run_loop(role, settings, note, orders)


if __name__ == "__main__":
    sys.exit(main())
