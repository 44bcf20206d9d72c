"""The control plane races the data plane: registry changes and orders at 200 per second, an import beside them that is
interrupted and resumed, gates and agents dying."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random
from typing import Literal

from streams.contracts.registry import BlockRow
from streams.contracts.reports import Directive
from streams.contracts.reputation import SanctionEntry, SanctionRow
from streams.drill.bed import Bed
from streams.drill.imports import Import, compare_import
from streams.drill.lateness import Change, Steps, lateness
from streams.drill.processes import Worker, now_ms
from streams.drill.replicas import differences
from streams.drill.report import ScenarioReport
from streams.drill.world import Changed, World
from streams.engine.owners import EXPELLED
from streams.pipeline.gate import ENTITIES
from streams.replica.changes import Entity, decode

KILLS = True
CHANGES_PER_S = 200.0
READABLE_P99_MS = 1000.0
#: So many expulsions make their figure say something.
_EXPULSIONS = 10
_ROAD = (("registrar", "feeds"), ("directives", "directives"), ("sanctions", "findings"))
_TURNS = (
    "gate:after-flush", "agents:sanctions:after-table-write", "gate:random", "agents:sanctions:after-send",
    "gate:after-produce",
)  # fmt: skip
_REACH_S = 20.0


def run(bed: Bed, seed: int, long: bool) -> ScenarioReport:
    """See the module."""
    report, random = bed.report(), Random(seed)
    bed.world = World(seed, now_ms(), scale=10)
    bed.prepare(feeds=True)
    bed.start("registrar", "r0")
    workers = {"g0": bed.start("gate", "g0"), "g1": bed.start("gate", "g1"), "a0": bed.start("agents", "a0")}
    bed.settle([("registrar", "feeds")], 60)
    bed.follow_progress()
    feeder = bed.feed(rate=100, changes=CHANGES_PER_S, publish=lambda change: _publish(bed, change))
    bed.reader.wait(200, 60)
    importing = Import(bed, report).start()
    for number in range(25 if long else len(_TURNS)):
        role, _, point = _TURNS[number % len(_TURNS)].partition(":")
        name = "a0" if role == "agents" else f"g{number // 2 % 2}"
        _kill(bed, workers[name], point, random)
        workers[name] = bed.start(workers[name].role, name)
        time.sleep(2.0)
    importing.join()
    feeder.stop()
    bed.flush()
    bed.settle(_ROAD, 60)
    bed.conclude(report, feeder, replay=False)
    bed.recoveries(report, agents=("directives", "directives"))
    compare_import(report, bed.read("registry.history"))
    _late(bed, report)
    _never_undone(bed, report, [workers["g0"], workers["g1"]])
    return report


def _publish(bed: Bed, change: Changed) -> None:
    """A row goes in through the registrar, a sanction as an order through the agents."""
    row = change.value
    if isinstance(row, SanctionRow):
        entry = row.timeline[-1]
        out = row.subject.startswith("reseller:")
        act: Literal["expel", "suspend"] = "expel" if out else "suspend"
        order = Directive(
            reference=entry.sanction_id, subject=row.subject, act=act, from_ms=entry.from_ms,
            to_ms=entry.to_ms, recorded_at_ms=entry.recorded_at_ms, version=entry.version,
            authority="regulator" if out else "carrier",
        )  # fmt: skip
        bed.send("directives", order.reference, order)
    else:
        bed.feed_change(change)


def _kill(bed: Bed, worker: Worker, point: str, random: Random) -> None:
    worker.at_work(_REACH_S)
    if point == "random":
        time.sleep(random.uniform(0.1, 1.0))
        bed.kill(worker)
        return
    agent, _, where = point.rpartition(":")
    worker.order(f"{agent}:{random.randint(1, 20)}:{where}" if agent else f"{where}:{random.randint(1, 10)}")
    bed.killed(worker, _REACH_S)


def _late(bed: Bed, report: ScenarioReport) -> None:
    """Only what is news: rows written since the load began."""
    found: list[Change] = []
    expelled: list[Change] = []
    entities: tuple[Entity, ...] = ("registry", "sanctions")
    for entity in entities:
        for record in bed.read(entity):
            value = decode(entity, record.key.decode(), record.value)
            entries = () if isinstance(value, BlockRow) else getattr(value, "timeline", ())
            newest = max(entries, key=lambda entry: entry.recorded_at_ms, default=None)
            if newest is not None and newest.recorded_at_ms >= bed.world.started_ms:
                found.append(Change(entity, record.partition, record.offset, record.append_ms, newest.from_ms))
                if isinstance(newest, SanctionEntry) and newest.reason == EXPELLED:
                    expelled.append(found[-1])
    kills = {
        f"replica/gate-{name}": [kill.at_ms for kill in bed.kills if kill.instance == name] for name in ("g0", "g1")
    }
    steps = Steps(bed.read("progress"), bed.prefix)
    measured, out = lateness(found, steps, kills), lateness(expelled, steps, kills)
    report.late = measured.late
    report.figures |= {"changes": measured.changes, "readable_p99_ms": measured.p99_ms}
    report.figures |= {"expulsions": out.changes, "expulsion_readable_p99_ms": out.p99_ms}
    report.expect(measured.changes > 1000, f"only {measured.changes} changes went through")
    report.expect(
        measured.p99_ms <= READABLE_P99_MS * bed.slack, f"a change took {measured.p99_ms:g} ms to every replica (p99)"
    )
    report.expect(out.changes >= _EXPULSIONS, f"vacuous: only {out.changes} expulsions went through")
    report.expect(
        out.p99_ms <= READABLE_P99_MS * bed.slack, f"an expulsion took {out.p99_ms:g} ms to every replica (p99)"
    )


def _never_undone(bed: Bed, report: ScenarioReport, gates: list[Worker]) -> None:
    logs = {entity: bed.read(entity) for entity in ENTITIES}
    for gate in gates:
        report.expect(gate.stop() == 0, f"gate {gate.instance} did not stop gracefully: see {gate.log}")
        directory: Path = bed.directory / "state" / gate.instance / "gate"
        if wrong := differences(directory, logs):
            report.problems.append(f"the replica of {gate.instance}: {len(wrong)} rows, {wrong[:3]}")
