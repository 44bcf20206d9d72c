"""All workers over one log, and everything that can happen to them."""

from __future__ import annotations

from collections import defaultdict
from random import Random
from typing import Any

import msgspec

from streams.agents.appeals import AppealAgent
from streams.agents.breaker import BreakerAgent
from streams.agents.directives import DirectiveAgent
from streams.agents.reports import ReportAgent
from streams.agents.sanctions import SanctionAgent
from streams.agents.steps import AgentStep, Names
from streams.agents.tally import TallyAgent
from streams.contracts.policy import PolicyEntry
from streams.drill.simulation import agents as agent_side
from streams.drill.simulation import loops
from streams.drill.simulation.agents import AgentWorker, Now, Offsets
from streams.drill.simulation.clients import SimCrash
from streams.drill.simulation.errors import Broken
from streams.drill.simulation.group import Group
from streams.drill.simulation.log import COMPACTED, Log, Transaction
from streams.drill.simulation.loops import CONNECTION, LoopWorker
from streams.drill.simulation.replicas import SimReplicator
from streams.drill.simulation.world import BREAKER_MS, EPOCH_MS
from streams.engine.booking import month_of
from streams.engine.decide import Decider
from streams.engine.policy import Policies, Policy
from streams.engine.pseudonym import Keys
from streams.packs import shipped
from streams.pipeline import gate, registrar
from streams.pipeline.gate import Gate
from streams.pipeline.meter import Meter
from streams.pipeline.registrar import Registrar
from streams.pipeline.step import Step
from streams.replica.changes import Entity

KEYS = Keys("k1", b"publication-key", b"state-key")
ROLES: dict[str, tuple[str, tuple[Entity, ...]]] = {
    "registrar": ("feeds", registrar.ENTITIES),
    "gate": ("messages", gate.ENTITIES),
    "meter": ("decisions", ("policy",)),
}
#: More turns than any run needs to settle: whoever takes them is stuck.
PATIENCE = 3000


class OnePolicy(Policies):
    """Builds the world's only policy once in this process, not once for each worker."""

    _only: Policy | None = None

    def of(self, entry: PolicyEntry) -> Policy:
        if OnePolicy._only is None:
            OnePolicy._only = super().of(entry)
        return OnePolicy._only


def policies() -> Policies:
    """The policies of a worker."""
    return OnePolicy(shipped(), "kr")


