"""A bed for a scenario: topics under a prefix of their own, workers on them, a feeder, a reader, and the oracle.

with Bed(bootstrap, directory, seed=1, name="gate_kills") as bed:
    bed.prepare()                          # rows, marks, policy
    gate = bed.start("gate", "g0")         # does not wait for it
    feeder = bed.feed(rate=300, changes=2)
    ...
    bed.conclude(report, feeder)           # waits for every decision, then asks the oracle
"""

from __future__ import annotations

import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from confluent_kafka import Producer

from streams.config import DEMO_KEYS, Partitions
from streams.contracts.base import encoder
from streams.contracts.decisions import Progress
from streams.contracts.feeds import RegistryValue, key_of
from streams.contracts.topics import Group
from streams.drill.feeder import Feeder, close, settings
from streams.drill.oracle import STALE_AFTER_MS, Oracle
from streams.drill.processes import DrillStuck, Kill, Worker, now_ms, spawn
from streams.drill.reader import ProgressReader, Reader, end, read
from streams.drill.recovery import killed_again, recovery_s
from streams.drill.report import ScenarioReport
from streams.drill.world import Changed, World
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.packs import shipped
from streams.pipeline.gate import ENTITIES
from streams.pipeline.settings import Connection
from streams.pipeline.topics import create_topics
from streams.replay.history import History, Record
from streams.service.workers import Role

JURISDICTION = "kr"
#: The longest recovery of any worker that is started again; gates have tighter limits of their own.
RECOVERED_S = 60.0
#: What each role reads, and under which name it says how far it has come.
_READS: dict[Role, tuple[str, str]] = {"registrar": ("registrar", "feeds"), "meter": ("meter", "decisions")}
_PROGRESS = msgspec.json.Decoder(Progress)


