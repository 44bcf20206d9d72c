"""A worker of the agents: the real agents, steps and tables on a stand-in for Faust that can die between any two sends.

At least once: table set → changelog and outputs on their way, in order → acknowledged → offsets committed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from streams.agents.context import Context
from streams.agents.emit import Emitter, Output
from streams.agents.gate import Turnstile
from streams.agents.steps import AgentStep, bind
from streams.contracts.base import encoder
from streams.contracts.decisions import Progress
from streams.drill.simulation.clients import SimCrash
from streams.drill.simulation.log import Headers, Log, Place, Record
from streams.drill.simulation.loops import CONNECTION, ENTITY_OF
from streams.drill.simulation.replicas import DiskReplica, SimReplicator
from streams.engine.skeleton import skeletons_of

GROUP = "agents"
CRASHES = ("after-table-write", "after-send", "after-handler", "flush", "before-commit", "before-apply", "after-apply")
Offsets = dict[tuple[str, int], int]
_encode = encoder().encode


@dataclass(frozen=True, eq=False)
class Sent:
    """A record on its way to the broker. after: those that must be there first."""

    entity: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None
    after: tuple[Sent, ...] = ()


class SimOutbox:
    """What has left an app's sends is acknowledged."""

    failed: Exception | None = None

    def __init__(self, app: SimApp) -> None:
        self._app = app

    def fail(self, why: Exception) -> None:
        """Not wanted here."""
        raise why

    @contextmanager
    def sending(self) -> Iterator[list[Sent]]:
        """What is sent meanwhile."""
        made: list[Sent] = []
        before = len(self._app.sends)
        yield made
        made += list(self._app.sends)[before:]

    async def acknowledged(self, sent: Collection[Sent]) -> None:
        """The broker takes what is on its way until all of `sent` is there."""
        while any(one in self._app.sends for one in sent):
            self._app.flush(1)


class Mailbox:
    """An agent's stream: awaited, it gives the next event or hands control back to whoever drives the agent."""

    enable_acks = True

    def __init__(self) -> None:
        self.items: deque[Any] = deque()

    def __await__(self) -> Generator[None, None, Any]:
        while not self.items:
            yield
        return self.items.popleft()

    async def events(self) -> AsyncIterator[Any]:
        while True:
            yield await self


class SimTable:
    """A table's local stores, one for each partition, and the changelog that they are rebuilt from."""

    def __init__(self, app: SimApp, name: str, changelog: str) -> None:
        self.app, self.name, self.changelog = app, name, changelog
        self.partitions = app.log.count(changelog)

    def _store(self) -> dict[bytes, bytes]:
        return self.app.disk.setdefault((self.changelog, self.app.now.partition), ({}, 0))[0]

    def get(self, key: bytes) -> bytes | None:
        return self._store().get(key)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        for partition in sorted(self.app.partitions):
            yield from self.app.disk[self.changelog, partition][0].items()

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._store()[key] = value
        self.app.sends.append(Sent(self.changelog, key, value))


class Now(NamedTuple):
    """The event being handled."""

    entity: str
    partition: int
    offset: int


class SimApp:
    """What `bind`, `agent` and `apply` use of the Faust app."""

    def __init__(self, log: Log, disk: dict[Place, tuple[dict[bytes, bytes], int]], crash: Callable[[str], None]):
        self.log, self.disk, self.crash_points = log, disk, crash
        self.settings = SimpleNamespace(
            partitions=log.count("votes"), prefix=CONNECTION.prefix, group=GROUP, version="0"
        )
        self.consumed: set[str] = set()
        self.on_recovered: list[Callable[[], None]] = []
        self.partitions: set[int] = set()
        self.sends: deque[Sent] = deque()
        self.tables: list[SimTable] = []
        self.loops: dict[str, Callable[[Any], Coroutine[Any, Any, None]]] = {}
        self.handled: dict[Place, tuple[str, int, int]] = {}
        self.now = Now("", 0, 0)
        self.emitter = Emitter(lambda: cast("Any", self), max_record_bytes=1_000_000)
        self.gate = Turnstile()
        self.gate.open()
        self.outbox = SimOutbox(self)
        self.followers = SimpleNamespace(send=self._follow)
        self.flush: Callable[[int], None] = lambda number: None
        self.progress = SimpleNamespace(handled=self._handled)

    def count(self, name: str) -> None:
        return

    def _follow(self, change: list[Sent], outputs: Iterable[Output]) -> list[Sent]:
        """Outputs that may reach the broker behind `change` only."""
        said = [
            Sent(ENTITY_OF.get(o.topic, o.topic), o.key, o.value, tuple(o.headers), None, tuple(change))
            for o in outputs
        ]  # fmt: skip
        self.sends.extend(said)
        return [*change, *said]

    def topic(self, *names: str, **options: Any) -> str:
        return names[0]

    def Table(self, name: str, *, changelog_topic: str, **options: Any) -> SimTable:  # noqa: N802  # Faust's name
        self.tables.append(SimTable(self, name, ENTITY_OF.get(changelog_topic, changelog_topic)))
        return self.tables[-1]

    def agent(self, source: str, *, name: str, concurrency: int) -> Callable[[Any], None]:
        def register(loop: Any) -> None:
            self.loops[name] = loop

        return register

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, partition: int | None, at: float | None,
        headers: list[tuple[str, bytes]] | None,
    ) -> None:  # fmt: skip
        self.sends.append(Sent(ENTITY_OF.get(topic, topic), key, value, headers or (), partition))

    def _handled(self, name: str, tp: Place, next_offset: int, event_time_ms: int | None) -> None:
        newest = max(self.handled.get(tp, ("", 0, 0))[2], event_time_ms or 0)
        self.handled[tp] = (name, next_offset, newest)


