"""A wrong clock follows its file, for wall time only."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.drill.clock import jump, wrong_clock


@pytest.mark.parametrize("seconds", [3600, -3600, 0])
def test_wall_time_follows_the_file_and_monotonic_time_does_not(tmp_path: Path, seconds: int) -> None:
    (tmp_path / "shown.py").write_text(
        "import time\nfrom streams.pipeline.replicator import wall_ms\n"
        "print(wall_ms(), time.time(), time.monotonic(), __name__)\n"
    )
    file = tmp_path / "clock"
    wrong = wrong_clock(file)
    jump(file, seconds)
    done = subprocess.run(
        [*wrong.wrap, sys.executable, "-m", "shown"], capture_output=True, text=True, timeout=30, check=True,
        env={"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}", **wrong.environment},
    )  # fmt: skip
    wall_ms, wall_s, monotonic_s, name = done.stdout.split()
    assert name == "__main__"
    assert abs(int(wall_ms) / 1000 - time.time() - seconds) < 20
    assert abs(float(wall_s) - time.time() - seconds) < 20
    assert abs(float(monotonic_s) - time.monotonic()) < 20
