"""A recipient's requests → the timeline: any order, any number of times, and an erasure leaves nothing."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from streams.contracts.settings import SettingsRequest, SettingsRow, Wishes
from streams.engine.settling import settle
from streams.engine.timeline import current

ME = "~" + "0" * 20
T = 1_765_944_000_000


def asks(number: int, at_ms: int, *, from_ms: int | None = None, erase: bool = False) -> SettingsRequest:
    wishes = None if erase else Wishes(keywords=(f"word {number}",))
    return SettingsRequest(request_id=f"r{number}", recipient=ME, recorded_at_ms=at_ms, from_ms=from_ms, wishes=wishes)


def settled(*requests: SettingsRequest) -> SettingsRow:
    row: SettingsRow | None = None
    for request in requests:
        row = settle(row, request)
    assert row is not None
    return row


def in_force(row: SettingsRow, at_ms: int) -> str:
    entry = current(row.timeline, at_ms)
    return "" if entry is None else entry.wishes.keywords[0]


def test_the_later_request_counts_and_the_earlier_one_has_ended() -> None:
    row = settled(asks(1, T), asks(2, T + 10))
    assert [in_force(row, at) for at in (T - 1, T, T + 9, T + 10)] == ["", "word 1", "word 1", "word 2"]
    assert [e.to_ms for e in row.timeline] == [T + 10, None]


def test_nothing_counts_before_it_was_recorded() -> None:
    assert settled(asks(1, T, from_ms=T - 1000)).timeline[0].from_ms == T


def test_a_request_may_begin_later() -> None:
    row = settled(asks(1, T), asks(2, T + 10, from_ms=T + 100))
    assert [in_force(row, at) for at in (T + 99, T + 100)] == ["word 1", "word 2"]


def test_a_request_that_is_overtaken_before_it_begins_never_counts() -> None:
    row = settled(asks(1, T), asks(2, T + 10, from_ms=T + 100), asks(3, T + 20))
    assert [in_force(row, at) for at in (T, T + 20, T + 100)] == ["word 1", "word 3", "word 3"]


def test_an_erasure_empties_the_timeline_and_old_requests_that_come_again_stay_out() -> None:
    row = settled(asks(1, T), asks(2, T + 5, erase=True))
    assert row.timeline == ()
    assert settle(row, asks(1, T)) == row
    assert in_force(settle(row, asks(3, T + 6)), T + 6) == "word 3"


REQUESTS = st.lists(
    st.tuples(st.integers(0, 30), st.none() | st.integers(-20, 60), st.booleans()), min_size=1, max_size=5
).map(
    lambda drawn: [
        asks(n, T + at, from_ms=None if later is None else T + later, erase=erase)
        for n, (at, later, erase) in enumerate(drawn)
    ]
)


@given(REQUESTS)
def test_order_and_repetition_change_nothing(requests: list[SettingsRequest]) -> None:
    wanted = settled(*sorted(requests, key=lambda r: r.recorded_at_ms))
    for order in permutations(requests):
        assert settled(*order, *order[:2]) == wanted
    assert all(e.to_ms is None or e.from_ms < e.to_ms for e in wanted.timeline), "what never counts is not kept"


def test_what_ended_long_ago_is_dropped() -> None:
    days = 86_400_000
    row = settled(*[asks(n, T + n * 10 * days) for n in range(6)])
    assert len(row.timeline) < 6
    assert in_force(row, T + 50 * days) == "word 5"
