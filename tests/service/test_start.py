"""What a worker that is started again does not wait for: modules of other roles, tables that it may never read.

By the names of modules, not by time: how long a start takes is measured at the reader (`dualblock drill gate_kills`).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

NEVER = (
    "aiohttp", "aiokafka", "cryptography", "duckdb", "faust", "httpx", "joserfc", "mode", "pyarrow", "starlette",
    "streams.agents", "streams.api", "streams.cli", "streams.lake", "typer", "uvicorn",
)  # fmt: skip
BUILT = """
import sys
from pathlib import Path
from streams.config import Settings
from streams.engine import hosts
from streams.service.workers import build_loop
build_loop(sys.argv[1], Settings(state_dir=Path(sys.argv[2]), allow_demo_keys=True))
assert not hosts._suffixes.cache_info().currsize, "the list of public suffixes was read"
print([name for name in sys.argv[3:] if name in sys.modules])
"""
KILLED = "import sys, streams.drill.worker; print([name for name in sys.argv[1:] if name in sys.modules])"


def said(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments, *NEVER], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize("role", ["registrar", "gate", "meter", "recent"])
def test_a_worker_of_the_loop_imports_nothing_of_the_others(role: str, tmp_path: Path) -> None:
    assert said(BUILT, role, str(tmp_path)) == "[]"


def test_nor_does_the_drills_own_worker() -> None:
    assert said(KILLED) == "[]"
