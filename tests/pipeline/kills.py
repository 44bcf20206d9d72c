"""Start workers as processes, and kill them at every crash point."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.pipeline.toy import until

ROOT = Path(__file__).parents[2]
POINTS = ("after-consume", "after-produce", "after-flush", "after-send-offsets", "after-commit")


def worker(kind: str, kafka: str, prefix: str, *crash: str, instance: str = "0") -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-m", "tests.pipeline.worker", kind, kafka, prefix, instance, *crash]
    return subprocess.Popen(arguments, cwd=ROOT)


def killed_everywhere(
    kind: str, kafka: str, prefix: str, done: Callable[[], object], points: tuple[str, ...] = POINTS
) -> None:
    """A worker killed once at each point, then one that finishes the work and is stopped."""
    for point in points:
        process = worker(kind, kafka, prefix, f"{point}:2")
        assert process.wait(40) == -signal.SIGKILL, point
    last = worker(kind, kafka, prefix)
    try:
        until(done, 40)
    finally:
        last.terminate()
        assert last.wait(20) in (0, -signal.SIGTERM)  # the latter if it had nothing left to do and was still starting
