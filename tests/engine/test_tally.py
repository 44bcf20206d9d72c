"""Tally: distinct reporters of a subject per window, as a state that merges."""

from typing import Any

import msgspec
import pytest

from streams.contracts.reputation import Traffic, Vote
from streams.engine.tally import (
    MAX_VOTERS,
    Tally,
    add_traffic,
    add_vote,
    bucket_of,
    delivered,
    effective_epoch,
    reporters,
)
from tests.engine.kit import DAY, HOUR, MINUTE, T, enforce, policy

PACK = enforce().pack
EPOCH = T // MINUTE
SEOUL = "Asia/Seoul"


def vote(n: int = 0, at: int = T, **over: Any) -> Vote:
    """Voter n at a time, by count."""
    fields: dict[str, Any] = {
        "subject": "sender:x#0", "reporter": f"~{n}", "basis": "count", "report_id": f"r{n}",
        "message_at_ms": at, "reported_at_ms": at, "ingested_at_ms": at,
    }  # fmt: skip
    return Vote(**(fields | over))


def delta(epoch: int, count: int, first: int = 0, after: int = 10, partition: int = 0) -> Traffic:
    return Traffic(
        subject="sender:x#0", epoch=epoch, partition=partition, first_offset=first, next_offset=after, delivered=count
    )


def tally(*votes: Vote) -> Tally:
    state = Tally(subject="sender:x#0")
    for one in votes:
        add_vote(state, one, PACK)
    return state


def counted(state: Tally, window: str = "10d", end: int = T + MINUTE, through: int = EPOCH, after: int = -1) -> int:
    return reporters(state, "count", window, end, through, after, PACK, 5000)[0]


def test_reporters_are_distinct() -> None:
    assert counted(tally(vote(1), vote(2), vote(1, report_id="another"))) == 2


def test_distinct_also_over_buckets() -> None:
    assert counted(tally(vote(1), vote(1, T - DAY), vote(1, T - 2 * DAY), vote(2))) == 2


def test_a_group_is_one_voter() -> None:
    assert counted(tally(vote(1, group="g"), vote(2, group="g"), vote(3, group="h"), vote(4))) == 3


def test_a_voter_is_worth_the_least_of_his_weights() -> None:
    state = tally(vote(1, weight_permille=900), vote(1, weight_permille=500), vote(2))
    assert reporters(state, "count", "24h", T + MINUTE, EPOCH, -1, PACK, 5000) == (2, 1500)


CAPPED = policy(source_permille={"portal": 600, "kisa": 1000}).pack


@pytest.mark.parametrize(
    ("portal", "kisa", "others", "weight"),
    [(2, 0, 0, 2000), (20, 0, 0, 3000), (20, 0, 1, 4000), (20, 0, 2, 5000), (0, 20, 0, 5000), (20, 20, 3, 11000)],
)
def test_a_source_makes_up_no_more_than_its_share_of_a_threshold(
    portal: int, kisa: int, others: int, weight: int
) -> None:
    state, n = Tally(subject="sender:x#0"), 0
    for source, count in (("portal", portal), ("kisa", kisa), (None, others)):
        for _ in range(count):
            n += 1
            add_vote(state, vote(n, source=source), CAPPED)
    assert reporters(state, "count", "24h", T + MINUTE, EPOCH, -1, CAPPED, 5000) == (n, weight)


def test_a_voter_of_two_sources_has_one_in_any_order() -> None:
    votes = [vote(1, source="portal"), vote(1, source="kisa"), vote(2, source="other")]
    states = [Tally(subject="sender:x#0"), Tally(subject="sender:x#0")]
    for state, order in zip(states, (votes, votes[::-1]), strict=True):
        for one in order:
            add_vote(state, one, CAPPED)
    assert states[0] == states[1] and states[0].sources == {"~1": "kisa"}, "kept only where the pack caps it"


def test_sources_are_forgotten_with_their_voters() -> None:
    state = Tally(subject="sender:x#0")
    add_vote(state, vote(1, source="portal"), CAPPED)
    add_vote(state, vote(2, T + 30 * DAY, source="kisa"), CAPPED)
    assert state.sources == {"~2": "kisa"}


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [
        ("1h", T - 55 * MINUTE, T - HOUR),
        ("24h", T - 23 * HOUR, T - DAY),
        ("10d", T - 9 * DAY - 13 * HOUR, T - 9 * DAY - 13 * HOUR - 1),  # T is 13:00: the tenth day begins at midnight
    ],
)
def test_windows(window: str, inside: int, outside: int) -> None:
    assert counted(tally(vote(1, inside)), window) == 1
    assert counted(tally(vote(1, outside)), window) == 0


