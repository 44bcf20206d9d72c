"""The command line reads like a manual, and answers at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

import streams
from streams.cli.main import app
from tests.cli.tool import dualblock

COMMANDS = {
    "appeal", "case", "directive", "notices", "sanction",
    "demo", "drill", "broker", "run", "registrar", "gate", "meter", "recent", "behaviour", "agents", "topics", "config",
    "registry", "policy", "replay", "explain", "schemas", "dead", "lake", "settings", "backtest", "reports",
    "ledger", "releases", "api", "evidence", "jobs", "blacklist",
}  # fmt: skip
GROUPS = {
    "appeal": {"file", "decide"}, "notices": {"resolve", "clauses"}, "sanction": {"impose", "lift"},
    "reports": {"import", "listen", "erase"},
    "topics": {"create", "list"}, "registry": {"import", "get"}, "policy": {"check", "publish"},
    "dead": {"list", "show", "retry"}, "config": {"check"},
    "directive": {"publish", "give", "withdraw", "release", "list"},
    "settings": {"set", "erase", "show"},
    "blacklist": {"publish", "import", "show"},
    "jobs": {"bind", "submit", "show"},
    "evidence": {"make", "verify"},
    "releases": {"import", "list", "decide"},
    "lake": {"write", "check", "ask", "questions", "sql"},
}  # fmt: skip


def test_the_manual_names_every_command_under_its_panel() -> None:
    said = dualblock("--help", env={"COLUMNS": "140"})
    assert said.code == 0
    panels = ["Try it", "Run it", "Feed it", "Look at it"]
    assert [p for p in sorted(panels, key=said.out.index)] == panels
    assert all(f" {command} " in said.out for command in COMMANDS)
    assert "Exit codes: 0 done; 1 the answer is no; 2 bad input or configuration" in said.out
    registered = {c.callback.__name__ for c in app.registered_commands if c.callback}
    assert registered | {g.typer_instance.info.name for g in app.registered_groups if g.typer_instance} == COMMANDS


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_lists_its_commands_when_asked_for_nothing(group: str) -> None:
    said = dualblock(group)
    assert all(f" {command} " in said.out + said.err for command in GROUPS[group])


@pytest.mark.parametrize("words", [(c,) for c in COMMANDS] + [(g, c) for g, cs in GROUPS.items() for c in cs])
def test_every_command_has_a_page(words: tuple[str, ...]) -> None:
    said = dualblock(*words, "--help", env={"COLUMNS": "120"})
    assert said.code == 0
    assert len(said.out.split("Options")[0].split()) > 6, "what it does, in a sentence"


def test_nothing_heavy_is_imported_for_the_manual() -> None:
    heavy = (
        "confluent_kafka",
        "faust",
        "msgspec",
        "phonenumbers",
        "pydantic",
        "rocksdict",
        "streams.engine",
        "pyarrow",
        "duckdb",
    )
    program = f"import sys, streams.cli.main; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_the_distributions() -> None:
    assert dualblock("--version").out.strip() == f"dualblock {streams.__version__}"


def test_a_command_that_is_none_is_bad_input() -> None:
    assert dualblock("demno").code == 2


def test_it_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", "policy", "check", "nowhere.toml"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: nowhere.toml can't be read (No such file or directory): name an existing file.\n"
