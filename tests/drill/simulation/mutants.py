"""Puts faults of order and crashes into a copy of the project, one at a time, and says at which seed each dies.

    python -m tests.drill.simulation.mutants [--only NAME]... [--seeds 2000] [--jobs 2] [--write docs/simulation.md]

Exits 1 if a fault survives every seed or can't be applied.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
LIST = Path(__file__).with_name("mutants.toml")
TIMEOUT_S = 1200
#: Run in the copy: 9 if what is imported there is not the copy, 1 and `seed: why` if a schedule breaks.
GUARDED = """
import pathlib, sys
import streams
if not pathlib.Path(streams.__file__).resolve().is_relative_to(pathlib.Path.cwd().resolve()):
    sys.exit(9)
from streams.drill.simulation import run
report = run(range(int(sys.argv[1])), stop_at_first=True)
for failure in report.failures:
    print(f"{failure.seed}: {failure.why}")
sys.exit(int(bool(report.failures)))
"""


@dataclass(frozen=True)
class Mutant:
    """One fault: in `file`, `find`, which occurs there once, becomes `replace`. known: tests/mutants has it, too."""

    name: str
    file: str
    find: str
    replace: str
    why: str
    known: bool = False


@dataclass(frozen=True)
class Death:
    """seed: the first that breaks an invariant, None if it survived. why: the invariant, or what went wrong."""

    mutant: Mutant
    seed: int | None
    why: str

    @property
    def invariant(self) -> str:
        """The first word of what broke."""
        return self.why.partition(":")[0]


def load(path: Path = LIST) -> list[Mutant]:
    """The mutants in the order of the file."""
    return [Mutant(**entry) for entry in tomllib.loads(path.read_text()).get("mutant", [])]


def problem(mutant: Mutant, root: Path = ROOT) -> str | None:
    """Why the mutant can't be applied to the tree, or None."""
    if (count := (root / mutant.file).read_text().count(mutant.find)) != 1:
        return f"find occurs {count} times in {mutant.file}, not once"
    return None


def kill(mutant: Mutant, seeds: int, root: Path = ROOT) -> Death:
    """Run seeds on a copy with the fault until one breaks."""
    if (why := problem(mutant, root)) is not None:
        return Death(mutant, None, why)
    with tempfile.TemporaryDirectory(prefix="dualblock-simulated-") as scratch:
        tree = Path(scratch)
        shutil.copytree(root / "streams", tree / "streams", ignore=shutil.ignore_patterns("__pycache__"))
        source = tree / mutant.file
        source.write_text(source.read_text().replace(mutant.find, mutant.replace))
        env = {**os.environ, "PYTHONPATH": scratch, "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(
                [sys.executable, "-c", GUARDED, str(seeds)],
                cwd=tree, env=env, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Death(mutant, None, f"no seed broke in {TIMEOUT_S} s, of {seeds}")
    seed, found, why = done.stdout.partition(": ")
    if done.returncode == 1 and found and seed.isdecimal():
        return Death(mutant, int(seed), why.strip())
    return Death(mutant, None, f"survived {seeds} seeds" if done.returncode == 0 else done.stderr[-2000:])


def kill_all(mutants: Sequence[Mutant], seeds: int, jobs: int) -> list[Death]:
    """All of them, `jobs` at a time, in order; each is said on stderr when it is known."""

    def one(mutant: Mutant) -> Death:
        death = kill(mutant, seeds)
        print(f"{mutant.name}: {death.seed}: {death.why[:200]}", file=sys.stderr, flush=True)
        return death

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, mutants))


def table(deaths: Sequence[Death]) -> str:
    """Mutant → seed, as Markdown."""
    lines = ["| fault | dies at seed | invariant that it breaks | what would go wrong |", "|---|---:|---|---|"]
    for death in deaths:
        mark = "" if death.mutant.known else " (new)"
        seed = "**survives**" if death.seed is None else str(death.seed)
        lines.append(f"| `{death.mutant.name}`{mark} | {seed} | {death.invariant} | {death.mutant.why} |")
    return "\n".join(lines)


def main() -> int:
    """Runs the tool; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="NAME", help="this mutant; may be repeated")
    parser.add_argument("--seeds", type=int, default=2000, help="how many to try (2000)")
    parser.add_argument("--jobs", type=int, default=2, help="how many mutants at a time (2)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table between the marks of this page")
    options = parser.parse_args()
    chosen = [mutant for mutant in load() if not options.only or mutant.name in options.only]
    deaths = kill_all(chosen, options.seeds, options.jobs)
    print(table(deaths))
    for death in deaths:
        if death.seed is None:
            print(f"\n{death.mutant.name}: {death.why}")
    if options.write:
        before, _, rest = options.write.read_text().partition("<!-- table -->\n")
        after = rest.partition("<!-- end -->")[2]
        options.write.write_text(f"{before}<!-- table -->\n{table(deaths)}\n<!-- end -->{after}")
    return int(any(death.seed is None for death in deaths))


if __name__ == "__main__":
    sys.exit(main())