class Cluster:
    """Two workers of each component at most. faults: how many are left to happen."""

    def __init__(self, rng: Random, counts: dict[str, int], faults: int) -> None:
        self.rng, self.faults = rng, faults
        self.log = Log(counts)
        self.log.on_commit = self._committed
        self.now_ms = 0
        self.views: list[Offsets] = []  # what a gate's replica held, by `decided_at_ms`
        self.judged: dict[tuple[int, int], list[Offsets]] = defaultdict(list)  # by (partition, offset) of `reports`
        self.happened: list[str] = []
        self.broken: str = ""
        self.groups = {r: Group(r, entity, self.log.count(entity)) for r, (entity, _) in ROLES.items()}
        self.loops = [self._loop(role, n) for role in ROLES for n in range(rng.choice((1, 1, 2)))]
        names = Names(CONNECTION.prefix)
        self._names = names
        self.lazy: set[str] = set()  # those that get a turn only now and then, while others go on
        self.agents = [
            AgentWorker(self.log, f"agents-{n}", self._agents, rng, self._seen) for n in range(rng.choice((1, 1, 2)))
        ]

        self._everybody: list[LoopWorker | AgentWorker] = [*self.loops, *self.agents]
        rng.shuffle(self._everybody)

    def _loop(self, role: str, number: int) -> LoopWorker:
        group, entities, make = self.groups[role], ROLES[role][1], self._maker(role)
        return LoopWorker(self.log, group, f"{role}-{number}", entities, make, self.rng, self.clock_ms)

    def clock_ms(self) -> int:
        """The simulation's clock: the start of the epoch whose messages are being fed."""
        return self.now_ms

    def start(self) -> None:
        for worker in self.loops:
            worker.start()
        for agent in self.agents:
            agent.start()
        self._deal()

    def _maker(self, role: str) -> loops.MakeStep:
        def make(replicator: SimReplicator, name: str) -> Step:
            held: Any = replicator
            if role == "registrar":
                return Registrar(held)
            if role == "meter":
                return Meter(
                    lambda at_ms: EPOCH_MS,
                    self.log.count("traffic"),
                    held,
                    breaker_ms_at=lambda at_ms: BREAKER_MS,
                    month_at=lambda at_ms: month_of(at_ms, "Asia/Seoul"),
                )

            def tick() -> int:
                self.views.append(replicator.replica.next_offsets())
                return len(self.views) - 1

            return Gate(Decider(policies(), KEYS), held, name, tick)

        return make

    def _agents(self) -> list[AgentStep]:
        rules = policies()
        return [
            ReportAgent(self._names, rules, KEYS),
            TallyAgent(self._names, rules, self.log.count("decisions")),
            SanctionAgent(self._names, rules, KEYS),
            AppealAgent(self._names, rules),
            DirectiveAgent(self._names, rules, KEYS),
            BreakerAgent(self._names, rules),
        ]

    def _seen(self, now: Now, offsets: Offsets) -> None:
        self.judged[now.partition, now.offset].append(offsets)

    def _committed(self, tx: Transaction) -> None:
        """Progress in a transaction says what the transaction's offsets say."""
        said = {(p["topic"], p["partition"]): p["next_offset"] for p in map(msgspec.json.decode, tx.progress)}
        stood = {(entity, partition): offset for (_, entity, partition), (offset, _) in tx.offsets.items()}
        if any(stood.get(place) != offset for place, offset in said.items()):
            self.broken = f"progress: {said} was committed with the offsets {stood}"

    # -- faults --------------------------------------------------------------------------------------------------

    def mishap(self) -> None:
        """Something goes wrong somewhere."""
        rng = self.rng
        self.faults -= 1
        if rng.random() < 0.45:
            self._agent_mishap()
            return
        worker = rng.choice(self.loops)
        if not worker.alive:
            return
        kind = rng.choice(("arm", "arm", "arm", "refuse", "kill", "stall", "shuffle", "shuffle", "compact"))
        if kind == "arm":
            worker.armed = (f"crash:{rng.choice(loops.CRASHES)}", rng.choice((0, 0, 1, 3, 6)))
        elif kind == "refuse":
            worker.armed = (rng.choice(loops.REFUSALS), 0)
        elif kind == "kill":
            worker.kill()
        elif kind == "stall":
            worker.stall()
        elif kind == "shuffle":
            worker.group.shuffle(rng)
        else:
            self._compact()
        self.happened.append(f"{worker.name}: {kind} {worker.armed or ''}")

    def _compact(self) -> None:
        readers = [w.replicator for w in self.loops if w.alive] + [a.replicator for a in self.agents if a.alive]
        for entity in sorted(COMPACTED - {"progress", "directives"}):
            for place in self.log.places(entity):
                self.log.compact(place, min((r.position(place) for r in readers), default=0))

    def _agent_mishap(self) -> None:
        rng = self.rng
        agent = rng.choice(self.agents)
        kind = rng.choice(("arm", "arm", "arm", "kill", "move", "compact"))
        if kind == "arm":
            agent.armed = (rng.choice(agent_side.CRASHES), rng.choice((0, 0, 1, 2, 4)))
        elif kind == "kill":
            agent.kill()
            self._deal()
        elif kind == "move":
            self._deal()
        else:
            for other in self.agents:
                for table in other.app.tables if other.app else ():
                    for place in self.log.places(table.changelog):
                        self.log.compact(place, 1 << 62)
        self.happened.append(f"{agent.name}: {kind} {agent.armed or ''}")

    def _deal(self) -> None:
        """A rebalance of the agents: everything is revoked and given out again."""
        for agent in self.agents:
            if agent.alive:
                try:
                    agent.revoke()
                except SimCrash:
                    agent.kill()
        alive = [agent for agent in self.agents if agent.alive]
        shares: dict[str, set[int]] = {agent.name: set() for agent in alive}
        for partition in range(self.log.count("votes")):
            if alive:
                shares[self.rng.choice(alive).name].add(partition)
        for agent in alive:
            agent.assign(shares[agent.name])

    def _revive(self) -> None:
        rng = self.rng
        for worker in self.loops:
            if worker.stalled and rng.random() < 0.2:
                worker.stalled = False
            if not worker.alive and rng.random() < 0.3:
                worker.start(fresh_disk=rng.random() < 0.3)
        for agent in self.agents:
            if not agent.alive and rng.random() < 0.3:
                agent.start(fresh_disk=rng.random() < 0.25)
                self._deal()
        for group in self.groups.values():
            if rng.random() < 0.2:
                group.fill()  # the session timeout of whoever is dead
        dead = {worker.name for worker in self.loops if not worker.alive or worker.stalled}
        for name in self.log.open_names():
            if name in dead and rng.random() < 0.2:
                self.log.expire(name)

    # -- running -------------------------------------------------------------------------------------------------

    def turn(self) -> bool:
        """A turn for somebody who has something to do, and perhaps a mishap. False: nobody has."""
        rng = self.rng
        if self.faults > 0 and rng.random() < 0.05:
            self.mishap()
        if any([not w.alive or w.stalled for w in self.loops]) or any([not a.alive for a in self.agents]):
            self._revive()
        first = int(rng.random() * len(self._everybody))
        for worker in (*self._everybody[first:], *self._everybody[:first]):
            if isinstance(worker, LoopWorker):
                due = worker.alive and not worker.stalled and self._due(worker)
            else:
                due = worker.alive and worker.busy()
            if due and not (worker.name in self.lazy and rng.random() < 0.97):
                worker.turn()
                break
        else:
            return False
        if self.broken:
            raise Broken(self.broken)
        return True

    @staticmethod
    def _due(worker: LoopWorker) -> bool:
        return worker.calm < 2 or worker.busy()

    def settled(self) -> bool:
        """Nothing is left to do for anybody."""
        if any(not w.alive or w.stalled or self._due(w) for w in self.loops):
            return False
        return all(a.alive and not a.busy() for a in self.agents)

    def settle(self) -> None:
        """Run until nothing is left to do. Raises Broken when it never ends."""
        self.lazy = set()
        for worker in self.loops:
            if worker.group.name == "meter":
                worker.calm = 1  # it may have an epoch to close, with nothing to read
        for _ in range(PATIENCE):
            if not self.turn() and self.settled():
                return
        raise Broken(f"stuck: nothing settles within {PATIENCE} turns")

    def decide(self) -> None:
        """Run until every message fed so far is decided. Raises Broken when that never comes."""
        group = self.groups["gate"]
        for _ in range(PATIENCE):
            places = self.log.places("messages")
            if all(self.log.offsets.get((group.name, *p), (0, ""))[0] >= len(self.log.partition(p)) for p in places):
                return
            self.turn()
        raise Broken(f"stuck: messages stay undecided for {PATIENCE} turns")

    def doze(self) -> None:
        """Some fall behind for a while, but for those that messages wait for."""
        every = [w.name for w in self.loops if w.group.name != "gate"] + [a.name for a in self.agents]
        self.lazy = {name for name in every if self.rng.random() < 0.3}

    def run(self, turns: int) -> None:
        """Some turns, wherever that ends."""
        for _ in range(turns):
            self.turn()
