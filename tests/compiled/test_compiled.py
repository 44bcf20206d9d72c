"""The compiled engine is the same engine: the same bytes, under the engine's own tests, and through real topics."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.compiled import environment
from bench.machine import ROOT
from tests.compiled import odd

SEED, MESSAGES, ODD = 20_261_122, 28_000, 8_000


def run(command: Sequence[str], env: dict[str, str], cwd: Path, codes: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(
        [sys.executable, *command], env=env, cwd=cwd, capture_output=True, text=True, timeout=900, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode in codes, f"{done.stdout[-4000:]}{done.stderr[-2000:]}"
    return done.stdout


def dualblock(env: dict[str, str], cwd: Path, *arguments: str) -> str:
    return run(["-m", "streams.cli", *arguments], env, cwd)


def test_the_wheel_holds_the_engine_compiled(built: Path, tmp_path: Path) -> None:
    assert dualblock(environment(built), tmp_path, "--version").endswith(" (compiled engine)\n")
    compiled = {path.name.partition(".")[0] for path in (built / "streams" / "engine").glob("*.so")}
    assert {"case", "claims", "decide", "precedence", "recall", "reputation"} <= compiled
    assert not {"pack", "policy", "tally"} & compiled, "msgspec makes these classes"
    assert not list((ROOT / "streams").rglob("*.so")), "the checkout stays as it was"


def both(built: Path, place: Path, *arguments: str) -> dict[str, bytes]:
    """What a command writes into `--out`, by file, after it wrote the same on either engine."""
    wrote: list[dict[str, bytes]] = []
    for env in ({**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}, environment(built)):
        out = place / str(len(wrote))
        run(["-m", "streams.cli", *arguments, f"--out={out}"], env, place, (0, 1))  # 1: some were refused
        wrote.append({path.name: path.read_bytes() for path in out.glob("*.ndjson")})
    python, compiled = wrote
    assert python.keys() == compiled.keys()
    for name, lines in python.items():
        pairs = zip(lines.splitlines(), compiled[name].splitlines(), strict=True)
        assert [(one, other) for one, other in pairs if one != other][:3] == [], name
    return python


def test_it_decides_the_same_bytes(built: Path, tmp_path: Path) -> None:
    wrote = both(built, tmp_path, "demo", f"--messages={MESSAGES}", f"--seed={SEED}", "--json")
    assert wrote["decisions.ndjson"].count(b"\n") == MESSAGES
    odd.write(tmp_path / "0" / "messages.ndjson", tmp_path / "odd.ndjson", SEED, ODD)
    control = [
        f"--{kind}={tmp_path / '0' / kind}.ndjson" for kind in ("registry", "policy", "reports", "settings", "jobs")
    ]
    (tmp_path / "replayed").mkdir()
    wrote = both(built, tmp_path / "replayed", "replay", f"--messages={tmp_path / 'odd.ndjson'}", *control)
    assert wrote["decisions.ndjson"].count(b"\n") > ODD * 0.9
    assert b"CHECK_FAILED" not in wrote["decisions.ndjson"]


def test_a_copy_under_another_engine_version_is_not_the_compiled_one(built: Path, tmp_path: Path) -> None:
    """Else the drill's upgrade would change a line that nothing runs."""
    code = (
        "import sys, pathlib; from streams.drill.versions import two_versions as two; here = pathlib.Path(sys.argv[1])"
    )
    said = run(
        ["-c", f"{code}; print(*(v.engine for v in two(here, here)))", str(tmp_path)], environment(built), tmp_path
    )
    older, newer = said.split()
    assert newer == f"{older}+newer"


@pytest.mark.parametrize("room", ["engine", "replay", "fuzz/test_targets.py"])
def test_the_tests_of_a_room_pass_on_it(room: str, built: Path, tmp_path: Path) -> None:
    settings = tmp_path / "tests.ini"
    settings.write_text(f"[pytest]\naddopts = --import-mode=importlib --strict-markers\npythonpath = {built} {ROOT}\n")
    command = ["-m", "pytest", "-q", "-c", str(settings), f"--rootdir={ROOT}", "-p", "no:cacheprovider"]
    said = run([*command, str(ROOT / "tests" / room)], environment(built, ROOT), tmp_path)
    assert " passed" in said


def test_through_real_topics_it_decides_what_it_decides_embedded(built: Path, kafka: str, tmp_path: Path) -> None:
    said = dualblock(
        environment(built), tmp_path, "demo", "--kafka", f"--bootstrap={kafka}", f"--messages={MESSAGES}",
        f"--seed={SEED}", f"--out={tmp_path / 'live'}", "--json",
    )  # fmt: skip
    found = json.loads(said)  # exit code 0: no decision differs from that of the embedded run
    assert (found["decisions"], found["late_enforcement"]) == (MESSAGES, 0)
    assert [twin["name"] for twin in found["twins"] if twin["falsely_blocked"]] == []
