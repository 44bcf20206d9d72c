"""An upgrade in place: gates of an older version and a newer one in one group, on each other's disks, over records with
and without fields that one of them does not know. Each decision is recomputed by the engine that it names, in that
version's own environment; by the other one it must not recompute, or the two were never told apart."""

from __future__ import annotations

import subprocess

import msgspec

from streams.contracts.base import encoder
from streams.drill.bed import JURISDICTION, Bed
from streams.drill.judge import Case, Said
from streams.drill.oracle import STALE_AFTER_MS
from streams.drill.processes import Worker
from streams.drill.report import ScenarioReport
from streams.drill.versions import Version, two_versions
from streams.drill.world import Changed
from streams.pipeline.gate import ENTITIES
from streams.replay.history import Record

KILLS = True
#: So many decisions in a row of both before the next step.
TOGETHER = {False: 300, True: 6000}
_REACH_S, _JUDGE_S = 20.0, 600.0


class _Versions(msgspec.Struct):
    engine: str


class _Observed(msgspec.Struct):
    gate: str
    source: tuple[int, int]


class _Made(msgspec.Struct):
    versions: _Versions
    observed: _Observed


_MADE = msgspec.json.Decoder(_Made)


def run(bed: Bed, seed: int, long: bool) -> ScenarioReport:
    """Two older gates; one is killed and comes back newer, then the other, then the first goes back to the older."""
    report = bed.report()
    older, newer = two_versions(bed.directory / "versions")
    report.notes += [f"older: {older.what}, engine {older.engine}", f"newer: {newer.what}, engine {newer.engine}"]
    bed.prepare()
    gates = {name: _start(bed, name, older) for name in ("g0", "g1")}
    reader = bed.reader
    feeder = bed.feed(rate=200, changes=4, alter=_altered, publish=lambda change: _publish(bed, change))
    reader.wait(300, 60)
    for name, version in (("g0", newer), ("g1", newer), ("g0", older)):
        gates[name].order("after-flush:2")
        kill = bed.killed(gates[name], _REACH_S)
        said = gates[name].log.stat().st_size
        gates[name] = _start(bed, name, version)
        seconds = reader.recovery_s(kill, 60)
        report.recovered(seconds, 60, f"gate {name} killed, back as engine {version.engine}")
        reader.wait(len(reader) + TOGETHER[long], 120)
        _disk(report, gates[name], said)
    inputs = feeder.stop()
    reader.wait(len(inputs), 60)
    bed.flush()
    committed = bed.read("decisions")
    report.inputs, report.committed = len(inputs), len(committed)
    report.raw = len(bed.read("decisions", committed=False))
    _judge(bed, report, inputs, committed, (older, newer))
    for gate in gates.values():
        report.expect(gate.stop() == 0, f"gate {gate.instance} did not stop gracefully: see {gate.log}")
    return report


def _start(bed: Bed, name: str, version: Version) -> Worker:
    return bed.start("gate", name, python=version.python, environment=version.environment())


def _altered(number: int, raw: bytes) -> bytes:
    """Every third event has fields of a later minor version, every third lacks those that an older one had not."""
    if number % 3 == 0:
        return raw.replace(b'"sender":{', b'"later":{"deep":[1]},"sender":{"later":"x",', 1)
    if number % 3 == 1:
        plain = msgspec.json.decode(raw)
        return msgspec.json.encode({name: value for name, value in plain.items() if value is not None})
    return raw


def _publish(bed: Bed, change: Changed) -> None:
    """A row with fields that nobody knows yet, on topic and history."""
    raw = encoder().encode(change.value)
    bed.publish(change, raw=b'{"later":{"deep":[1]},' + raw[1:].replace(b'"from_ms":', b'"later":1,"from_ms":'))


def _disk(report: ScenarioReport, gate: Worker, since: int) -> None:
    """What the gate made of the other version's replica."""
    text = gate.log.read_bytes()[since:].decode("utf-8", "replace")
    rebuilt = '"event": "replica_rebuild"' in text
    name = "replicas_rebuilt" if rebuilt else "replicas_opened"
    report.figures[name] = report.figures.get(name, 0) + 1
    report.expect(not rebuilt or '"why": "' in text, f"{gate.instance} rebuilt its replica and did not say why")


def _judge(
    bed: Bed,
    report: ScenarioReport,
    inputs: dict[tuple[int, int], bytes],
    committed: list[Record],
    versions: tuple[Version, Version],
) -> None:
    """Lost, doubled and order over all; wrong and stale by the engine that each names."""
    bed.oracle().judge(inputs, committed, recompute=False).into(report)
    by_engine: dict[str, list[Record]] = {version.engine: [] for version in versions}
    for record in committed:
        made = _MADE.decode(record.value)
        by_engine.setdefault(made.versions.engine, []).append(record)
    report.expect(len(by_engine) == 2, f"decisions name the engines {sorted(by_engine)}")
    for version, other in (versions, versions[::-1]):
        mine = by_engine[version.engine]
        report.figures[f"decided_by_{version.engine}"] = len(mine)
        report.expect(len(mine) >= 100, f"vacuous: engine {version.engine} made {len(mine)} decisions")
        said = _ask(bed, version, inputs, mine)
        report.wrong += said.findings.wrong
        report.stale += said.findings.stale
        report.problems += said.findings.examples
        crossed = _ask(bed, other, inputs, mine)
        report.expect(
            crossed.findings.wrong == len(mine),
            f"vacuous: {len(mine) - crossed.findings.wrong} decisions of engine {version.engine} recompute by another",
        )


def _ask(bed: Bed, version: Version, inputs: dict[tuple[int, int], bytes], decisions: list[Record]) -> Said:
    """Have a version's own oracle judge decisions, in its own environment."""
    sources = [_MADE.decode(record.value).observed.source for record in decisions]
    case = Case(
        jurisdiction=JURISDICTION,
        logs={entity: (bed.read(f"{entity}.history"), bed.read(entity)) for entity in ENTITIES},
        inputs=[(*source, inputs[source]) for source in sources if source in inputs],
        committed=decisions,
        stale_after_ms=STALE_AFTER_MS * bed.slack,
    )
    file = bed.directory / f"case-{version.engine}.msgpack"
    file.write_bytes(msgspec.msgpack.encode(case))
    done = subprocess.run(
        [str(version.python), "-m", "streams.drill.judge", str(file)], env=dict(version.environment()),
        cwd=bed.directory, capture_output=True, timeout=_JUDGE_S, check=True,
    )  # fmt: skip
    said = msgspec.json.decode(done.stdout, type=Said)
    if said.engine != version.engine:
        raise AssertionError(f"engine {said.engine} judged in the place of {version.engine}")
    return said
