"""One contract, two stores of deliveries: in memory and on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.contracts.appeals import Outcome
from streams.contracts.base import Record, encoder
from streams.contracts.recent import Delivery, Hole, Mark, Recent
from streams.replica.recents import HORIZON_MS, KEPT, MemoryRecents, Recents, Taken
from streams.replica.recents_rocks import RocksRecents

T = 1_765_944_000_000
WHO = "~0123456789abcdef0123"
ENCODE = encoder().encode
Make = Callable[[], Recents]


@pytest.fixture(params=["memory", "rocks"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Recents]:
    made: Recents = MemoryRecents() if request.param == "memory" else RocksRecents(str(tmp_path / "recent"))
    yield made
    made.close()


def delivery(at_ms: int = T, event: str = "e1", who: str = WHO, **over: Any) -> Delivery:
    return Delivery(who, at_ms, event, "~sender", "mt", "a2p", "relay-7", **over)


def taken(offset: int, record: Record, partition: int = 0, entity: str = "recent") -> Taken:
    return Taken(entity, partition, offset, ENCODE(record))


def of(*deliveries: Delivery, **over: Any) -> Recent:
    return Recent(deliveries=deliveries, **over)


def outcome(name: str, reporter: str = WHO) -> Outcome:
    return Outcome(outcome_id=name, reporter=reporter, subject="s", sanction_id="x", overturned=True, recorded_at_ms=T)


def test_newest_first_and_for_this_person_in_this_partition(store: Recents) -> None:
    other = "~" + "f" * 20
    store.take([taken(0, of(delivery(T, "a"), delivery(T + 5, "b", chain=("r1",)), delivery(T + 9, "c", other)))])
    assert store.deliveries(WHO, 0) == [delivery(T + 5, "b", chain=("r1",)), delivery(T, "a")]
    assert store.deliveries(WHO, 1) == [] and store.deliveries("nobody", 0) == []


def test_a_repeated_event_is_one(store: Recents) -> None:
    store.take([taken(0, of(delivery(), delivery())), taken(1, of(delivery()))])
    assert store.deliveries(WHO, 0) == [delivery()]


def test_a_record_taken_before_is_skipped(store: Recents) -> None:
    store.take([taken(5, of(delivery(T, "a")))])
    store.take([taken(4, of(delivery(T, "b"))), taken(5, of(delivery(T, "c")))])
    assert [d.event_id for d in store.deliveries(WHO, 0)] == ["a"]
    assert store.next_offsets() == {("recent", 0): 6}


def test_the_newest_are_kept(store: Recents) -> None:
    store.take([taken(0, of(*(delivery(T + n, f"e{n}") for n in range(KEPT + 9))))])
    store.sweep(10_000)
    held = store.deliveries(WHO, 0)
    assert (len(held), held[0].event_id, held[-1].event_id) == (KEPT, f"e{KEPT + 8}", "e9")


def test_what_is_too_old_is_swept_by_event_time(store: Recents) -> None:
    store.take(
        [taken(0, of(delivery(T - HORIZON_MS - 1, "old"), delivery(T - HORIZON_MS, "just"), delivery(T, "new")))]
    )
    assert store.sweep(10_000) == 1
    assert [d.event_id for d in store.deliveries(WHO, 0)] == ["new", "just"]


def test_marks_and_holes_unite(store: Recents) -> None:
    one, two = Mark(partition=0, closed_before_ms=T), Mark(partition=1, closed_before_ms=T + 5)
    hole = Hole(from_ms=T, to_ms=T + 9)
    store.take([taken(0, of(marks=(one,), holes=(hole,)))])
    store.take([taken(1, of(marks=(two, Mark(partition=0, closed_before_ms=T + 7)), holes=(hole,)))])
    marks = store.marks(0)
    assert (marks.first, marks.through) == ({0: T, 1: T + 5}, {0: T + 7, 1: T + 5})
    assert [tuple(h) for h in marks.holes] == [(T, T + 9)]
    assert store.marks(1).first == {}


def test_too_many_holes_move_the_beginning(store: Recents) -> None:
    holes = tuple(Hole(from_ms=T + 10 * n, to_ms=T + 10 * n + 5) for n in range(600))
    store.take([taken(0, of(marks=(Mark(partition=0, closed_before_ms=T),), holes=holes))])
    assert len(store.marks(0).holes) == 500
    assert store.marks(0).first == {0: T + 10 * 99 + 5}


def test_outcomes_by_reporter_and_group(store: Recents) -> None:
    store.take([
        taken(0, outcome("a"), entity="outcomes"), taken(0, outcome("b"), 1, "outcomes"),
        taken(1, outcome("b"), 1, "outcomes"), taken(2, outcome("c", "g:family"), 1, "outcomes"),
    ])  # fmt: skip
    assert [o.outcome_id for o in store.outcomes(WHO)] == ["a", "b"]
    assert [o.outcome_id for o in store.outcomes("g:family")] == ["c"] and store.outcomes("g:other") == []


def test_what_cannot_be_read_is_counted_and_passed_over(store: Recents) -> None:
    assert store.take([Taken("recent", 0, 0, b"{"), taken(1, of(delivery())), Taken("outcomes", 0, 0, b"[]")]) == 2
    assert store.deliveries(WHO, 0) == [delivery()]
    assert store.next_offsets() == {("recent", 0): 2, ("outcomes", 0): 1}


def test_a_place_is_wiped_alone(store: Recents) -> None:
    store.take([taken(0, of(delivery(), marks=(Mark(partition=0, closed_before_ms=T),)), p) for p in range(2)])
    store.take([taken(0, outcome("a"), p, "outcomes") for p in range(2)])
    store.wipe(("recent", 0))
    assert store.deliveries(WHO, 0) == [] and store.deliveries(WHO, 1) == [delivery()]
    assert store.marks(0).first == {} and store.marks(1).first == {0: T}
    store.wipe(("outcomes", 1))
    assert store.outcomes(WHO) == [] and store.next_offsets() == {("recent", 1): 1}


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first = RocksRecents(str(tmp_path))
    first.take([taken(7, of(delivery(), marks=(Mark(partition=0, closed_before_ms=T),)))])
    first.stamp({"recent": "id"})
    first.close()
    second = RocksRecents(str(tmp_path))
    assert second.next_offsets() == {("recent", 0): 8} and second.deliveries(WHO, 0) == [delivery()]
    assert second.marks(0).through == {0: T} and second.topic_ids() == {"recent": "id"}
    second.close()


def test_a_sweep_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    store = RocksRecents(str(tmp_path))
    people = [f"~{n:020x}" for n in range(30)]
    store.take([taken(0, of(*(delivery(T - HORIZON_MS - 1, "old", who) for who in people), delivery(T, "new", WHO)))])
    swept = [store.sweep(10) for _ in range(4)]
    assert sum(swept) == 30 and max(swept) <= 11
    store.close()


def test_a_damaged_store_is_built_anew(tmp_path: Path) -> None:
    store = RocksRecents(str(tmp_path))
    store.take([taken(0, of(delivery()))])
    store.close()
    for path in tmp_path.glob("MANIFEST-*"):
        path.write_bytes(b"damaged")
    again = RocksRecents(str(tmp_path))
    assert again.next_offsets() == {}
    again.close()
