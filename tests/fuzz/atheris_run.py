"""Coverage-guided fuzzing of the same targets: libFuzzer, by atheris, looks which branches of `streams` an input takes.

    python -m tests.fuzz.atheris_run [--runs N] [--only WORD]... [--apart] [--keep DIR] [--seed N]

All chosen targets share one process and N runs (the first byte of an input says whose it is); with --apart each gets a
process and N runs of its own. Exits 1 when one broke its promise: the input that did lies in DIR (by default deleted).
"""

from __future__ import annotations

import argparse
import importlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.promise import Target

ROOT = Path(__file__).parents[2]
TARGETS = "tests.fuzz.all_targets"
#: A hang is a broken promise, too: nothing here takes a hundredth of this, even on a busy machine.
HANG_S = 60
MAX_BYTES = 1 << 17
MEMORY_MB = 4096


def chosen(module: str, words: Sequence[str]) -> list[Target]:
    """The targets of a module whose names hold one of the words; all if there are none."""
    targets: tuple[Target, ...] = importlib.import_module(module).TARGETS
    return [t for t in targets if not words or any(word in t.name for word in words)]


def child(arguments: list[str], module: str, names: list[str]) -> None:
    """Fuzz. Does not return: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["streams"]):
        by_name = {target.name: target for target in chosen(module, ())}
    targets = [by_name[name] for name in names]

    def one(data: bytes) -> None:
        if data:
            targets[data[0] % len(targets)].check(data[1:])

    atheris.Setup([sys.argv[0], *arguments], one)
    atheris.Fuzz()


def fuzz(targets: Sequence[Target], module: str, runs: int, keep: Path, seed: int) -> tuple[bool, str]:
    """Run libFuzzer over some targets: whether they held, and one line (or what broke)."""
    names = [target.name for target in targets]
    corpus = keep / "corpus" / (names[0] if len(names) == 1 else "all")
    corpus.mkdir(parents=True, exist_ok=True)
    for index, target in enumerate(targets):
        for number, example in enumerate((*target.seeds, *target.found)):
            (corpus / f"{target.name}-{number}").write_bytes(bytes([index % 256]) + example)
    words = keep / "words.dict"
    words.write_text("\n".join(_entry(word) for word in _words()) + "\n")
    options = [f"-runs={runs}", f"-timeout={HANG_S}", f"-max_len={MAX_BYTES}", f"-rss_limit_mb={MEMORY_MB}"]
    options += [f"-seed={seed}", f"-artifact_prefix={keep}/", f"-dict={words}", "-print_final_stats=1", str(corpus)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.atheris_run", "--child", module, ",".join(names), *options],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    said = done.stdout.decode("utf-8", "replace")
    what = names[0] if len(names) == 1 else f"{len(names)} targets"
    ran = re.search(r"Done (\d+) runs", said)
    if done.returncode or ran is None:
        return False, f"{what}: ended with {done.returncode}\n{said[-6000:]}"
    edges = re.findall(r"cov: (\d+)", said)
    return (
        True,
        f"{what}: {int(ran[1]):,} runs, {int(edges[-1]) if edges else 0:,} branches seen, none broke",
    )


def _words() -> list[bytes]:
    from tests.fuzz.spoil import NASTY, ODD_BYTES

    return [word for word in (*NASTY, *ODD_BYTES) if len(word) < 40]


def _entry(word: bytes) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"'


def main() -> int:
    """Run as a command; returns the exit code."""
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[4:], sys.argv[2], sys.argv[3].split(","))
        return 1
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.atheris_run", description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=10_000, help="inputs (10 000)")
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="targets whose names hold it")
    parser.add_argument("--apart", action="store_true", help="a process for each target")
    parser.add_argument("--keep", type=Path, help="where corpus and what broke are kept")
    parser.add_argument("--seed", type=int, default=1, help="libFuzzer's (1)")
    parser.add_argument("--targets", default=TARGETS, metavar="MODULE", help=argparse.SUPPRESS)
    given = parser.parse_args()
    targets = chosen(given.targets, given.only)
    if not targets:
        parser.error("no such target")
    with tempfile.TemporaryDirectory(prefix="dualblock-fuzz-") as scratch:
        keep: Path = given.keep or Path(scratch)
        keep.mkdir(parents=True, exist_ok=True)
        held = True
        for group in [[t] for t in targets] if given.apart else [targets]:
            fine, line = fuzz(group, given.targets, given.runs, keep.resolve(), given.seed)
            print(line, flush=True)
            held = held and fine
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
