"""What a figure was measured on, and on which core it ran."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Clock:
    """Wall and CPU time from the first `start` to the last `stop`."""

    def __init__(self) -> None:
        self._from: tuple[float, float] | None = None
        self._to = (0.0, 0.0)

    def start(self) -> None:
        """The work begins, unless it has begun."""
        if self._from is None:
            self._from = (time.perf_counter(), time.process_time())

    def stop(self) -> None:
        """It may have ended here."""
        self._to = (time.perf_counter(), time.process_time())

    def seconds(self) -> tuple[float, float]:
        """(wall, CPU of this process with all its threads)."""
        begun = self._from or self._to
        return self._to[0] - begun[0], self._to[1] - begun[1]


def cores() -> list[int]:
    """The cores that this process may use; empty where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin(core: int | None) -> None:
    """Stay on one core, with every process started from now on. None, or a system that can't: do nothing."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def machine() -> str:
    """One line: processor, cores, system, Python, load."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, {python}{load}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def commit() -> str:
    """The checkout's commit, `+` behind it when files differ; `-` outside of a checkout."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=10"],
            cwd=ROOT, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "-"
    return said.stdout.strip()


def heading(module: str, arguments: list[str] | None = None) -> list[str]:
    """The first lines of every result: command, machine, commit and day."""
    given = sys.argv[1:] if arguments is None else arguments
    words = " ".join(["python", "-m", module, *[a for a in given if a != "--write"]])
    return [
        f"command  {words}",
        f"machine  {machine()}",
        f"commit   {commit()}, {time.strftime('%Y-%m-%d', time.gmtime())}",
    ]
