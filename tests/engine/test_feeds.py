"""Closed world and staleness: "no row" is a fact only if somebody vouches for it, now, and all of it is here."""

import pytest

from streams.contracts.feeds import Beat, Heartbeat, Manifest, RegistryValue
from streams.engine.feeds import absence, fresh, generation_since, merge_beats, merge_heartbeat
from tests.engine.kit import DAY, T, beat, view

FEEDS = {"kr:mobile": "numbers"}
WORDS = ("kr:mobile", "kr:fixed")
BEAT = beat("numbers", T - 10, T + 10, WORDS)


def manifest(partition: int = 0, of: int = 1, generation: str = "g1", from_ms: int = T - DAY) -> Manifest:
    return Manifest(generation=generation, feed="numbers", from_ms=from_ms, partition=partition, partitions=of, rows=1)


ABSENCE: list[tuple[str, dict[str, str], list[RegistryValue], bool, str]] = [
    ("all three conditions", FEEDS, [BEAT, manifest()], True, "numbers"),
    ("the pack names no feed", {}, [BEAT, manifest()], False, "no feed declared"),
    ("the feed does not declare the word", FEEDS, [beat("numbers", T - 10, T + 10, ("kr:fixed",)), manifest()], False,
     "not complete for kr:mobile"),
    ("the feed never spoke", FEEDS, [manifest()], False, "not complete"),
    ("the feed is stale", FEEDS, [beat("numbers", T - 10, T, WORDS), manifest()], False, "stale"),
    ("its heartbeat is of later", FEEDS, [beat("numbers", T + 1, T + 10, WORDS), manifest()], False, "stale"),
    ("no manifest here", FEEDS, [BEAT], False, "no complete generation"),
    ("a part of the generation is missing", FEEDS, [BEAT, manifest(0, 2)], False, "no complete generation"),
    ("all parts are here", FEEDS, [BEAT, manifest(0, 2), manifest(1, 2)], True, "numbers"),
    ("parts of two generations make none", FEEDS, [BEAT, manifest(0, 2), manifest(1, 2, "g2")], False, "no complete"),
    ("the generation counts from later on", FEEDS, [BEAT, manifest(from_ms=T + 1)], False, "no complete generation"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "feeds", "values", "proved", "why"), ABSENCE, ids=[c[0] for c in ABSENCE])
def test_absence(what: str, feeds: dict[str, str], values: list[RegistryValue], proved: bool, why: str) -> None:
    found = absence(view(*values), feeds, "kr:mobile", T)
    assert found.proved is proved
    assert why in found.why


def test_no_word_no_absence() -> None:
    assert not absence(view(BEAT, manifest()), FEEDS, None, T).proved


@pytest.mark.parametrize(
    ("at", "answer"), [(T - 11, False), (T - 10, True), (T + 9, True), (T + 10, False)]
)  # fmt: skip
def test_fresh_is_a_function_of_records(at: int, answer: bool) -> None:
    assert fresh(view(BEAT), "numbers", at) is answer


def test_nobody_is_not_fresh() -> None:
    assert not fresh(view(BEAT), None, T)
    assert not fresh(view(BEAT), "others", T)


def test_the_newest_whole_generation_counts() -> None:
    held = (manifest(from_ms=T - 9), manifest(generation="g2", from_ms=T - 5), manifest(0, 2, "g3", T - 1))
    assert generation_since(held, T) == T - 5
    assert generation_since(held, T - 6) == T - 9
    assert generation_since(held, T - 10) is None


def beats(*pairs: tuple[int, int]) -> tuple[Beat, ...]:
    return tuple(Beat(recorded_at_ms=a, fresh_until_ms=b) for a, b in pairs)


MERGED = [
    ("apart", [(0, 5)], [(7, 9)], [(0, 5), (7, 9)]),
    ("overlapping", [(0, 5)], [(3, 9)], [(0, 9)]),
    ("touching", [(0, 5)], [(5, 9)], [(0, 9)]),
    ("inside", [(0, 9)], [(3, 5)], [(0, 9)]),
    ("the same again", [(0, 5)], [(0, 5)], [(0, 5)]),
    ("one that fills a gap", [(0, 5), (8, 9)], [(4, 8)], [(0, 9)]),
    ("one that ends before it begins", [(0, 5)], [(9, 6)], [(0, 5)]),
    ("an old one is forgotten", [(0, 5)], [(200, 201)], [(200, 201)]),
]


@pytest.mark.parametrize(("what", "held", "new", "merged"), MERGED, ids=[c[0] for c in MERGED])
def test_beats_merge(
    what: str, held: list[tuple[int, int]], new: list[tuple[int, int]], merged: list[tuple[int, int]]
) -> None:
    assert merge_beats(beats(*held), beats(*new), 100) == beats(*merged)
    if what != "an old one is forgotten":
        before, after = beats(*held), beats(*merged)
        for at in range(10):  # merging changes no answer
            assert any(b.recorded_at_ms <= at < b.fresh_until_ms for b in after) == any(
                b.recorded_at_ms <= at < b.fresh_until_ms for b in (*before, *beats(*new))
            )


WORDS_CASES = [
    ("the newer word", ("a", "b"), (0, 5), ("a",), (3, 9), ("a",)),
    ("an older word again", ("a",), (3, 9), ("a", "b"), (0, 5), ("a",)),
    ("two of one time: what both agree on", ("a", "b"), (0, 5), ("b", "c"), (0, 5), ("b",)),
]


@pytest.mark.parametrize(("what", "held", "at", "new", "then", "words"), WORDS_CASES, ids=[c[0] for c in WORDS_CASES])
def test_what_a_feed_is_complete_for(
    what: str, held: tuple[str, ...], at: tuple[int, int], new: tuple[str, ...], then: tuple[int, int],
    words: tuple[str, ...],
) -> None:  # fmt: skip
    one = Heartbeat(feed="f", beats=beats(at), complete_for=held)
    two = Heartbeat(feed="f", beats=beats(then), complete_for=new)
    assert merge_heartbeat(one, two, 100).complete_for == words
    assert merge_heartbeat(merge_heartbeat(one, two, 100), two, 100) == merge_heartbeat(one, two, 100)


def test_the_first_heartbeat() -> None:
    assert merge_heartbeat(None, BEAT, 100) == BEAT
