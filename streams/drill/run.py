"""`dualblock drill`: the scenarios one after the other, each on a bed of its own."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from streams.broker import LocalBroker
from streams.drill import scenarios
from streams.drill.bed import Bed
from streams.drill.processes import Kill, Worker
from streams.drill.report import ScenarioReport, vacuous
from streams.errors import InputError

#: A safety net: after so long the brokers are gone.
MAX_SECONDS = {False: 3600.0, True: 3 * 3600.0}
#: They measure how long things take: nothing runs beside them.
_ALONE = ("gate_kills", "race", "soak")
#: Those that take longest go first, and leave room for the others beside them.
_FIRST = ("broker", "storm", "poison", "disk", "registrar_meter_kills", "agent_kills", "upgrade", "clock")


def names() -> tuple[str, ...]:
    """Every scenario, in the order in which they run."""
    found = {module.name for module in pkgutil.iter_modules(scenarios.__path__)}
    return (*(n for n in _FIRST if n in found), *sorted(found.difference(_FIRST)))


def chosen(asked: Sequence[str]) -> tuple[str, ...]:
    """The scenarios asked for, all when none is named. Raises InputError."""
    if unknown := [name for name in asked if name not in names()]:
        raise InputError(f"{', '.join(unknown)}: no such scenario; there are {', '.join(names())}.")
    return tuple(n for n in names() if n in asked) if asked else names()


def run_drill(
    asked: Sequence[str],
    *,
    seed: int,
    long: bool,
    bootstrap: str | None,
    directory: Path | None = None,
    slack: float = 1.0,
    minutes: float | None = None,
    jobs: int = 1,
    begun: Callable[[str], None] = lambda name: None,
) -> dict[str, ScenarioReport]:
    """Run scenarios on the broker at `bootstrap`, or on a local one for as long as it takes.

    directory: where logs and state of the workers stay; None: a temporary one, kept only if something did not hold.
    slack: stretches the limits of time. minutes: of the soak. jobs: so many scenarios side by side, but for those
    that measure time. begun: told of each scenario's name. A scenario that raises has not held; the others run all the
    same.
    """
    todo = chosen(asked)
    limit_s = MAX_SECONDS[long] + 60 * (minutes or 0)
    with ExitStack() as stack:
        server = bootstrap or stack.enter_context(LocalBroker(max_seconds=limit_s)).bootstrap

        def one(name: str) -> ScenarioReport:
            begun(name)
            return run_scenario(name, seed, long, server, directory, slack=slack, minutes=minutes)

        beside = [name for name in todo if name not in _ALONE]
        with ThreadPoolExecutor(jobs) as pool:
            reports = dict(zip(beside, pool.map(one, beside), strict=True))
        reports |= {name: one(name) for name in todo if name in _ALONE}
    return {name: reports[name] for name in todo}


def run_scenario(
    name: str,
    seed: int,
    long: bool,
    bootstrap: str,
    directory: Path | None = None,
    *,
    slack: float = 1.0,
    minutes: float | None = None,
) -> ScenarioReport:
    """One scenario, judged; see `run_drill`."""
    module = importlib.import_module(f"{scenarios.__name__}.{name}")
    started = time.monotonic()
    own = directory is None
    place = Path(tempfile.mkdtemp(prefix=f"dualblock-drill-{name}-")) if directory is None else directory / name
    report = ScenarioReport(name, slack=slack)
    try:
        with Bed(bootstrap, place, seed=seed, name=name, slack=slack, minutes=minutes) as bed:
            report = module.run(bed, seed, long)
            judge_kills(report, bed.kills, module.KILLS)
            judge_restarts(report, bed.workers)
    except Exception as error:
        report.problems.append(f"{type(error).__name__}: {error}")
    if slack != 1:
        report.notes.append(f"limits of time × {slack:g}")
    report.seconds = round(time.monotonic() - started, 1)
    if own and report.holds:
        shutil.rmtree(place, ignore_errors=True)
    elif not report.holds:
        report.problems.append(f"logs and state: {place}")
    return report


def judge_restarts(report: ScenarioReport, workers: Sequence[Worker]) -> None:
    """Say how often a worker asked to be started again; what ended by an exception had another reason."""
    if restarts := sum(worker.lives - 1 for worker in workers):
        report.figures["restarts"] = restarts
    report.problems += [f"an exception ended {w.role} {w.instance}: see {w.log}" for w in workers if w.crashed()]


def judge_kills(report: ScenarioReport, kills: Sequence[Kill], needed: bool) -> None:
    """Count the kills, and note why they prove nothing. needed: the scenario is one that kills."""
    report.kills = len(kills)
    report.kills_in_transaction = sum(kill.in_transaction for kill in kills)
    if needed:
        report.problems += vacuous(report, kills)
