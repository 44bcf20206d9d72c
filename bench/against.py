"""This tree's decisions against those of an older commit: CPU time of a replay of the same files, taking turns.

    python -m bench.against COMMIT [--messages N] [--repeats N] [--core N | --no-pin] [--write]

The older commit is unpacked beside this tree and writes the demo's files, so both read what both know. Each run is
`dualblock replay` in a process of its own; what a replay of no message costs is taken off. The ratio is what to read.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.command import pinned, told
from bench.compiled import environment
from bench.machine import ROOT
from bench.spread import spread
from streams.drill.versions import source_of

_REPLAY = ("registry", "reports", "directives", "orders", "policy")


def run(tree: Path, *arguments: str) -> float:
    """CPU seconds of a command of that tree. Raises CalledProcessError; 1 is an answer, not an error."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", *arguments], cwd=tree, env=None if tree == ROOT else environment(tree),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise subprocess.CalledProcessError(done.returncode, done.args, stderr=done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def replayed(tree: Path, world: Path, messages: Path, out: Path) -> float:
    """CPU seconds of a replay of the world's files."""
    control = [f"--{kind}={world / kind}.ndjson" for kind in _REPLAY if (world / f"{kind}.ndjson").exists()]
    return run(tree, "replay", f"--messages={messages}", f"--out={out}", *control)


def measured(commit: str, messages: int, repeats: int, directory: Path) -> list[str]:
    """The result as lines."""
    older, world, none = source_of(ROOT, commit, directory / "older"), directory / "world", directory / "none.ndjson"
    run(older, "demo", f"--messages={messages}", f"--out={world}")
    none.write_bytes(b"")
    spent: dict[Path, list[float]] = {older: [], ROOT: []}
    for n in range(repeats):
        for tree, found in spent.items():
            idle = replayed(tree, world, none, directory / f"none-{n}-{tree.name}")
            found.append(replayed(tree, world, world / "messages.ndjson", directory / f"{n}-{tree.name}") - idle)
    count = (world / "messages.ndjson").read_bytes().count(b"\n")
    ratios = spread([here / there for there, here in zip(spent[older], spent[ROOT], strict=True)])
    return [
        f"then     {spread([s * 1e6 / count for s in spent[older]]).shown('µs of CPU per message', 1)}",
        f"now      {spread([s * 1e6 / count for s in spent[ROOT]]).shown('µs of CPU per message', 1)}",
        f"ratio    {ratios.shown('', 2)}(now : then)",
    ]


def main(arguments: list[str] | None = None) -> list[str]:
    """Run as a command; prints and returns the lines."""
    numbers = {"messages": 60_000, "repeats": 3}
    given = pinned("against", "This tree's decisions against a commit's.", numbers, arguments, "whose decisions")
    with tempfile.TemporaryDirectory(prefix="dualblock-against-") as directory:
        lines = measured(given.commit, given.messages, given.repeats, Path(directory))
    return told("against", given, arguments, lines)


if __name__ == "__main__":
    main()
