"""Puts faults into a copy of the project, one at a time, and looks whether the test named beside each one sees it.

    python -m tests.mutants.run [--only NAME]... [--pure] [--jobs 2]

Exits 1 if a fault survives, can't be applied, or keeps its test from running at all.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from tests.mutants.nursery import Nursery

ROOT = Path(__file__).parents[2]
LISTS = Path(__file__).parent
# What the tests of a room can reach; whichever exist.
COPIED = ("streams", "tests", "schemas", "packs", "examples", "deploy", "pyproject.toml")
TIMEOUT_S = 300
ARGUMENTS = ("-q", "-x", "--no-header", "-p", "no:cacheprovider")
PURE = ("-m", "not kafka")
# The copy goes before the editable install; pycs are not written, since they are judged by time and size. CI: a test
# that can't run fails instead of skipping, and generated cases are the same in every run.
ENV = {"PYTHONDONTWRITEBYTECODE": "1", "CI": "true"}
# Run with -c in the copy: 9 if what is imported there is not the copy.
GUARDED = """
import pathlib, sys
try:
    import streams
except Exception:
    sys.exit(9)
if not pathlib.Path(streams.__file__).resolve().is_relative_to(pathlib.Path.cwd().resolve()):
    sys.exit(9)
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""


@dataclass(frozen=True)
class Mutant:
    """One fault: in `file`, the line part `find`, which occurs there once, becomes `replace`, and `test` must fail.

    test: a pytest node id; one that needs a broker says `kafka = true`. why: what would go wrong in the field.
    """

    name: str
    file: str
    find: str
    replace: str
    test: str
    why: str
    kafka: bool = False


@dataclass(frozen=True)
class Result:
    """How one mutant fared: killed, SURVIVED or ERROR, and pytest's output."""

    mutant: Mutant
    outcome: str
    output: str = ""


def load(folder: Path = LISTS) -> list[Mutant]:
    """The mutants of every `*.toml` beside this file, one list for each room."""
    lists = [tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml"))]
    return [Mutant(**entry) for found in lists for entry in found.get("mutant", [])]


def problem(mutant: Mutant, root: Path = ROOT) -> str | None:
    """Why the mutant can't be applied to the tree, or None."""
    source, (test_file, *inner) = root / mutant.file, mutant.test.split("::")
    if not source.is_file():
        return f"{mutant.file} does not exist"
    if "\n" in mutant.find or mutant.find == mutant.replace:
        return "find must be part of one line and differ from replace"
    if (count := source.read_text().count(mutant.find)) != 1:
        return f"find occurs {count} times in {mutant.file}, not once"
    if not inner or not (root / test_file).is_file():
        return f"{test_file} does not exist"
    function = inner[-1].split("[")[0]
    if not re.search(rf"def {re.escape(function)}\(", (root / test_file).read_text()):
        return f"{test_file} has no {function}"
    return None


def run(mutants: Sequence[Mutant], root: Path = ROOT, jobs: int = 2) -> list[Result]:
    """Tries the mutants, `jobs` at a time. Raises RuntimeError if a named test fails without any fault."""
    results = {m.name: Result(m, "ERROR", why) for m in mutants if (why := problem(m, root))}
    fit = [mutant for mutant in mutants if mutant.name not in results]
    for kafka in (False, True):
        if tests := sorted({mutant.test for mutant in fit if mutant.kafka is kafka}):
            code, output = _pytest(root, tests, kafka, None)
            if code:
                raise RuntimeError(f"Without any fault the named tests end with {code}, not 0:\n{output}")
    with ExitStack() as stack, ThreadPoolExecutor(jobs) as pool:
        nurseries: Queue[Nursery] = Queue()
        for _ in range(min(jobs, sum(not mutant.kafka for mutant in fit))):
            nurseries.put(stack.enter_context(Nursery(lambda tree: _copy(root, tree), ENV, TIMEOUT_S)))
        tried = pool.map(lambda mutant: _try(mutant, root) if mutant.kafka else _try_warm(mutant, nurseries), fit)
        results |= {result.mutant.name: result for result in tried}
    return [results[mutant.name] for mutant in mutants]


def table(results: Sequence[Result]) -> str:
    """One line per result: mutant → test → outcome; below it the output of those that were not killed."""
    wide = max((len(result.mutant.name) for result in results), default=0)
    lines = [f"{r.mutant.name:<{wide}}  → {r.mutant.test} → {r.outcome}" for r in results]
    lines += [f"\n{r.mutant.name}: {r.outcome}\n{r.output}" for r in results if r.outcome != "killed"]
    return "\n".join(lines)


def _try(mutant: Mutant, root: Path) -> Result:
    return _result(mutant, *_pytest(root, [mutant.test], mutant.kafka, mutant))


def _try_warm(mutant: Mutant, nurseries: "Queue[Nursery]") -> Result:
    nursery = nurseries.get()
    try:
        return _result(mutant, *nursery.run([*ARGUMENTS, *PURE, mutant.test], mutant.file, mutant.find, mutant.replace))
    finally:
        nurseries.put(nursery)


def _result(mutant: Mutant, code: int, output: str) -> Result:
    # 1: tests ran and failed. More: they did not run, so a typing error in `replace` is no kill.
    return Result(mutant, {0: "SURVIVED", 1: "killed"}.get(code, "ERROR"), output)


def _copy(root: Path, tree: Path) -> None:
    for name in COPIED:
        if (root / name).is_dir():
            shutil.copytree(root / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
        elif (root / name).exists():
            shutil.copy(root / name, tree / name)


def _pytest(root: Path, tests: Sequence[str], kafka: bool, fault: Mutant | None) -> tuple[int, str]:
    with tempfile.TemporaryDirectory(prefix="dualblock-mutant-") as scratch:
        tree = Path(scratch)
        _copy(root, tree)
        if fault:
            source = tree / fault.file
            source.write_text(source.read_text().replace(fault.find, fault.replace))
        env = {**os.environ, **ENV, "PYTHONPATH": scratch}
        which = [] if kafka else PURE
        try:
            done = subprocess.run(
                [sys.executable, "-c", GUARDED, *ARGUMENTS, *which, *tests],
                cwd=tree,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return 1, f"no end within {TIMEOUT_S} s"
    return done.returncode, done.stdout


def main() -> int:
    """Runs the tool; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="NAME", help="this mutant; may be repeated")
    parser.add_argument("--pure", action="store_true", help="only those that need no broker")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (2)")
    options = parser.parse_args()
    chosen = [m for m in load() if (not options.only or m.name in options.only) and not (options.pure and m.kafka)]
    if unknown := set(options.only or ()) - {mutant.name for mutant in chosen}:
        parser.error(f"no such mutant: {', '.join(sorted(unknown))}")
    results = run(chosen, jobs=options.jobs)
    print(table(results))
    return int(any(result.outcome != "killed" for result in results))


if __name__ == "__main__":
    sys.exit(main())
