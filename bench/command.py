"""What the benchmarks' commands share: their arguments, the core they stay on, and what becomes of their lines."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from bench import figures
from bench.machine import cores, heading, pin


def parser(name: str, about: str, numbers: Mapping[str, int]) -> argparse.ArgumentParser:
    """A benchmark's parser: whole numbers with their defaults, and --write."""
    made = argparse.ArgumentParser(prog=f"python -m bench.{name}", description=about)
    for option, default in numbers.items():
        made.add_argument(f"--{option}", type=int, default=default)
    made.add_argument("--write", action="store_true", help="put the result into docs/figures.md")
    return made


def pinned(name: str, about: str, numbers: Mapping[str, int], arguments: list[str] | None) -> argparse.Namespace:
    """The arguments of a benchmark that stays on one core; it does from here on."""
    made = parser(name, about, numbers)
    made.add_argument("--core", type=int, default=cores()[-1] if cores() else None, help="the core to stay on")
    made.add_argument("--no-pin", action="store_true", help="let the system choose the core")
    given = made.parse_args(arguments)
    pin(None if given.no_pin else given.core)
    return given


def told(
    name: str, given: argparse.Namespace, said: list[str] | None, lines: list[str], place: str | None = None
) -> list[str]:
    """Print the lines under a heading that names machine and command (`said`: its arguments); write them if asked.
    place: where on the page, for a benchmark that has more than one."""
    found = [*heading(f"bench.{name}", said), *lines]
    print("\n".join(found))
    if given.write:
        figures.write(place or name, found)
    return found
