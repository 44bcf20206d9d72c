"""What the benchmarks' commands share: their arguments, the core they stay on, and what becomes of their lines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from bench import figures
from bench.compiled import again
from bench.machine import cores, heading, pin
from streams.build import compiled


def parser(name: str, about: str, numbers: Mapping[str, int], commit: str = "") -> argparse.ArgumentParser:
    """A benchmark's parser: whole numbers with their defaults, --write, and what a commit is named for, if one is."""
    made = argparse.ArgumentParser(prog=f"python -m bench.{name}", description=about)
    for option, default in numbers.items():
        made.add_argument(f"--{option}", type=int, default=default)
    made.add_argument("--write", action="store_true", help="put the result into docs/figures.md")
    if commit:
        made.add_argument("commit", help=commit)
    return made


def compilable(made: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """A parser of a benchmark that can run on the compiled engine."""
    made.add_argument("--compiled", action="store_true", help="on the compiled engine, which is built first")
    return made


def parsed(made: argparse.ArgumentParser, name: str, arguments: list[str] | None) -> argparse.Namespace:
    """The arguments; a benchmark asked to run on the compiled engine starts again there."""
    given = made.parse_args(arguments)
    if given.compiled and not compiled():
        raise SystemExit(again(name, sys.argv[1:] if arguments is None else arguments))
    return given


def pinned(
    name: str, about: str, numbers: Mapping[str, int], arguments: list[str] | None, commit: str = ""
) -> argparse.Namespace:
    """The arguments of a benchmark that stays on one core; it does from here on."""
    made = compilable(parser(name, about, numbers, commit))
    made.add_argument("--core", type=int, default=cores()[-1] if cores() else None, help="the core to stay on")
    made.add_argument("--no-pin", action="store_true", help="let the system choose the core")
    given = parsed(made, name, arguments)
    pin(None if given.no_pin else given.core)
    return given


def told(
    name: str, given: argparse.Namespace, said: list[str] | None, lines: list[str], place: str | None = None
) -> list[str]:
    """Print the lines under a heading that names machine and command (`said`: its arguments); write them if asked.
    place: where on the page, for a benchmark that has more than one; the compiled engine has places of its own."""
    found = [*heading(f"bench.{name}", said), *lines]
    print("\n".join(found))
    if given.write:
        figures.write((place or name) + ("_compiled" if compiled() else ""), found)
    return found
