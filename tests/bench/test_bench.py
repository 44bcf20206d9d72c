"""The benchmarks run, on sizes that say nothing, and what they write is found again. No time is asserted."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from bench import against, figures, gate, gates, replay
from bench.machine import ROOT, Clock, heading
from bench.spread import percentile, spread
from streams.demo.world import MIN_MESSAGES

NAMES = ("replay", "gate", "patterns", "fingerprint", "recipients", "recent", "content", "jobs", "shapes", "breaker")


def lines_of(module: str, *arguments: str) -> list[str]:
    """What the command prints. A process of its own: it pins itself to a core and forks."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith("DUALBLOCK_")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.splitlines()


def test_replay_prints_rate_and_sizes() -> None:
    lines = lines_of("bench.replay", "--messages", str(MIN_MESSAGES), "--repeats", "1")
    assert [line.split()[0] for line in lines] == ["command", "machine", "commit", "runs", "rate", "cpu", "size"]
    assert f"--messages {MIN_MESSAGES}" in lines[0]


def test_gate_prints_both_rates_and_their_ratio(kafka: str) -> None:
    lines = lines_of("bench.gate", "--messages", str(MIN_MESSAGES), "--repeats", "1", "--bootstrap", kafka)
    words = [line.split()[0] for line in lines]
    assert words == [
        "command", "machine", "commit", "runs", "gate", "untold", "raw", "ratio", "cpu", "gate", "recent",
    ]  # fmt: skip


def test_patterns_prints_a_line_for_each() -> None:
    lines = lines_of("bench.patterns", "--looks", "10", "--repeats", "2")
    assert [line.split()[0] for line in lines[:3]] == ["command", "machine", "commit"]
    assert [line.count("median") for line in lines[3:]] == [2] * 5


def test_shapes_prints_what_they_cost() -> None:
    lines = lines_of("bench.shapes", "--messages", str(MIN_MESSAGES))
    assert [line.split()[0] for line in lines] == [
        "command",
        "machine",
        "commit",
        "gate",
        "topic",
        "step",
        "embedded",
        "state",
    ]


def test_recipients_prints_what_they_take() -> None:
    lines = lines_of("bench.recipients", "--recipients", "500", "--looks", "1000")
    assert [line.split()[0] for line in lines] == ["command", "machine", "commit", "fill", "memory", "lookup"]
    share = int(lines[-1].partition("% had one")[0].rpartition(" ")[2])
    assert 40 < share < 60, "half of those asked for have rules"


def test_jobs_prints_what_a_job_and_a_message_take() -> None:
    lines = lines_of("bench.jobs", "--recipients", "500", "--looks", "1000", "--repeats", "1")
    assert [line.split()[0] for line in lines[3:]] == ["job", "job", "verify", "message"]
    assert 40 < float(lines[-1].partition("% were bound")[0].rpartition(" ")[2]) < 60, "half are strangers"


def test_the_reports_hold_least_middle_and_most() -> None:
    runs = [replay.Run(2.0, 1.0, 3, [500, 700, 600]), replay.Run(1.0, 1.0, 3, [500, 700, 600])]
    assert replay.report(runs, 1000)[1] == "rate     min 500  median 750  max 1,000 messages/s"
    rates = [gate.Rates(10_000, 11_000, 40_000, 100.0, 80.0, 20.0)]
    lines = gate.report(rates, 1000)
    assert "median 0.25" in lines[4] and "median 5.0" in lines[5] and "median 1.25" in lines[7]


def test_spread_and_percentile() -> None:
    assert spread([3.0, 1.0, 2.0]) == (1.0, 2.0, 3.0)
    assert [percentile([10, 20, 30, 40], p) for p in (0, 50, 75, 76, 100)] == [10, 20, 30, 40, 40]


def test_a_clock_runs_from_its_first_start_to_its_last_stop() -> None:
    clock = Clock()
    clock.start()
    clock.start()
    clock.stop()
    wall, _ = clock.seconds()
    clock.stop()
    assert clock.seconds()[0] >= wall >= 0


def test_a_heading_names_command_and_machine_but_not_write() -> None:
    command, machine, commit = heading("bench.replay", ["--repeats", "3", "--write"])
    assert command == "command  python -m bench.replay --repeats 3"
    assert "cores" in machine and commit.startswith("commit")


@pytest.mark.parametrize("name", NAMES)
def test_figures_have_a_place_on_the_page(name: str) -> None:
    page = figures.FIGURES.read_text()
    begin, end = figures.marks(name)
    assert page.count(begin) == page.count(end) == 1


def test_writing_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "figures.md"
    path.write_text("before\n{}\nold\n{}\nafter\n".format(*figures.marks("gate")))
    figures.write("gate", ["new"], path)
    figures.write("gate", ["newer"], path)
    page = path.read_text()
    assert "newer" in page and "old" not in page and page.startswith("before") and page.endswith("after\n")


def test_a_page_without_the_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no place for gate"):
        figures.replaced("empty", "gate", [])


def test_the_measure_of_bands_says_when_there_are_no_real_texts() -> None:
    lines = lines_of("bench.fingerprint")
    assert any("not here" in line for line in lines)
    assert any(line.startswith("invented, Korean") for line in lines)


def test_real_texts_are_read_where_they_are_named(tmp_path: Path) -> None:
    texts = tmp_path / "texts.tsv"
    texts.write_text("".join(f"{kind}\t{'abcdefgh'[n]} long enough text of {kind}, number {n}, to have bands\n"
                             for kind in ("ham", "spam") for n in range(8)), encoding="utf-8")  # fmt: skip
    lines = lines_of("bench.fingerprint", "--texts", str(texts))
    assert str(texts) not in "".join(lines)
    assert any(line.startswith("false merges") for line in lines)


def test_what_content_costs_is_said_part_by_part() -> None:
    lines = lines_of("bench.content", "--messages", str(MIN_MESSAGES))
    assert len([line for line in lines if line.endswith("µs per message")]) == 4


def test_what_the_breaker_costs_is_said_part_by_part() -> None:
    lines = lines_of("bench.breaker", "--messages", str(MIN_MESSAGES))
    found = [line.split(",")[0] for line in lines if " µs, of " in line]
    assert found == ["gate", "gate", "meter", "agent"]
    assert not any(line.endswith(" of 0") for line in lines)


@pytest.mark.parametrize("module", [against, gates])
def test_who_compares_asks_for_a_commit(module: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        module.main([])
    assert "required: commit" in capsys.readouterr().err


@pytest.mark.usefixtures("kafka_install")
def test_orphans_say_how_many_forgot() -> None:
    lines = lines_of("bench.orphans", "--clients", "2", "--restarts", "1")
    assert re.fullmatch(r"restart 1  [0-2] of 2 forgot(, noticed after [0-9.]+ to [0-9.]+ s)?", lines[-1])
