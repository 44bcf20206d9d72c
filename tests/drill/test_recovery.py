"""Recovery is measured where committed records are read, from the kill to an event that was fed after it."""

from __future__ import annotations

import pytest

from streams.drill.reader import Came
from streams.drill.recovery import killed_again, recovery_s
from streams.replay.history import Record


def fed(*places: tuple[int, int, int]) -> list[Record]:
    """(partition, offset, append ms)"""
    return [Record(partition, offset, b"", b"", at_ms) for partition, offset, at_ms in places]


def came(*steps: tuple[int, int, int]) -> list[Came]:
    """(seen ms, partition, next offset) of the meter"""
    return [Came(at_ms, "meter", "decisions", partition, offset) for at_ms, partition, offset in steps]


INPUTS = fed((0, 4, 900), (0, 5, 1100), (0, 6, 1200), (1, 9, 1300))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (came((950, 0, 5), (2000, 0, 6), (3000, 1, 10)), 2.0),  # the slower partition
        (came((2000, 0, 5), (4000, 0, 7), (3000, 1, 10)), 3.0),  # what was fed before the kill does not count
        (came((2000, 0, 6)), float("inf")),
        ([Came(2000, "registrar", "decisions", p, 99) for p in (0, 1)], float("inf")),
        ([Came(2000, "meter", "feeds", p, 99) for p in (0, 1)], float("inf")),
    ],
)
def test_recovery(steps: list[Came], expected: float) -> None:
    assert recovery_s(1000, "meter", "decisions", INPUTS, steps) == expected


@pytest.mark.parametrize(
    ("within_s", "kills_ms", "expected"),
    [
        (2.0, [1000], False),  # the last one
        (2.0, [500, 1000], False),
        (2.0, [1000, 3001], False),
        (2.0, [1000, 3000], True),
        (float("inf"), [1000, 90_000], True),
        (float("inf"), [1000], False),  # never came back, and nobody killed it again
    ],
)
def test_who_was_killed_again_had_no_time_to_recover(within_s: float, kills_ms: list[int], expected: bool) -> None:
    assert killed_again(1000, within_s, kills_ms) == expected


def test_nothing_was_fed_after_the_kill() -> None:
    assert recovery_s(1400, "meter", "decisions", INPUTS, []) is None