class AgentWorker:
    """One process with all agents. seen: told which rows each event of `reports` was judged with."""

    def __init__(
        self, log: Log, name: str, make: Callable[[], Iterable[AgentStep]], rng: Random,
        seen: Callable[[Now, Offsets], None],
    ) -> None:  # fmt: skip
        self.log, self.name, self._make, self._rng, self._seen = log, name, make, rng, seen
        self.disk: dict[Place, tuple[dict[bytes, bytes], int]] = {}
        self.replica = DiskReplica(skeletons_of)
        self.armed: tuple[str, int] | None = None
        self.app: SimApp | None = None
        self.partitions: set[int] = set()
        self._calm = -1  # version of the log at which no event was waiting
        self._positions: dict[Place, int] = {}
        self._acked: dict[Place, int] = {}

    @property
    def alive(self) -> bool:
        return self.app is not None

    def start(self, fresh_disk: bool = False) -> None:
        """Start the process; partitions come with `assign`."""
        if fresh_disk:
            self.disk, self.replica = {}, DiskReplica(skeletons_of)
        self.armed = None
        self.replicator = SimReplicator(self.log, self.replica, ("registry", "policy"), self._rng, self._crash)
        app = self.app = SimApp(self.log, self.disk, self._crash)
        app.flush = partial(self._flush, app)
        context = Context(cast("Any", app), cast("Any", self))
        self._inputs: dict[str, str] = {}
        for step in self._make():
            bind(context, step)
            self._inputs |= dict.fromkeys(step.inputs, step.name)
        self._boxes = {name: Mailbox() for name in app.loops}
        self._running = {name: loop(self._boxes[name]) for name, loop in app.loops.items()}
        for running in self._running.values():
            running.send(None)

    @property
    def caught_up(self) -> bool:
        return self.replicator.caught_up

    @property
    def view(self) -> DiskReplica:
        """The rows, as `agents.context.Follower` has them; whoever asks is handling an event."""
        if self.app is not None and self.app.now.entity == "reports":
            self._seen(self.app.now, self.replica.next_offsets())
        return self.replica

    def check(self) -> None:
        """These rows can always be read."""

    def assign(self, partitions: set[int]) -> None:
        """After a rebalance: tables are brought up from their changelogs, inputs read from what is committed."""
        if self.app is None:
            return
        self.partitions = set(partitions)
        self._positions.clear()
        self._acked.clear()
        self._calm = -1
        self.app.partitions = self.partitions
        for partition in sorted(partitions):
            for table in self.app.tables:
                self._recover((table.changelog, partition))
            for entity in self._inputs:
                place = (entity, partition)
                self._positions[place] = self._acked[place] = self.log.offsets.get((GROUP, *place), (0, ""))[0]
        for tell in self.app.on_recovered:
            tell()

    def _recover(self, place: Place) -> None:
        store, position = self.disk.get(place, ({}, 0))
        records, position = self.log.read(place, position, 1 << 30)
        for record in records:
            store[record.key or b""] = record.value or b""
        self.disk[place] = (store, position)

    def revoke(self) -> None:
        """Before a rebalance: everything handled is made durable and committed."""
        if self.app is not None:
            self.commit()
            self.app.handled.clear()
            self.partitions = set()
            self._positions.clear()

    def turn(self) -> bool:
        """Something of what a worker does: an event, a send acknowledged, a commit, a look at the rows."""
        if self.app is None:
            return False
        try:
            self._turn(self.app)
        except SimCrash:
            self.kill()
            return False
        return True

    def _turn(self, app: SimApp) -> None:
        if self.replicator.behind():
            self.replicator.catch_up()
        if self.replicator.caught_up:
            for _ in range(self._rng.randint(1, 6)):
                if not self._one(app):
                    break
        if app.sends and self._rng.random() < 0.5:
            self._flush(app, self._rng.randint(1, len(app.sends)))
        if self._rng.random() < 0.3 or not self._waiting():
            self.commit()

    def _waiting(self) -> list[tuple[Place, Record, int]]:
        if self._calm == self.log.version:
            return []
        found = []
        for place, position in self._positions.items():
            if not self.log.grown(place, position):
                continue
            records, after = self.log.read(place, position, 1)
            if records:
                found.append((place, records[0], after))
        if not found:
            self._calm = self.log.version
        return found

    def _one(self, app: SimApp) -> bool:
        """Deliver one event to its agent."""
        waiting = self._waiting()
        if not waiting:
            return False
        place, record, after = self._rng.choice(waiting)
        self._positions[place] = after
        app.now = Now(place[0], place[1], record.offset)
        message = SimpleNamespace(
            topic=CONNECTION.topic(place[0]), partition=place[1], offset=record.offset, timestamp=0.0, key=record.key,
            value=record.value, tp=place,
        )  # fmt: skip

        def ack() -> None:
            self._acked[place] = record.offset + 1

        name = self._inputs[place[0]]
        self._boxes[name].items.append(SimpleNamespace(message=message, ack=ack))
        self._running[name].send(None)
        return True

    def _flush(self, app: SimApp, number: int) -> None:
        """The broker has `number` records more: in order within a topic, topics in any order.

        With the acknowledgement a table's store learns from where on it needs recovery.
        """
        for _ in range(number):
            self._crash("flush")
            firsts: dict[str, Sent] = {}
            for sent in app.sends:
                firsts.setdefault(sent.entity, sent)
            ready = [sent for sent in firsts.values() if not any(one in app.sends for one in sent.after)]
            sent = self._rng.choice(ready)
            app.sends.remove(sent)
            partition, _ = self.log.append(sent.entity, sent.key, sent.value, sent.partition, sent.headers)
            place = (sent.entity, partition)
            if place in self.disk and self._rng.random() < 0.9:  # or it is killed before it hears of it
                self.disk[place] = (self.disk[place][0], self.log.stable_end(place))

    def commit(self) -> None:
        """Everything sent is acknowledged, then progress says so, then the offsets are committed."""
        app = self.app
        if app is None or not self.uncommitted():
            return
        acked = dict(self._acked)
        self._flush(app, len(app.sends))
        for place, (name, next_offset, newest_ms) in app.handled.items():
            progress = Progress(
                component=name, topic=place[0], partition=place[1], next_offset=next_offset, event_time_ms=newest_ms
            )
            self.log.append("progress", progress.key().encode(), _encode(progress), 0)
        self._crash("before-commit")
        for place, offset in acked.items():
            self.log.offsets[GROUP, *place] = (offset, "")
        for table in app.tables:
            for partition in self.partitions:
                place = (table.changelog, partition)
                self.disk[place] = (self.disk[place][0], self.log.stable_end(place))

    def uncommitted(self) -> bool:
        """Whether a commit would say anything new."""
        if self.app is not None and self.app.sends:
            return True
        return any(self.log.offsets.get((GROUP, *p), (0, ""))[0] != offset for p, offset in self._acked.items())

    def busy(self) -> bool:
        """Whether a turn could change anything."""
        return self.replicator.behind() or self.uncommitted() or bool(self._waiting())

    def kill(self) -> None:
        """kill -9: what is on its way is lost, the local stores stay as they are."""
        if self.app is not None:
            for running in self._running.values():
                running.close()
            self.app = None
            self.partitions = set()
            self._positions.clear()
            self._acked.clear()

    def _crash(self, point: str) -> None:
        if self.armed is None or self.armed[0] != point:
            return
        if self.armed[1] > 0:
            self.armed = (point, self.armed[1] - 1)
            return
        self.armed = None
        raise SimCrash(point)
