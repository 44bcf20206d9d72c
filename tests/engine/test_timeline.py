"""Timelines: what counted at an event's time, whoever asks and whenever."""

import pytest

from streams.contracts.base import Entry
from streams.contracts.registry import NumberEntry
from streams.engine.case import LONG_AGO
from streams.engine.timeline import all_current, counts_since, current, ended_since, stretch, times_in, visible
from tests.engine.kit import DAY, HOUR, T, number


def entry(version: int = 1, from_ms: int = 0, to_ms: int | None = None, recorded: int = 0) -> NumberEntry:
    return NumberEntry(version=version, from_ms=from_ms, to_ms=to_ms, recorded_at_ms=recorded, status="active")


CASES: list[tuple[str, list[NumberEntry], int, int | None]] = [
    ("nothing", [], 5, None),
    ("begun", [entry(from_ms=5)], 5, 1),
    ("not begun", [entry(from_ms=6)], 5, None),
    ("not ended", [entry(to_ms=6)], 5, 1),
    ("ended at the very moment", [entry(to_ms=5)], 5, None),
    ("recorded at the very moment", [entry(recorded=5)], 5, 1),
    ("recorded later", [entry(recorded=6)], 5, None),
    ("the highest version of several", [entry(1), entry(3), entry(2)], 5, 3),
    ("a higher one that has not begun", [entry(1), entry(2, from_ms=6)], 5, 1),
    ("a higher one recorded later", [entry(1), entry(2, recorded=6)], 5, 1),
    ("a higher one that ended", [entry(1), entry(2, to_ms=5)], 5, 1),
    ("before 1970", [entry(from_ms=-10, to_ms=0, recorded=-10)], -5, 1),
]


@pytest.mark.parametrize(("what", "timeline", "at", "version"), CASES, ids=[c[0] for c in CASES])
def test_current(what: str, timeline: list[NumberEntry], at: int, version: int | None) -> None:
    found = current(timeline, at)
    assert (None if found is None else found.version) == version
    assert (found in all_current(timeline, at)) is (found is not None)


def test_all_current_stand_in_parallel() -> None:
    timeline = [entry(1), entry(2), entry(3, to_ms=5), entry(4, recorded=6)]
    assert [e.version for e in all_current(timeline, 5)] == [1, 2]


def test_expired_is_a_fact_and_absent_is_not() -> None:
    assert visible([entry(to_ms=3)], 5)
    assert not visible([entry(recorded=6)], 5)
    assert not visible([], 5)


@pytest.mark.parametrize(
    ("timeline", "since"),
    [
        ([entry(to_ms=3, recorded=1)], 3),
        ([entry(to_ms=3, recorded=4)], 4),
        ([entry(to_ms=3), entry(2, to_ms=4)], 4),
        ([entry(to_ms=3), entry(2, to_ms=4, recorded=6)], 3),
        ([entry(from_ms=9, recorded=2)], 2),
        ([], LONG_AGO),
    ],
)
def test_since_when_nothing_counts_any_more(timeline: list[Entry], since: int) -> None:
    assert ended_since(timeline, 5) == since


def test_since_when_it_counts() -> None:
    assert counts_since(entry(from_ms=3, recorded=1)) == 3
    assert counts_since(entry(from_ms=1, recorded=3)) == 3


@pytest.mark.parametrize(
    ("e_ms", "expected"),
    [
        (T - 1, (T - DAY + 1, T)),
        (T, (T, T + 1)),
        (T + 1, (T + 1, T + HOUR)),
        (T + HOUR, (T + HOUR, T + HOUR + 1)),
    ],
)
def test_a_stretch_ends_where_any_rule_could_say_otherwise(e_ms: int, expected: tuple[int, int]) -> None:
    row = number("suspended", recorded_at_ms=T - DAY, from_ms=T, to_ms=T + HOUR)
    assert stretch(e_ms, times_in((None, (), ("a word",), row))) == expected
    assert stretch(e_ms, [*times_in(row), *times_in(row)]) == expected


def test_nothing_with_a_time_holds_for_ever() -> None:
    begin, end = stretch(T, times_in(None))
    assert begin < -(2**53) < 2**53 < end
