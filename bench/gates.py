"""This tree's gate against that of an older commit, on a real Kafka: each tree's own `bench.gate`, taking turns.

    python -m bench.gates COMMIT [--messages N] [--repeats N] [--textless] [--write]

Each tree decides on the demo that it builds itself, so the newer one meets attacks that the older one did not know.
--textless: the messages say nothing, so no check of texts has anything to do. Both gates' ratio is what to read.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.command import parser, told
from bench.machine import ROOT
from bench.spread import spread
from streams.drill.versions import source_of

_TEXTLESS = """
import bench.gate as gate
from msgspec.structs import replace
build = gate.build_world
def world(*given):
    made = build(*given)
    made.messages[:] = [replace(m, content=replace(m.content, text="")) for m in made.messages]
    return made
gate.build_world = world
"""
_RUN = "import bench.gate, sys\nbench.gate.main(sys.argv[1:])\n"
_RATE = re.compile(r"^gate +min [0-9,.]+ +median ([0-9,.]+)", re.MULTILINE)


def rate(tree: Path, messages: int, textless: bool) -> float:
    """Messages a second of a tree's gate. Raises CalledProcessError."""
    done = subprocess.run(
        [sys.executable, "-c", (_TEXTLESS if textless else "") + _RUN, f"--messages={messages}", "--repeats=1"],
        cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = _RATE.search(done.stdout)
    if found is None:
        raise ValueError(f"bench.gate of {tree} said no rate:\n{done.stdout}")
    return float(found[1].replace(",", ""))


def measured(commit: str, messages: int, repeats: int, textless: bool, directory: Path) -> list[str]:
    """The result as lines."""
    older = source_of(ROOT, commit, directory / "older")
    pairs = [(rate(older, messages, textless), rate(ROOT, messages, textless)) for _ in range(repeats)]
    return [
        f"then     {spread([then for then, _ in pairs]).shown('messages/s')}",
        f"now      {spread([now for _, now in pairs]).shown('messages/s')}",
        f"ratio    {spread([now / then for then, now in pairs]).shown('', 2)}(now : then)",
    ]


def main(arguments: list[str] | None = None) -> list[str]:
    """Run as a command; prints and returns the lines."""
    made = parser("gates", "This gate against an older one.", {"messages": 40_000, "repeats": 3})
    made.add_argument("commit", help="whose gate to measure against")
    made.add_argument("--textless", action="store_true", help="leave the texts out")
    given = made.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        lines = measured(given.commit, given.messages, given.repeats, given.textless, Path(directory))
    return told("gates", given, arguments, lines, "gates_textless" if given.textless else "gates")


if __name__ == "__main__":
    main()
