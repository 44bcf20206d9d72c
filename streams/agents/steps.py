"""An agent as a pure step: what an event does to which keys of its table, and what it emits.

Faust drives steps in production (`bind`); the simulation and tests drive the same objects over memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, Protocol

from streams.agents.agent import agent
from streams.agents.context import Context
from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.tables import Step, Table, apply, bytes_table
from streams.contracts.topics import topic_name
from streams.engine.view import View


class TableSpec(NamedTuple):
    """A step's table. changelog: entity of a public topic that is its changelog, or None for a private one.

    in_step: see `bytes_table`; for a table whose states are kept in a history.
    recovered: told (partition, state) of every key after a start or a rebalance, before any event; for what a step
    remembers beside its table and can't do without.
    """

    name: str
    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes]
    changelog: str | None = None
    recovered: Callable[[Iterable[tuple[int, Any]]], None] | None = None
    in_step: bool = False


class Effect(NamedTuple):
    """One key's change: `step(state or None, event)` gives the new state and the outputs, each time it is asked.

    done: told of the new state, for what an agent remembers beside its table.
    """

    key: bytes
    event: Any
    step: Step[Any, Any]
    done: Callable[[Any], None] | None = None


class Handled(NamedTuple):
    """What an event comes to. outputs: what is sent without a table. event_time_ms: for the progress record."""

    event_time_ms: int
    effects: Sequence[Effect] = ()
    outputs: Sequence[Output] = ()


class AgentStep(Protocol):
    """One agent. `handle` is pure but for what it remembers beside its table, which it can do without."""

    @property
    def name(self) -> str:
        """The component's name in `progress`."""
        ...

    @property
    def inputs(self) -> tuple[str, ...]:
        """The entities it reads, all with one partition count."""
        ...

    @property
    def dead(self) -> str:
        """The entity of its dead letters."""
        ...

    @property
    def table(self) -> TableSpec | None:
        """The table its effects change."""
        ...

    def handle(self, entity: str, delivery: Delivery, view: View) -> Handled:
        """What the event comes to. Raises Refused."""
        ...


class Names:
    """Topic names by entity, and back."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def topic(self, entity: str) -> str:
        """The topic of an entity."""
        return topic_name(entity, self._prefix)


def _tell(recovered: Callable[[Iterable[tuple[int, Any]]], None], table: Table[Any]) -> None:
    recovered(table.states())


def bind(context: Context, step: AgentStep) -> None:
    """Let Faust drive a step: every effect is set and every output sent, also for an event that was applied before."""
    app = context.app
    entities = {context.topic(entity): entity for entity in step.inputs}
    spec = step.table
    table = None
    if spec is not None:
        changelog = None if spec.changelog is None else context.topic(spec.changelog)
        table = bytes_table(
            app, spec.name, app.settings.partitions, changelog_topic=changelog, read=spec.read, write=spec.write,
            in_step=spec.in_step,
        )  # fmt: skip
        if spec.recovered is not None:
            app.on_recovered.append(partial(_tell, spec.recovered, table))

    @agent(app, step.name, topics=list(entities), dead_letters=context.topic(step.dead))
    async def handle(delivery: Delivery) -> int:
        view = await context.rows()
        try:
            handled = step.handle(entities[delivery.topic], delivery, view)
            context.check()  # a rule takes what it can't read for unknown: that must not become a vote
            await effects(handled.effects, delivery)
        except Exception:
            context.check()  # a disk that can't be read is not this event's fault
            raise
        for output in handled.outputs:
            await app.emitter.emit(output)
        return handled.event_time_ms

    async def effects(changes: Sequence[Effect], delivery: Delivery) -> None:
        for effect in changes:
            if table is None:
                raise TypeError(f"agent {step.name} has effects but no table")
            state = await apply(table, replace(delivery, key=effect.key), effect.event, effect.step)
            if effect.done is not None:
                effect.done(state)
