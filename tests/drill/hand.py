"""A run made by hand: a few inputs, rows and the decisions a gate makes of them, for the oracle to judge."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from streams.config import DEMO_KEYS
from streams.contracts.base import encoder
from streams.contracts.decisions import Decision, Observed
from streams.contracts.messages import Message
from streams.drill.oracle import Findings, Oracle
from streams.drill.world import Changed, World
from streams.engine.decide import Decider
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.skeleton import skeletons_of
from streams.packs import shipped
from streams.replay.history import History, Record
from streams.replica.changes import Change, Entity
from streams.replica.memory import MemoryReplica

START_MS = 1_765_944_000_000
KEYS = Keys(*DEMO_KEYS)


@dataclass
class Hand:
    """Rows are written with `put`, messages decided with `decide`; both keep what the oracle will be given."""

    world: World = field(default_factory=lambda: World(1, START_MS))
    view: MemoryReplica = field(default_factory=lambda: MemoryReplica(skeletons_of))
    logs: dict[Entity, list[Record]] = field(default_factory=dict)
    inputs: dict[tuple[int, int], bytes] = field(default_factory=dict)
    committed: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.decider = Decider(Policies(shipped(), "kr"), KEYS)
        self.put("policy", "kr", self.world.policy, START_MS - 1)
        for row in [*self.world.blocks(), *self.world.rows.values()]:
            self.put("registry", row.key, row, START_MS - 1)
        for change in self.world.beside:
            self.change(change, START_MS - 1)

    def change(self, change: Changed, append_ms: int) -> None:
        """A change of the world, as its writer would leave it."""
        for key, value in ((change.key, change.value), *change.also):
            self.put(change.entity, key, value, append_ms)

    def put(self, entity: Entity, key: str, value: msgspec.Struct, append_ms: int, *, replicated: bool = True) -> None:
        """A row on the history topic; in the gate's replica, too, unless it has not come there."""
        log = self.logs.setdefault(entity, [])
        raw = encoder().encode(value)
        log.append(Record(0, len(log), key.encode(), raw, append_ms))
        if replicated:
            self.view.apply([Change(entity, 0, len(log), key, raw)])

    def decide(self, message: Message, *, at_ms: int, source: tuple[int, int] | None = None) -> Decision:
        """Feed a message and decide it."""
        raw = encoder().encode(message)
        source = source if source is not None else (0, len(self.inputs))
        self.inputs[source] = raw
        made = self.decider.decide(message, raw, self.view)
        observed = Observed(decided_at_ms=at_ms, gate="gate-g0", source=source)
        made = msgspec.structs.replace(made, observed=observed)
        self.say(made)
        return made

    def say(self, decision: Decision) -> None:
        """A decision on the committed log."""
        raw = encoder().encode(decision)
        self.committed.append(Record(0, len(self.committed), decision.sender.key.encode(), raw, START_MS))

    def judged(self) -> Findings:
        """What the oracle says."""
        history = History()
        for entity, records in self.logs.items():
            history.add(entity, records)
        return Oracle(history, KEYS).judge(self.inputs, self.committed)
