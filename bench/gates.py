"""This tree's gate against that of an older commit, on a real Kafka: each tree's own `bench.gate`, taking turns.

    python -m bench.gates COMMIT [--messages N] [--repeats N] [--textless] [--compiled] [--write]

Each tree decides on the demo that it builds itself, so the newer one meets attacks that the older one did not know.
--textless: the messages say nothing, so no check of texts has anything to do. --compiled: this tree's gate with the
compiled engine, as a carrier installs it. Ratios are what to read, that of CPU time where the machine has neighbours.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from bench.command import compilable, parsed, parser, told
from bench.compiled import environment
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
_SAID = re.compile(r"^(gate|gate cpu) +min [0-9,.]+ +median ([0-9,.]+)", re.MULTILINE)


class Rate(NamedTuple):
    """Messages a second of a gate, and microseconds of CPU for each."""

    messages_s: float
    cpu_us: float


def rate(tree: Path, messages: int, textless: bool) -> Rate:
    """Of a tree's gate. Raises CalledProcessError."""
    done = subprocess.run(
        [sys.executable, "-c", (_TEXTLESS if textless else "") + _RUN, f"--messages={messages}", "--repeats=1"],
        cwd=tree, env=None if tree == ROOT else environment(tree), capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = {name: float(middle.replace(",", "")) for name, middle in _SAID.findall(done.stdout)}
    if len(found) != 2:
        raise ValueError(f"bench.gate of {tree} said no rate:\n{done.stdout}")
    return Rate(found["gate"], found["gate cpu"])


def measured(commit: str, messages: int, repeats: int, textless: bool, directory: Path) -> list[str]:
    """The result as lines."""
    older = source_of(ROOT, commit, directory / "older")
    pairs = [(rate(older, messages, textless), rate(ROOT, messages, textless)) for _ in range(repeats)]
    return [
        f"then     {spread([then.messages_s for then, _ in pairs]).shown('messages/s')}",
        f"now      {spread([now.messages_s for _, now in pairs]).shown('messages/s')}",
        f"ratio    {spread([now.messages_s / then.messages_s for then, now in pairs]).shown('', 2)} (now : then)",
        f"then cpu {spread([then.cpu_us for then, _ in pairs]).shown('µs per message', 1)}",
        f"now cpu  {spread([now.cpu_us for _, now in pairs]).shown('µs per message', 1)}",
        f"cpu      {spread([then.cpu_us / now.cpu_us for then, now in pairs]).shown('', 2)} (a CPU second, now : then)",
    ]


def main(arguments: list[str] | None = None) -> list[str]:
    """Run as a command; prints and returns the lines."""
    numbers = {"messages": 40_000, "repeats": 3}
    made = compilable(parser("gates", "This gate against an older one.", numbers, "whose gate to measure against"))
    made.add_argument("--textless", action="store_true", help="leave the texts out")
    given = parsed(made, "gates", arguments)
    with tempfile.TemporaryDirectory() as directory:
        lines = measured(given.commit, given.messages, given.repeats, given.textless, Path(directory))
    return told("gates", given, arguments, lines, "gates_textless" if given.textless else "gates")


if __name__ == "__main__":
    main()
