"""The coverage-guided form, short. The long one: `python -m tests.fuzz.atheris_run --apart --runs 100000`."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _atheris() -> None:
    """Has wheels for Linux on x86_64 only; CI is that, and must have it."""
    if importlib.util.find_spec("atheris") is None:
        lack = "atheris is not installed: it has wheels for Linux on x86_64 only"
        if os.environ.get("CI") == "true":
            pytest.fail(lack, pytrace=False)
        pytest.skip(lack)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.atheris_run", *arguments], cwd=ROOT, capture_output=True, text=True,
        timeout=600, check=False, env={k: v for k, v in os.environ.items() if not k.startswith("DUALBLOCK_")},
    )  # fmt: skip


def test_no_target_breaks_its_promise() -> None:
    done = run("--runs", "3000")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "none broke" in done.stdout


def test_a_broken_promise_is_seen_and_kept(tmp_path: Path) -> None:
    done = run("--runs", "2000", "--targets", "tests.fuzz.planted", "--keep", str(tmp_path))
    assert done.returncode == 1 and "not what was promised" in done.stdout
    assert list(tmp_path.glob("crash-*"))
