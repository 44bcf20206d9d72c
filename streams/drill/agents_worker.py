"""The agents as the drill runs them: with crash points. See `streams.drill.worker`, which alone imports this."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from streams.agents.app import AgentApp
from streams.agents.deadletter import Delivery
from streams.agents.steps import AgentStep, Handled, TableSpec
from streams.agents.worker import run_worker as run_agents_app
from streams.config import Settings
from streams.drill.notes import Note
from streams.drill.worker import die, told
from streams.engine.view import View
from streams.service.agents import agent_steps, build_agents


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
            die(self._note, point if unacknowledged else f"{point} acknowledged")


def run_agents(settings: Settings, note: Note, orders: Note) -> int:
    """Run the agents."""
    crash = AgentCrash(note, orders)
    steps: Sequence[AgentStep] = [Watched(step, crash.begun) for step in agent_steps(settings)]
    crash.app = build_agents(settings, crash, steps)
    told("agents", settings, crash.app)
    return run_agents_app(crash.app, on_ready=lambda: note.write("ready"))
