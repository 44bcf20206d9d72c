"""Behaviour, by its rules: what shapes come to, from when, and the same in any order."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contracts.messages import Leg
from streams.contracts.reputation import Finding
from streams.contracts.shapes import Fact, Shape, Shapes
from streams.engine.behaving import look, on_epoch, take
from streams.engine.policy import Policy
from streams.engine.sanctioning import WITHDRAWN
from streams.engine.shaping import summed_up
from streams.engine.sketches import hashed
from tests.engine.kit import HOUR, MINUTE, T, policy

LINE, ACCOUNT = "sender:~0f3a9b1c22d4e5f60718#0", "account:acct-901"
FIRST = T // MINUTE
MIDNIGHT = T + 11 * HOUR  # in Seoul


class Delta(NamedTuple):
    """What a subject sent in an epoch, or a part of it."""

    subject: str
    epoch: int
    epoch_ms: int
    legs: dict[Leg, Shape]


def delta(epoch: int, subject: str = LINE, leg: Leg = "termination", **shape: Any) -> Delta:
    """Of one leg, `epoch` from the first on."""
    return Delta(subject, FIRST + epoch, MINUTE, {leg: Shape(**shape)})


def run(deltas: Iterable[Delta], rules: Policy) -> tuple[Shapes, list[Finding]]:
    state: Shapes | None = None
    said: list[Finding] = []
    for one in deltas:
        state = state or Shapes(subject=one.subject, epoch_ms=one.epoch_ms)
        state, found = on_epoch(state, one.epoch, one.legs, lambda at_ms: rules)
        said += found
    assert state is not None
    return state, said


def said(deltas: Iterable[Delta], **behaviour: Any) -> list[Finding]:
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
    (found,) = said([delta(0, sent=499), delta(3, sent=1)])
    assert (found.subject, found.source, found.step, found.reason) == (LINE, "behaviour", "THROTTLE", "DAILY_CAP")
    assert found.from_ms == T + 5 * MINUTE and found.recorded_at_ms == T + 4 * MINUTE
    assert found.to_ms == MIDNIGHT and found.share_permille == 1000 and found.scope.legs == ("termination",)
    assert found.counts == {"sent": 500, "cap": 500} and found.version == FIRST + 5


def test_499_is_within_it_and_a_new_day_begins_at_midnight_in_seoul() -> None:
    assert said([delta(0, sent=499)]) == []
    over_midnight = (delta(11 * 60 - 1, sent=499), delta(11 * 60, sent=499))
    assert said(over_midnight) == []
    assert len(said([*over_midnight, delta(11 * 60 + 1, sent=1)])) == 1


def test_a_cap_reached_at_the_end_of_the_day_has_no_time_to_count() -> None:
    assert said([delta(11 * 60 - 2, sent=500)]) == []
    assert len(said([delta(11 * 60 - 3, sent=500)])) == 1


@pytest.mark.parametrize("subject", ["sender:kr:15881234#0", ACCOUNT])
def test_businesses_and_accounts_have_no_cap(subject: str) -> None:
    assert said([delta(0, subject, sent=5000)]) == []


def test_a_pack_without_a_cap_has_none() -> None:
    assert said([delta(0, sent=5000)], daily_cap=0) == []


def test_each_leg_is_counted_by_itself() -> None:
    both = [delta(0, sent=300), delta(1, leg="origination", sent=300)]
    assert said(both) == []
    (found,) = said([*both, delta(2, leg="origination", sent=200)])
    assert found.scope.legs == ("origination",)


def test_it_is_said_once_a_day_and_once_more_with_what_went_over() -> None:
    deltas = [delta(0, sent=490), delta(1, sent=20), delta(2, sent=40), delta(3, sent=7)]
    first, last = said([*deltas, delta(4, sent=9)])
    assert first.finding_id == last.finding_id and first.from_ms == T + 3 * MINUTE
    assert first.counts == {"sent": 510, "cap": 500}
    assert last.counts == {"sent": 550, "cap": 500, "over": 50}


def test_the_order_of_deltas_within_two_epochs_does_not_matter() -> None:
    deltas = [delta(0, sent=300), delta(0, sent=150), delta(1, sent=50), delta(1, sent=20)]
    held = [standing(said(order)) for order in permutations(deltas)]
    assert [{n: f.from_ms for n, f in h.items()} for h in held] == [{n: f.from_ms for n, f in held[0].items()}] * 24
    assert [f.from_ms for f in held[0].values()] == [T + 3 * MINUTE]


def test_a_late_delta_moves_the_start_and_the_first_word_is_withdrawn() -> None:
    found = said([delta(0, sent=400), delta(1, sent=150), delta(0, sent=150)])
    assert [f.reason for f in found] == ["DAILY_CAP", "DAILY_CAP", WITHDRAWN]
    (stands,) = standing(found).values()
    assert stands.from_ms == T + 2 * MINUTE


def test_what_comes_late_for_a_settled_epoch_is_still_counted() -> None:
    found = said([delta(0, sent=400), delta(6, sent=10), delta(1, sent=100)])
    assert [f.from_ms for f in found] == [T + 8 * MINUTE]


# -- facts ----------------------------------------------------------------------------------------------------------


def facts(rng: Random, count: int, epochs: int) -> list[Fact]:
    """Messages in the order of their epochs: a busy epoch, texts that repeat and some that don't, two legs."""
    at = sorted(rng.choice((rng.randrange(epochs), epochs // 2)) for _ in range(count))
    return [
        Fact(
            FIRST + epoch, rng.choice(("origination", "termination")), hashed(str(number // 50)), number % 50,
            hashed(f"={number // 10_000}"), rng.choice((1, 2, number)), rng.randrange(10), rng.randrange(3),
            rng.choice((1, 1, 1, 7)), rng.random() < 0.3,
        )
        for epoch in at
        for number in (rng.randrange(8_210_100, 8_210_900),)
    ]  # fmt: skip


def some_rules(rng: Random) -> Policy:
    """Any of the rules, low enough to trip now and then."""
    every: dict[str, Any] = {
        "daily_cap": 150, "unlisted": 60, "routes": 6, "sequential": {"recipients": rng.choice((30, 100))},
        "takeover": {"messages": 20, "factor": 3, "history_epochs": 5, "known_after_ms": 3 * MINUTE},
        "sim_box": {"recipients": 80},
    }  # fmt: skip
    none = {"daily_cap": 0, "unlisted": 0, "routes": 0, "sequential": {"recipients": 0}, "takeover": {"messages": 0}}
    kept = rng.sample(sorted(every), rng.randint(1, len(every)))
    return policy(behaviour={**none, "sim_box": {"recipients": 0}, **{name: every[name] for name in kept}})


@given(seed=st.integers(0, 100_000), count=st.integers(1, 400), epochs=st.integers(1, 80))
@settings(max_examples=60, deadline=None)
def test_facts_come_to_the_same_in_batches_of_any_size(seed: int, count: int, epochs: int) -> None:
    rng = Random(seed)
    rules, sent = some_rules(rng), facts(rng, count, epochs)
    subject = rng.choice((LINE, ACCOUNT, "sender:kr:15881234#0"))
    held: list[tuple[Shapes, dict[str, Finding]]] = []
    for most in (count, 60, 7, 1):
        state, found, at = None, list[Finding](), 0
        while at < count:
            size = rng.randint(1, most)
            state, more = take(state, subject, MINUTE, sent[at : at + size], lambda at_ms: rules)
            found, at = [*found, *more], at + size
        assert state is not None
        state, more = look(state, lambda at_ms: rules)
        held.append((state, standing([*found, *more])))
    for state, stands in held[1:]:
        assert (state.open, state.day, state.today) == (held[0][0].open, held[0][0].day, held[0][0].today)
        assert (state.habits, state.acted) == (held[0][0].habits, held[0][0].acted)
        assert {n: (f.reason, f.to_ms) for n, f in stands.items()} == {
            n: (f.reason, f.to_ms) for n, f in held[0][1].items()
        }


@given(seed=st.integers(0, 100_000), count=st.integers(1, 300), epochs=st.integers(1, 80))
@settings(max_examples=60, deadline=None)
def test_nothing_is_said_later_than_if_each_message_were_looked_at(seed: int, count: int, epochs: int) -> None:
    rng = Random(seed)
    rules, sent = some_rules(rng), facts(rng, count, epochs)
    subject = rng.choice((LINE, ACCOUNT, "sender:kr:15881234#0"))
    lazy, eager = None, Shapes(subject=subject, epoch_ms=MINUTE)
    said, wanted = list[Finding](), list[Finding]()
    for fact in sent:
        lazy, found = take(lazy, subject, MINUTE, [fact], lambda at_ms: rules)
        said += found
        ((epoch, legs),) = summed_up([fact]).items()
        eager, found = on_epoch(eager, epoch, legs, lambda at_ms: rules)
        wanted += found
        assert standing(said).keys() == standing(wanted).keys()


def test_a_cap_is_said_with_the_message_that_reaches_it() -> None:
    rules = policy(behaviour={"daily_cap": 150, "sequential": {"recipients": 0}, "sim_box": {"recipients": 0}})
    state, said = None, list[int]()
    for n in range(30):
        state, found = take(state, LINE, MINUTE, [Fact(FIRST, "termination", n, 1, n, size=7)], lambda at_ms: rules)
        said += [n] * len(found)
    assert said == [21], "the 22nd makes 154"


def test_what_says_nothing_yet_is_kept_and_not_looked_at() -> None:
    rules = policy()
    sent = [Fact(FIRST + n, "termination", n, 1, n, size=2) for n in range(33)]
    state, found = take(None, LINE, MINUTE, sent[:32], lambda at_ms: rules)
    assert found == [] and len(state.waiting) == 32 and not state.open and state.day is None
    state, found = take(state, LINE, MINUTE, sent[32:], lambda at_ms: rules)
    assert found == [] and state.waiting == () and state.today["termination"].sent == 66 - 2 * 2
    (cap,) = take(state, LINE, MINUTE, [Fact(FIRST + 33, "termination", 1, 1, 1, size=434)], lambda at_ms: rules)[1]
    assert cap.counts == {"sent": 500, "cap": 500}


def test_epochs_of_another_length_go_on_from_the_day() -> None:
    rules = policy()
    state, found = take(
        None, LINE, MINUTE, [Fact(FIRST, "termination", 1, 1, 1, size=400)], lambda at_ms: rules
    )  # fmt: skip
    state, more = take(state, LINE, HOUR, [Fact(T // HOUR + 1, "termination", 2, 1, 1, size=100)], lambda at_ms: rules)
    (cap,) = [*found, *more]
    assert cap.from_ms == T + 3 * HOUR and state.epoch_ms == HOUR


def test_a_subject_stays_small_whatever_it_sends() -> None:
    rng, rules = Random(1), policy(behaviour={"throttle_ms": 2 * MINUTE, "routes": 1})
    state = Shapes(subject=LINE, epoch_ms=MINUTE)

    def names(count: int) -> tuple[int, ...]:
        return tuple(sorted(rng.randrange(2**53) for _ in range(count)))

    for epoch in range(60):
        shape = Shape(
            sent=10**6, unlisted=10**6, recipients=tuple((n, 2**50 - 1) for n in names(64)), blocks=names(32),
            texts=tuple((n, 10**5) for n in names(32)), routes=names(32), peers=names(32),
        )  # fmt: skip
        both: dict[Leg, Shape] = {"origination": shape, "termination": shape}
        for _ in range(6):
            state, _ = on_epoch(state, FIRST + 180 * epoch, both, lambda at_ms: rules)
        assert len(msgspec.json.encode(state)) < 40_000
