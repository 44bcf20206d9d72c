"""The package as a carrier installs it: its wheel with the compiled engine, in a directory of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from bench.machine import ROOT

#: What the wheel is made of.
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
_TIMEOUT_S = 1200


def missing() -> str:
    """What this machine lacks to compile, as a sentence; empty where it lacks nothing."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"The compiled engine needs a C compiler: no {compiler} (Debian: apt-get install gcc)."
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.exists():
        return f"The compiled engine needs Python's headers: no {header} (Debian: apt-get install python3-dev)."
    return ""


def build(directory: Path) -> Path:
    """Where the installed wheel lies, below `directory`. Takes a minute or two. Raises RuntimeError."""
    source, wheels, built = (directory / name for name in ("source", "wheels", "built"))
    shutil.copytree(ROOT / "streams", source / "streams", ignore=shutil.ignore_patterns("__pycache__"))
    for name in SOURCES:
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    _run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(wheels), str(source)])
    wheel = next(wheels.glob("*.whl"))
    _run([*pip, "install", "--no-deps", "--no-index", "--target", str(built), str(wheel)])
    return built


def environment(*trees: Path) -> dict[str, str]:
    """Of a process that imports from these directories and not from where it starts."""
    places = os.pathsep.join(str(tree) for tree in trees)
    return {**os.environ, "PYTHONPATH": places, "PYTHONSAFEPATH": "1"}


def again(name: str, arguments: list[str]) -> int:
    """Run a benchmark once more, on the compiled engine; its exit code."""
    with tempfile.TemporaryDirectory(prefix="dualblock-compiled-") as directory:
        built = build(Path(directory))
        command = [sys.executable, "-m", f"bench.{name}", *arguments]
        return subprocess.run(command, env=environment(built, ROOT), check=False).returncode


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, env={**os.environ, "DUALBLOCK_COMPILE": "1"}, capture_output=True, text=True, timeout=_TIMEOUT_S,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:6])} …:\n{(done.stderr or done.stdout)[-4000:]}")
