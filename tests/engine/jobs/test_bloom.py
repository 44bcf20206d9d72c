"""The filter: whoever is in is found; how many strangers are taken for members is measured against the formula."""

import math

import pytest

from streams.engine.jobs.bloom import MAX_BYTES, filter_of, may_hold, shape
from tests.engine.kit import KEYS

#: (recipients, strangers in a million that docs/identity.md promises at most)
SIZES = [(1, 1), (100, 1), (16_384, 1), (32_768, 500), (50_000, 7_000)]


def numbers(first: int, count: int) -> list[str]:
    return [f"+8210555{n:05d}" if n < 100_000 else f"+82105{n:09d}" for n in range(first, first + count)]


@pytest.mark.parametrize(("count", "ppm"), SIZES)
def test_the_rate_by_the_formula(count: int, ppm: int) -> None:
    bits, hashes = shape(count)
    assert bits <= MAX_BYTES * 8
    assert (1 - math.exp(-hashes * count / bits)) ** hashes * 1e6 <= ppm


@pytest.mark.parametrize("count", [1, 7, 3_000])
def test_whoever_is_in_is_found(count: int) -> None:
    members = numbers(0, count)
    held = filter_of(members, count, KEYS)
    assert all(may_hold(held, count, member, KEYS) for member in members)


def test_strangers_are_as_rare_as_the_formula_says() -> None:
    count = 50_000
    held = filter_of(numbers(100_000, count), count, KEYS)
    strangers = numbers(5_000_000, 20_000)
    taken = sum(may_hold(held, count, stranger, KEYS) for stranger in strangers)
    assert 60 <= taken <= 220, "0.65 % of 20 000 are 130"


def test_another_key_is_another_filter() -> None:
    members = numbers(0, 500)
    held = filter_of(members, 500, KEYS)
    assert held != filter_of(members, 500, KEYS._replace(state=b"other"))


def test_a_filter_of_another_shape_blocks_nobody() -> None:
    assert may_hold(b"\0" * 7, 2, "+821055501111", KEYS)