def test_a_vote_counts_in_the_epoch_in_which_it_was_ingested() -> None:
    late = vote(1, T - 3 * DAY, ingested_at_ms=T)
    assert effective_epoch(late, PACK) == EPOCH
    assert counted(tally(late), through=EPOCH - 1) == 0
    assert counted(tally(late), through=EPOCH) == 1
    assert counted(tally(late), "24h") == 0, "and in the window in which it was made"


def test_by_rate_never_before_the_messages_epoch_is_metered() -> None:
    assert effective_epoch(vote(1, basis="rate"), PACK) == EPOCH + 1
    assert effective_epoch(vote(1, basis="rate", ingested_at_ms=T + HOUR), PACK) == EPOCH + 60


def test_spent_votes_do_not_count() -> None:
    state = tally(vote(1, T - MINUTE), vote(2))
    assert counted(state, after=EPOCH - 1) == 1


def test_a_voters_first_epoch_stays() -> None:
    for votes in ([vote(1), vote(1, ingested_at_ms=T + HOUR)], [vote(1, ingested_at_ms=T + HOUR), vote(1)]):
        assert counted(tally(*votes), through=EPOCH) == 1


def test_a_bucket_is_saturated() -> None:
    state = tally(*(vote(n) for n in range(MAX_VOTERS + 10)))
    assert counted(state) == MAX_VOTERS


def test_a_redelivered_delta_changes_nothing() -> None:
    state = Tally(subject="sender:x#0")
    assert add_traffic(state, delta(EPOCH, 40, 0, 10), PACK)
    assert add_traffic(state, delta(EPOCH, 2, 10, 12), PACK)
    before = msgspec.json.encode(state)
    for again in (delta(EPOCH, 40, 0, 10), delta(EPOCH, 2, 9, 12)):
        assert not add_traffic(state, again, PACK)
    assert msgspec.json.encode(state) == before
    assert delivered(state, "24h", T + MINUTE, PACK) == 42


def test_one_transaction_may_have_a_delta_for_each_of_two_epochs() -> None:
    state = Tally(subject="sender:x#0")
    for _ in range(2):
        add_traffic(state, delta(EPOCH, 3, 0, 10), PACK)
        add_traffic(state, delta(EPOCH + 1, 4, 0, 10), PACK)
    assert delivered(state, "24h", T + 2 * MINUTE, PACK) == 7
    assert add_traffic(state, delta(EPOCH + 1, 1, 10, 11), PACK)
    assert not add_traffic(state, delta(EPOCH, 3, 0, 10), PACK)


def test_partitions_have_offsets_of_their_own() -> None:
    state = Tally(subject="sender:x#0")
    assert add_traffic(state, delta(EPOCH, 1, 100, 200, partition=0), PACK)
    assert add_traffic(state, delta(EPOCH, 1, 0, 5, partition=1), PACK)
    assert delivered(state, "10d", T + MINUTE, PACK) == 2


def test_what_came_after_the_border_is_left_out() -> None:
    state = Tally(subject="sender:x#0")
    for n in range(10):
        add_traffic(state, delta(EPOCH + n, 1, n, n + 1), PACK)
    assert [delivered(state, w, T + 4 * MINUTE, PACK) for w in ("1h", "24h", "10d")] == [4, 4, 4]


def test_days_are_those_of_the_packs_time_zone() -> None:
    midnight = T + 11 * HOUR
    assert bucket_of(midnight, "d", SEOUL) == bucket_of(midnight - 1, "d", SEOUL) + 1
    assert bucket_of(midnight, "d", "UTC") == bucket_of(midnight - 1, "d", "UTC")
    half = 1_765_909_800_000  # midnight in Kolkata, half past an hour in UTC
    assert bucket_of(half, "d", "Asia/Kolkata") == bucket_of(half - 1, "d", "Asia/Kolkata") + 1


@pytest.mark.parametrize("at", [-(2**53), 2**53, T - 36_525 * DAY, T + 36_525 * DAY, 0, -1])
def test_no_time_is_too_far(at: int) -> None:
    state = tally(vote(1, at), vote(2, at, basis="rate"))
    assert counted(state, end=at + MINUTE, through=at // MINUTE, after=-(2**60)) == 1


def test_what_no_window_can_reach_is_forgotten() -> None:
    state = tally(vote(1, T - 20 * DAY), vote(2, T))
    for unit, buckets in state.voters["count"].items():
        assert len(buckets) == 1, unit
    assert state.epochs["count"] == [EPOCH]


def test_what_is_too_old_is_forgotten_in_any_order() -> None:
    old, new = vote(1, T - 20 * DAY), vote(2, T)
    late = vote(3, T, basis="rate", message_at_ms=T - 20 * DAY)
    assert tally(old, new, late) == tally(new, old, late) == tally(late, new, old, late)


def test_the_state_is_a_value_of_a_table() -> None:
    state = tally(vote(1), vote(2, basis="rate"))
    add_traffic(state, delta(EPOCH, 4), PACK)
    assert msgspec.json.decode(msgspec.json.encode(state), type=Tally) == state
