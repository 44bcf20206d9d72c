"""Buckets: an even pace, a burst, a debt for what is larger than the burst, and bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.api.limits import Buckets


def test_a_burst_then_an_even_pace() -> None:
    buckets = Buckets(2, 4)
    assert [buckets.take("a", 1, 0) for _ in range(5)] == [0, 0, 0, 0, 0.5]
    assert buckets.take("b", 1, 0) == 0
    assert buckets.take("a", 1, 0.5) == 0 and buckets.take("a", 1, 0.5) == pytest.approx(0.5)


def test_what_is_larger_than_the_burst_waits_for_a_full_bucket_and_leaves_a_debt() -> None:
    buckets = Buckets(1, 4)
    assert buckets.take("a", 1, 0) == 0
    assert buckets.take("a", 10, 0) == pytest.approx(1)
    assert buckets.take("a", 10, 1) == 0
    assert buckets.take("a", 1, 1) == pytest.approx(7)


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 6)), max_size=60))
def test_never_more_than_burst_and_pace_allow(steps: list[tuple[float, int]]) -> None:
    buckets, now_s, taken = Buckets(3, 6), 0.0, 0
    for wait_s, cost in steps:
        now_s += wait_s
        if buckets.take("a", cost, now_s) == 0:
            taken += cost
        assert taken <= 6 + 3 * now_s + 1e-6


def test_a_clock_that_goes_back_gives_nothing() -> None:
    buckets = Buckets(1, 1)
    assert buckets.take("a", 1, 100) == 0
    assert buckets.take("a", 1, 50) > 0


def test_names_that_rest_longest_are_forgotten() -> None:
    buckets = Buckets(0.001, 1, max_names=2)
    assert [buckets.take(name, 1, 0) for name in "abc"] == [0, 0, 0]
    assert buckets.take("c", 1, 0) > 0
    assert buckets.take("a", 1, 0) == 0
