"""Patterns that never end on a backtracking engine: microseconds for one look at the worst text, through `patterns.py`.

    python -m bench.patterns [--looks N] [--repeats N] [--core N | --no-pin] [--write]

`first` is the first look at a text, when RE2 builds its states; `again` is every later one. Texts are as long as a
sender can be.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from bench.command import pinned, told
from bench.spread import spread
from streams.engine.patterns import Matcher
from streams.engine.senders import MAX_ADDRESS
from streams.packs import shipped

#: Beside them what a number costs under the shipped grammar. Those texts fit nothing, so every way has to be tried.
PATTERNS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("(a+)+b", ("(a+)+b",), "a" * MAX_ADDRESS),
    ("(a|aa)+b", ("(a|aa)+b",), "a" * MAX_ADDRESS),
    ("(a*)*(a*)*b", ("(a*)*(a*)*b",), "a" * MAX_ADDRESS),
    ("(.*a){32}b", ("(.*a){32}b",), "a" * MAX_ADDRESS),
    ("pack kr", tuple(p for p, _ in shipped()["kr", "enforce"]["grammar"]["patterns"]), "01055501111"),
)


def microseconds(work: Callable[[], object], times: int) -> float:
    """Of one call, over so many."""
    begun = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - begun) * 1e6 / times


def measured(name: str, patterns: tuple[str, ...], text: str, looks: int, repeats: int) -> str:
    """One line."""
    matchers = [Matcher(patterns) for _ in range(repeats)]
    first = spread([microseconds(partial(m.first, text), 1) for m in matchers])
    again = spread([microseconds(partial(m.first, text), looks) for m in matchers])
    return f"{name:<12} first {first.shown('µs', 1)}   again {again.shown('µs', 2)}"


def main(arguments: list[str] | None = None) -> list[str]:
    """Run as a command; prints and returns the lines."""
    given = pinned("patterns", "Patterns of a policy on RE2.", {"looks": 20_000, "repeats": 5}, arguments)
    return told("patterns", given, arguments, [measured(*case, given.looks, given.repeats) for case in PATTERNS])


if __name__ == "__main__":
    main()
