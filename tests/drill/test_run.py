"""How the drill runs and judges scenarios: what it prints, and that a run that tore nothing fails."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from streams.drill import run
from streams.drill.notes import Note
from streams.drill.processes import Kill, Worker
from streams.drill.report import ScenarioReport, to_json
from streams.drill.run import chosen, judge_kills, judge_restarts, names, run_scenario
from streams.service.workers import Role

#: What the issue asks for, and what docs/reliability.md adds.
ASKED = (
    "inputs", "committed", "raw", "lost", "doubled", "wrong", "stale", "late", "out_of_order", "kills",
    "kills_in_transaction", "worst_recovery_s",
)  # fmt: skip
BESIDE = ("seconds", "figures", "notes", "problems", "holds")


def kills(role: Role, inside: int, outside: int) -> list[Kill]:
    open_, shut = ("!after-send", "ready") if role == "agents" else ("!after-flush", "after-commit")
    return [Kill(role, "0", 0, open_)] * inside + [Kill(role, "0", 0, shut)] * outside


@pytest.mark.parametrize(
    ("dead", "raw", "committed", "sentences"),
    [
        (kills("gate", 3, 7), 101, 100, 0),
        (kills("gate", 2, 8), 101, 100, 1),  # too few inside a transaction
        (kills("gate", 3, 7), 100, 100, 1),  # nothing torn on the log
        ([], 101, 100, 1),  # nothing killed
        (kills("gate", 0, 10), 100, 100, 2),
        (kills("agents", 3, 7), 101, 100, 0),
        (kills("agents", 2, 8), 101, 100, 1),  # too few between write and acknowledgement
        (kills("gate", 9, 1) + kills("agents", 0, 5), 101, 100, 1),  # gates don't make up for agents
        (kills("gate", 0, 5) + kills("agents", 9, 1), 101, 100, 1),
    ],
)
def test_a_vacuous_run_fails(dead: list[Kill], raw: int, committed: int, sentences: int) -> None:
    report = ScenarioReport("s", raw=raw, committed=committed)
    judge_kills(report, dead, needed=True)
    assert len(report.problems) == sentences and report.holds is (sentences == 0)
    assert all(sentence.startswith("vacuous") for sentence in report.problems)
    assert report.kills == len(dead) and report.kills_in_transaction == sum(k.in_transaction for k in dead)


@pytest.mark.parametrize(("needed", "holds"), [(True, False), (False, True)])
def test_every_scenario_that_kills_is_judged(
    needed: bool, holds: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed = SimpleNamespace(kills=kills("gate", 0, 4), workers=[])
    module = SimpleNamespace(run=lambda bed, seed, long: ScenarioReport("s", raw=5, committed=4), KILLS=needed)
    monkeypatch.setattr(run, "Bed", lambda *given, **named: nullcontext(bed))
    monkeypatch.setattr(run.importlib, "import_module", lambda name: module)
    report = run_scenario("s", 1, False, "nowhere", tmp_path)
    assert report.holds is holds and report.kills == 4


def test_a_scenario_that_raises_has_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object, **named: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(run, "Bed", broken)
    report = run_scenario("clock", 1, False, "nowhere", tmp_path)
    assert not report.holds and "no room" in report.problems[0]


def test_which_scenarios_kill_is_said_by_each() -> None:
    found = {name: run.importlib.import_module(f"streams.drill.scenarios.{name}").KILLS for name in names()}
    assert {name for name, kills in found.items() if kills} == {
        "gate_kills", "agent_kills", "registrar_meter_kills", "storm", "race", "disk", "upgrade",
    }  # fmt: skip
    assert set(chosen(())) == set(names())


def test_the_json_form() -> None:
    found = msgspec.json.decode(to_json({"clock": ScenarioReport("clock", inputs=3, late=1)}))
    assert tuple(found) == ("clock",)
    assert tuple(found["clock"]) == (*ASKED, *BESIDE)
    said = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text()
    assert all(f"`{name}`" in said for name in BESIDE)


def worker(place: Path, code: str) -> Worker:
    def start() -> subprocess.Popen[bytes]:
        with (place / "log").open("ab") as out:
            return subprocess.Popen([sys.executable, "-I", "-c", code], stderr=out)

    return Worker("gate", "g0", start(), Note(place / "note"), Note(place / "order"), place / "log", start)


def test_a_worker_that_asks_for_it_is_started_again_and_only_that(tmp_path: Path) -> None:
    asks = worker(tmp_path, "import sys; sys.exit('restart needed')")
    asks.process.wait()
    asks.supervise()
    assert asks.lives == 2 and not asks.crashed()
    asks.process.wait()
    assert asks.stop() == 1  # nobody starts it again from here on
    asks.supervise()
    assert asks.lives == 2
    report = ScenarioReport("s")
    judge_restarts(report, [asks])
    assert report.figures == {"restarts": 1} and report.holds
    for code in ("pass", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "raise SystemExit(2)"):
        other = worker(tmp_path, code)
        other.process.wait()
        other.supervise()
        assert other.lives == 1


def test_an_exception_is_no_wish_to_be_started_again(tmp_path: Path) -> None:
    broken = worker(tmp_path, "raise ValueError")
    broken.process.wait()
    broken.supervise()
    broken.process.wait()
    report = ScenarioReport("s")
    judge_restarts(report, [broken])
    assert not report.holds and "an exception ended gate g0" in report.problems[0]
