"""Behaviour, by its rules: what shapes come to, from when, and the same in any order."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations
from random import Random
from typing import Any

import msgspec
import pytest

from streams.contracts.messages import Leg
from streams.contracts.reputation import Finding
from streams.contracts.shapes import Shape, Shapes
from streams.engine.behaving import Subject, on_shapes
from streams.engine.policy import Policy
from streams.engine.sanctioning import WITHDRAWN
from tests.engine.kit import HOUR, MINUTE, T, policy

LINE, ACCOUNT = "sender:~0f3a9b1c22d4e5f60718#0", "account:acct-901"
FIRST = T // MINUTE
MIDNIGHT = T + 11 * HOUR  # in Seoul


def delta(epoch: int, offset: int, subject: str = LINE, leg: Leg = "termination", **shape: Any) -> Shapes:
    """A delta of one leg, `epoch` from the first on, that ends at `offset + 10` of its partition."""
    return Shapes(
        subject=subject, epoch=FIRST + epoch, epoch_ms=MINUTE, partition=shape.pop("partition", 0), first_offset=offset,
        next_offset=offset + 10, legs={leg: Shape(**shape)},
    )  # fmt: skip


def run(deltas: Iterable[Shapes], rules: Policy) -> tuple[Subject, list[Finding]]:
    state: Subject | None = None
    said: list[Finding] = []
    for one in deltas:
        state, found = on_shapes(state, one, rules)
        said += found
    assert state is not None
    return state, said


def said(deltas: Iterable[Shapes], **behaviour: Any) -> list[Finding]:
    return run(deltas, policy(behaviour=behaviour))[1]


def standing(findings: Iterable[Finding]) -> dict[str, Finding]:
    """What was said and not taken back, each as it was said last."""
    held: dict[str, Finding] = {}
    for finding in findings:
        if finding.reason == WITHDRAWN:
            held.pop(finding.releases or "")
        else:
            held[finding.finding_id] = finding
    return held


# -- the daily cap ---------------------------------------------------------------------------------------------------


def test_the_cap_throttles_from_one_epoch_after_the_one_that_holds_the_500th() -> None:
    (found,) = said([delta(0, 0, sent=499), delta(3, 10, sent=1)])
    assert (found.subject, found.source, found.step, found.reason) == (LINE, "behaviour", "THROTTLE", "DAILY_CAP")
    assert found.from_ms == T + 5 * MINUTE and found.recorded_at_ms == T + 4 * MINUTE
    assert found.to_ms == MIDNIGHT and found.share_permille == 1000 and found.scope.legs == ("termination",)
    assert found.counts == {"sent": 500, "cap": 500} and found.version == FIRST + 5


def test_499_is_within_it_and_a_new_day_begins_at_midnight_in_seoul() -> None:
    assert said([delta(0, 0, sent=499)]) == []
    over_midnight = (delta(11 * 60 - 1, 0, sent=499), delta(11 * 60, 10, sent=499))
    assert said(over_midnight) == []
    assert len(said([*over_midnight, delta(11 * 60 + 1, 20, sent=1)])) == 1


def test_a_cap_reached_at_the_end_of_the_day_has_no_time_to_count() -> None:
    assert said([delta(11 * 60 - 2, 0, sent=500)]) == []
    assert len(said([delta(11 * 60 - 3, 0, sent=500)])) == 1


@pytest.mark.parametrize("subject", ["sender:kr:15881234#0", ACCOUNT])
def test_businesses_and_accounts_have_no_cap(subject: str) -> None:
    assert said([delta(0, 0, subject, sent=5000)]) == []


def test_a_pack_without_a_cap_has_none() -> None:
    assert said([delta(0, 0, sent=5000)], daily_cap=0) == []


def test_each_leg_is_counted_by_itself() -> None:
    both = [delta(0, 0, sent=300), delta(1, 10, leg="origination", sent=300)]
    assert said(both) == []
    (found,) = said([*both, delta(2, 20, leg="origination", sent=200)])
    assert found.scope.legs == ("origination",)


def test_it_is_said_once_a_day_and_once_more_with_what_went_over() -> None:
    deltas = [delta(0, 0, sent=490), delta(1, 10, sent=20), delta(2, 20, sent=40), delta(3, 30, sent=7)]
    first, last = said([*deltas, delta(4, 40, sent=9)])
    assert first.finding_id == last.finding_id and first.from_ms == T + 3 * MINUTE
    assert first.counts == {"sent": 510, "cap": 500}
    assert last.counts == {"sent": 550, "cap": 500, "over": 50}


def test_the_order_of_deltas_within_two_epochs_does_not_matter() -> None:
    deltas = [
        delta(0, 0, sent=300),
        delta(0, 0, sent=150, partition=1),
        delta(1, 10, sent=50),
        delta(1, 10, sent=20, partition=1),
    ]
    held = []
    for order in permutations(deltas):
        by_partition = {p: [d.first_offset for d in order if d.partition == p] for p in (0, 1)}
        if all(offsets == sorted(offsets) for offsets in by_partition.values()):
            held.append(standing(said(order)))
    assert len(held) == 6
    assert [{n: f.from_ms for n, f in h.items()} for h in held] == [{n: f.from_ms for n, f in held[0].items()}] * 6
    assert [f.from_ms for f in held[0].values()] == [T + 3 * MINUTE]


def test_a_late_delta_moves_the_start_and_the_first_word_is_withdrawn() -> None:
    found = said([delta(0, 0, sent=400), delta(1, 10, sent=150), delta(0, 0, sent=150, partition=1)])
    assert [f.reason for f in found] == ["DAILY_CAP", "DAILY_CAP", WITHDRAWN]
    (stands,) = standing(found).values()
    assert stands.from_ms == T + 2 * MINUTE


def test_what_comes_late_for_a_settled_epoch_is_still_counted() -> None:
    found = said([delta(0, 0, sent=400), delta(6, 10, sent=10), delta(1, 0, sent=100, partition=1)])
    assert [f.from_ms for f in found] == [T + 8 * MINUTE]


def test_a_redelivery_adds_nothing_and_says_everything_again() -> None:
    rules, deltas = policy(), [delta(0, 0, sent=400), delta(1, 10, sent=120)]
    state, first = run(deltas, rules)
    for again in deltas:
        state, found = on_shapes(state, again, rules)
        assert found == first
    assert state.open[FIRST + 1]["termination"].sent == 120


def test_epochs_of_another_length_go_on_from_the_day() -> None:
    longer = Shapes(
        subject=LINE, epoch=T // HOUR + 1, epoch_ms=HOUR, partition=0, first_offset=50, next_offset=60,
        legs={"termination": Shape(sent=100)},
    )  # fmt: skip
    (found,) = said([delta(0, 0, sent=200), delta(1, 10, sent=200), longer])
    assert found.from_ms == T + 3 * HOUR


def test_a_subject_stays_small_whatever_it_sends() -> None:
    rng, rules = Random(1), policy(behaviour={"throttle_ms": 2 * MINUTE, "routes": 1})
    state: Subject | None = None

    def names(count: int) -> tuple[int, ...]:
        return tuple(sorted(rng.randrange(2**53) for _ in range(count)))

    for epoch in range(60):
        shape = Shape(
            sent=10**6, unlisted=10**6, recipients=tuple((n, 2**50 - 1) for n in names(64)), blocks=names(32),
            texts=tuple((n, 10**5) for n in names(32)), routes=names(32), peers=names(32),
        )  # fmt: skip
        for partition in range(6):
            one = delta(180 * epoch, epoch * 10, partition=partition)
            both: dict[Leg, Shape] = {"origination": shape, "termination": shape}
            state, _ = on_shapes(state, msgspec.structs.replace(one, legs=both), rules)
        assert len(msgspec.json.encode(state)) < 40_000
