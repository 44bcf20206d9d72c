"""Wrong clocks for workers: `python -m streams.drill.clock FILE PYTHON -m MODULE ARGUMENT...`.

Runs the module in this process with its wall clock moved by as many seconds as stand in FILE at that moment, as Python
reads it; the C libraries beneath keep the true time. Monotonic clocks stay as they are.
"""

from __future__ import annotations

import os
import runpy
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_FRESH_NS = 50_000_000


class Wrong(NamedTuple):
    """How to start a worker with a wrong clock: a command to wrap it in, and environment. by: what is used."""

    by: str
    wrap: Sequence[str]
    environment: Mapping[str, str]


def wrong_clock(file: Path) -> Wrong:
    """A clock that follows `file`: ours, or that of the libfaketime that $FAKETIME_LIBRARY names.

    Ours is the default: under libfaketime 0.9.10 a gate stalls at the first jump back, its client's transactional calls
    time out. Whether that is the tool or the client (which waits on absolute wall times) is not settled.
    """
    file.write_text("+0")
    if library := os.environ.get("FAKETIME_LIBRARY"):
        environment = {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        return Wrong("libfaketime", (), environment)
    return Wrong("own clock", (sys.executable, "-m", "streams.drill.clock", str(file)), {})


def jump(file: Path, seconds: int) -> None:
    """Move the clocks that follow `file`, at once: readers see the old number or the new one."""
    new = file.with_suffix(".new")
    new.write_text(f"{seconds:+d}")
    new.replace(file)


def install(file: Path) -> None:
    """Replace this process's wall clock."""
    real_ns, monotonic_ns = time.time_ns, time.monotonic_ns
    ahead_ns, read_ns = 0, -_FRESH_NS

    def time_ns() -> int:
        nonlocal ahead_ns, read_ns
        if monotonic_ns() - read_ns >= _FRESH_NS:
            ahead_ns, read_ns = int(file.read_text() or 0) * 1_000_000_000, monotonic_ns()
        return real_ns() + ahead_ns

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9


def main() -> None:
    """Install the clock, then become the module."""
    file, _, flag, module, *arguments = sys.argv[1:]
    if flag != "-m":
        raise SystemExit("usage: python -m streams.drill.clock FILE PYTHON -m MODULE ARGUMENT...")
    install(Path(file))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
