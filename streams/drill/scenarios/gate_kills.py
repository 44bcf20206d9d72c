"""Gates killed at random and named points while messages and changes flow: one decision each, none wrong."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

from streams.drill.bed import Bed
from streams.drill.processes import Kill, Worker
from streams.drill.replicas import Logs, differences, keep
from streams.drill.report import ScenarioReport
from streams.pipeline.gate import ENTITIES

KILLS = True
#: Where a gate is told to die; `random` is a SIGKILL from outside, at any moment.
POINTS = (
    "after-send-offsets", "after-consume", "after-produce", "random", "after-flush", "after-commit", "before-apply",
    "after-apply",
)  # fmt: skip
RESTARTED_S = 5.0
AWAY_S = 20.0  # session timeout and ten seconds
_REACH_S = 15.0


def run(bed: Bed, seed: int, long: bool) -> ScenarioReport:
    """Three gates; each is killed and restarted at once by turns, at last one stays away."""
    report, random = bed.report(), Random(seed)
    bed.prepare()
    workers = {name: bed.start("gate", name) for name in (f"g{n}" for n in range(3))}
    reader, feeder = bed.reader, bed.feed(rate=250, changes=6)
    reader.wait(500, 60)
    names, kept = sorted(workers), list[tuple[Kill, Path]]()
    for number in range(48 if long else 8):
        name = names[number % len(names)]
        kill = _killed(bed, workers[name], POINTS[number % len(POINTS)], random)
        kept.append((kill, keep(_replica(bed, name), bed.directory / "kept" / str(number))))
        workers[name] = bed.start("gate", name)
        report.recovered(reader.recovery_s(kill, 30), RESTARTED_S, f"gate {name} killed at {kill.point}, restarted")
    kill = bed.kill(workers[names[0]])
    seconds = reader.recovery_s(kill, 40)
    report.figures["recovery_away_s"] = round(seconds, 3)
    report.expect(seconds <= AWAY_S * bed.slack, f"a gate stayed away: the others took over after {seconds:.1f} s")
    workers[names[0]] = bed.start("gate", names[0])
    bed.conclude(report, feeder)
    for worker in workers.values():
        report.expect(worker.stop() == 0, f"gate {worker.instance} did not stop gracefully: see {worker.log}")
        kept.append((Kill("gate", worker.instance, 0, "stopped"), _replica(bed, worker.instance)))
    _compare(bed, report, kept)
    return report


def _killed(bed: Bed, worker: Worker, point: str, random: Random) -> Kill:
    if point == "random":
        time.sleep(random.uniform(0.05, 0.5))
        return bed.kill(worker)
    worker.order(f"{point}:{random.randint(1, 10)}")
    return bed.killed(worker, _REACH_S)


def _replica(bed: Bed, name: str) -> Path:
    return bed.directory / "state" / name / "gate"


def _compare(bed: Bed, report: ScenarioReport, kept: list[tuple[Kill, Path]]) -> None:
    logs: Logs = {entity: bed.read(entity) for entity in ENTITIES}
    for kill, directory in kept:
        if wrong := differences(directory, logs):
            report.problems.append(f"the replica of {kill.instance} after {kill.point}: {len(wrong)} rows, {wrong[:3]}")
    report.figures["replicas_compared"] = len(kept)