class Bed:
    """Context manager. bootstrap: how the drill itself reaches Kafka. workers_bootstrap: how the workers do, when they
    go through a proxy. directory: logs, notes and the workers' state. slack: limits of time are stretched by so much.
    minutes: how long a scenario without an end of its own goes on, None: its own choice."""

    def __init__(
        self,
        bootstrap: str,
        directory: Path,
        *,
        seed: int,
        name: str,
        partitions: Partitions | None = None,
        workers_bootstrap: str | None = None,
        epoch_ms: int = 2000,
        slack: float = 1.0,
        minutes: float | None = None,
    ) -> None:
        self.seed, self.name, self.directory = seed, name, directory
        self.partitions = partitions or Partitions(messages=4, registry=2, reputation=2)
        self.prefix = f"drill-{name.replace('_', '-')}-{uuid.uuid4().hex[:8]}."
        self.connection = Connection(bootstrap, self.prefix)
        self.workers_bootstrap = workers_bootstrap or bootstrap
        self.slack, self.minutes = slack, minutes
        self.keys = Keys(*DEMO_KEYS)
        self.world = World(seed, now_ms(), epoch_ms=epoch_ms)
        self.workers: list[Worker] = []
        self.kills: list[Kill] = []
        self._encode = encoder().encode
        self._producer = Producer(settings(self.connection))
        self._publishing = threading.Lock()
        self._ended = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="drill-supervisor", daemon=True)
        self._reader: Reader | None = None
        self._progressed: ProgressReader | None = None
        self._feeder: Feeder | None = None

    def __enter__(self) -> Self:
        groups: dict[Group, int] = {
            "messages": self.partitions.messages,
            "registry": self.partitions.registry,
            "reputation": self.partitions.reputation,
            "single": 1,
        }
        create_topics(self.connection, groups)
        self._supervisor.start()
        return self

    def _supervise(self) -> None:
        while not self._ended.wait(0.2):
            for worker in tuple(self.workers):
                worker.supervise()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._feeder is not None:
                self._feeder.stop()
        except DrillStuck:
            if error is None:
                raise
        finally:
            self._ended.set()
            self._supervisor.join(10)
            for worker in self.workers:
                if worker.alive:
                    worker.resume()
                    worker.kill()
            for follower in (self._reader, self._progressed):
                if follower is not None:
                    follower.stop()
            close(self._producer, 5)

    def report(self) -> ScenarioReport:
        """An empty report for this scenario."""
        return ScenarioReport(self.name, slack=self.slack)

    # -- rows ----------------------------------------------------------------------------------------------------

    def policies(self) -> Policies:
        """Fresh policies over the shipped packs."""
        return Policies(shipped(), JURISDICTION)

    def prepare(self, *, feeds: bool = False) -> None:
        """Publish the world's first rows, marks and policy, as their writers would. feeds: leave the rows to a
        registrar."""
        self.publish(Changed("policy", JURISDICTION, self.world.policy, 0))
        rows: list[tuple[int, RegistryValue]] = [(-1, r) for r in (*self.world.blocks(), *self.world.rows.values())]
        for partition, value in [*rows, *self.world.marks(self.partitions.registry)]:
            if feeds:
                self.send("feeds", key_of(value), value, partition)
            else:
                self.publish(Changed("registry", key_of(value), value, 0), partition)
        for change in self.world.beside:
            self.publish(change)
        self.flush()

    def publish(self, change: Changed, partition: int = -1, *, raw: bytes | None = None) -> None:
        """Write a row to its topic and its history, in the place of registrar, sanction agent and `policy publish`.
        raw: the row's bytes, when they are not ours."""
        with self._publishing:
            for entity in (change.entity, f"{change.entity}.history"):
                for key, value in ((change.key, change.value if raw is None else raw), *change.also):
                    self.send(entity, key, value, partition)

    def send(
        self,
        entity: str,
        key: str,
        value: msgspec.Struct | bytes,
        partition: int = -1,
    ) -> None:
        """One record to an entity's topic, keyed as all are; `flush` waits for it."""
        raw = value if isinstance(value, bytes) else self._encode(value)
        self._producer.produce(self.connection.topic(entity), raw, key.encode(), partition)
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until everything sent is acknowledged. Raises DrillStuck."""
        if self._producer.flush(30 * self.slack):
            raise DrillStuck("Kafka has not taken the drill's own records within 30 s")

    # -- workers -------------------------------------------------------------------------------------------------

    def environment(self, instance: str, state: str = "state") -> dict[str, str]:
        """The settings of a worker. state: name of its state directory under the bed's."""
        return {
            "DUALBLOCK_BOOTSTRAP": self.workers_bootstrap,
            "DUALBLOCK_PREFIX": self.prefix,
            "DUALBLOCK_STATE_DIR": str(self.directory / state),
            "DUALBLOCK_INSTANCE": instance,
            "DUALBLOCK_JURISDICTION": JURISDICTION,
            "DUALBLOCK_ALLOW_DEMO_KEYS": "true",
            "DUALBLOCK_LOG_LEVEL": "info",
            "DUALBLOCK_LOG_FORMAT": "json",
            **{f"DUALBLOCK_PARTITIONS__{k.upper()}": str(v) for k, v in self.partitions.model_dump().items()},
        }

    def start(
        self,
        role: Role,
        instance: str,
        *,
        crash: str = "",
        wrap: Sequence[str] = (),
        state: str = "state",
        environment: Mapping[str, str] | None = None,
        python: Path = Path(sys.executable),
    ) -> Worker:
        """Start a worker (`streams.drill.worker`); does not wait for it. environment: laid over its settings. python:
        of the version that it is of."""
        own = {**self.environment(instance, state), **(environment or {})}
        worker = spawn(role, instance, own, self.directory / "logs", crash=crash, wrap=wrap, python=python)
        self.workers.append(worker)
        return worker

    def kill(self, worker: Worker) -> Kill:
        """SIGKILL a worker, and remember it."""
        found = worker.kill()
        self.kills.append(found)
        return found

    def killed(self, worker: Worker, within_s: float) -> Kill:
        """Wait until a worker killed itself at its crash point; SIGKILL when it doesn't come there in time."""
        found = worker.killed(within_s * self.slack)
        if found is None:
            return self.kill(worker)
        self.kills.append(found)
        return found

    # -- load and reading ----------------------------------------------------------------------------------------

    def feed(
        self,
        *,
        rate: float = 300.0,
        changes: float = 0.0,
        publish: Callable[[Changed], None] | None = None,
        keep: int = 1,
        alter: Callable[[int, bytes], bytes] | None = None,
    ) -> Feeder:
        """Start feeding messages and changes; per second. publish: where changes go (else this bed writes the rows).
        keep, alter: see `Feeder`."""
        put = publish if publish is not None else self.publish
        self._feeder = Feeder(
            self.connection,
            self.world,
            self.policies(),
            rate=rate,
            changes=changes,
            publish=put,
            keep=keep,
            alter=alter,
        ).start()
        return self._feeder

    @property
    def reader(self) -> Reader:
        """The read_committed reader of decisions; follows from the first time that it is asked for."""
        if self._reader is None:
            self._reader = Reader(self.connection, self.slack)
        return self._reader

    def follow_progress(self) -> ProgressReader:
        """Follow `progress` from now on, so that the recovery of registrars, meters and agents can be told."""
        if self._progressed is None:
            self._progressed = ProgressReader(self.connection)
        return self._progressed

    def recoveries(
        self,
        report: ScenarioReport,
        agents: tuple[str, str] | None = None,
        kills: Sequence[Kill] | None = None,
    ) -> None:
        """Put the longest recovery into a report; everything fed must have been processed.

        agents: (component, entity) by which agents are judged. Gates are judged by their decisions. kills: those whose
        workers were started again to live; None: all. What was killed again before it had recovered is counted in
        `killed_again`; gates are judged at every kill.
        """
        logs: dict[str, list[Record]] = {}
        for kill in self.kills if kills is None else kills:
            if kill.role == "gate":
                found: float | None = self.reader.recovery_s(kill, 0)
            else:
                component, entity = agents if kill.role == "agents" and agents is not None else _READS[kill.role]
                log = logs[entity] = logs[entity] if entity in logs else self.read(entity)
                found = recovery_s(kill.at_ms, component, entity, log, self.follow_progress().came)
                again = [other.at_ms for other in self.kills if other.instance == kill.instance]
                if found is not None and killed_again(kill.at_ms, found, again):
                    report.figures["killed_again"] = report.figures.get("killed_again", 0) + 1
                    continue
            if found is not None:
                report.recovered(found, RECOVERED_S, f"{kill.role} {kill.instance} killed at {kill.point}")
                name = f"recovery_{kill.role}_s"
                report.figures[name] = max(report.figures.get(name, 0.0), round(found, 3))

    def read(self, entity: str, *, committed: bool = True) -> list[Record]:
        """Everything in an entity's topic, to its end."""
        return read(self.connection, self.connection.topic(entity), committed=committed)

    def read_topic(self, name: str) -> list[Record]:
        """Everything in a topic that no entity has, such as a table's changelog."""
        return read(self.connection, name)

    def end(self, entity: str) -> int:
        """Where the partitions of an entity's topic end, summed; markers included."""
        return end(self.connection, self.connection.topic(entity))

    def progress(self) -> dict[tuple[str, str, int], Progress]:
        """The last progress by (component, entity, partition)."""
        found: dict[tuple[str, str, int], Progress] = {}
        for record in self.read("progress"):
            one = _PROGRESS.decode(record.value)
            entity = one.topic.removeprefix(self.prefix).removesuffix(".v1")
            found[one.component, entity, one.partition] = one
        return found

    def feed_change(self, change: Changed) -> None:
        """A registry row's news, the way that a feed brings them; other rows as their writers leave them."""
        if change.entity != "registry":
            self.publish(change)
            return
        row = change.value
        self.send("feeds", change.key, msgspec.structs.replace(row, timeline=row.timeline[-1:]))  # type: ignore[union-attr]  # a timeline row

    def settled(self, component: str, entity: str) -> bool:
        """Whether a component has processed everything that can be read of a topic now."""
        ends: dict[int, int] = {}
        for record in self.read(entity):
            ends[record.partition] = record.offset + 1
        progress = self.progress()
        return all(
            (found := progress.get((component, entity, p))) is not None and found.next_offset >= end
            for p, end in ends.items()
        )

    def until(self, done: Callable[[], bool], what: str, within_s: float) -> None:
        """Wait for something. Raises DrillStuck."""
        within_s *= self.slack
        deadline = time.monotonic() + within_s
        while not done():
            if time.monotonic() > deadline:
                raise DrillStuck(f"waited {within_s:g} s in vain until {what}")
            time.sleep(0.05)

    def settle(self, stages: Sequence[tuple[str, str]], within_s: float) -> None:
        """Wait until each (component, entity) is settled, in turn. Raises DrillStuck."""
        within_s *= self.slack
        deadline = time.monotonic() + within_s
        for component, entity in stages:
            while not self.settled(component, entity):
                if time.monotonic() > deadline:
                    raise DrillStuck(f"{component} has not come to the end of {entity} within {within_s:g} s")
                time.sleep(0.1)

    def oracle(self) -> Oracle:
        """Who judges, by everything that has stood on the topics until now."""
        return Oracle(self.history(), self.keys, JURISDICTION, stale_after_ms=STALE_AFTER_MS * self.slack)

    def history(self) -> History:
        """All states of all rows, by the history topics."""
        history = History()
        for entity in ENTITIES:
            history.add(entity, self.read(f"{entity}.history"), self.read(entity))
        return history

    # -- the end -------------------------------------------------------------------------------------------------

    def conclude(
        self,
        report: ScenarioReport,
        feeder: Feeder,
        *,
        within_s: float = 60.0,
        replay: bool = True,
        unanswered: frozenset[tuple[int, int]] = frozenset(),
        ahead_ms: Mapping[str, int] | None = None,
    ) -> None:
        """Stop feeding, wait for every decision, judge, and fill the report.

        replay: the whole must equal an embedded replay (every change counted from at least 2 s ahead). unanswered,
        ahead_ms: see `Oracle.judge`.
        """
        inputs = feeder.stop()
        try:
            self.reader.wait(len(inputs) - len(unanswered), within_s)
        except DrillStuck as stuck:
            report.problems.append(str(stuck))
        self.flush()
        committed, raw = self.read("decisions"), self.read("decisions", committed=False)
        report.inputs += len(inputs)
        report.committed += len(committed)
        report.raw += len(raw)
        oracle = self.oracle()
        oracle.judge(inputs, committed, unanswered=unanswered, ahead_ms=ahead_ms).into(report)
        if replay and (unlike := oracle.unlike_replay(inputs, committed)):
            report.problems.append(f"{len(unlike)} decisions differ from an embedded replay, e.g. {unlike[0]}")
