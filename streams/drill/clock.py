"""Wrong clocks for workers: `python -m streams.drill.clock FILE PYTHON -m MODULE ARGUMENT...`.

Runs the module in this process with its wall clock moved by as many seconds as stand in FILE at that moment, as Python
reads it; the C libraries beneath keep the true time. Monotonic clocks stay as they are.
"""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from streams.drill.processes import DrillStuck

_FRESH_NS = 50_000_000
#: libfaketime 0.9.10 moves `gettimeofday` and translates deadlines for `pthread_cond_timedwait`, but not for C11's
#: `cnd_timedwait`, by which librdkafka waits: an hour ahead it would wait for an hour, an hour behind not at all. In
#: glibc the two have the same types beneath.
_SHIM = """
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <threads.h>
int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict until) {
    int said = pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, until);
    return said == 0 ? thrd_success : said == ETIMEDOUT ? thrd_timedout : thrd_error;
}
"""


class Wrong(NamedTuple):
    """How to start a worker with a wrong clock: a command to wrap it in, and environment. by: what is used."""

    by: str
    wrap: Sequence[str]
    environment: Mapping[str, str]


def wrong_clock(file: Path) -> Wrong:
    """A clock that follows `file`: ours, or that of the libfaketime that $FAKETIME_LIBRARY names (Debian: package
    faketime, .../libfaketimeMT.so.1). That needs a C compiler, for `_SHIM`; ours is the default, for it needs nothing.
    Raises DrillStuck.
    """
    file.write_text("+0")
    if library := os.environ.get("FAKETIME_LIBRARY"):
        environment = {
            "LD_PRELOAD": f"{_shim(file.parent)} {library}",
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        return Wrong("libfaketime", (), environment)
    return Wrong("own clock", (sys.executable, "-m", "streams.drill.clock", str(file)), {})


def _shim(place: Path) -> Path:
    """`_SHIM` as a library."""
    source, library = place / "cnd.c", place / "cnd.so"
    source.write_text(_SHIM)
    compiler = shutil.which("cc")
    if compiler is None:
        raise DrillStuck(
            "FAKETIME_LIBRARY needs a C compiler (Debian: gcc, libc6-dev); without it the own clock is used"
        )
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-lpthread"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise DrillStuck(f"{' '.join(command)}: {done.stderr.strip()}")
    return library


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
