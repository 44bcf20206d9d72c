"""Reviews: votes up to a decision are spent after it, and the voters behind a sanction hear how they fared."""

import pytest

from streams.contracts.appeals import Review
from streams.contracts.reputation import Traffic
from streams.engine.reputation import LABELLED
from streams.engine.tally import Tally
from streams.engine.tallying import on_review, on_traffic
from tests.engine.kit import DAY, HOUR, MINUTE, T, enforce
from tests.engine.test_ladder import EPOCH, Subject

DECIDED = T + HOUR


def review(one: Subject, result: str = "overturned", name: str | None = None, at: int = DECIDED) -> list[str]:
    """The voters that hear of it, with the sign of what they hear."""
    block = next((f.finding_id for f in one.state.findings if f.step == "TEMP_BLOCK"), "nothing")
    said = Review(
        review_id="r1", subject=one.state.subject, sanction_id=name or block, result=result,  # type: ignore[arg-type]  # a table's word
        epoch=at // MINUTE, recorded_at_ms=at,
    )  # fmt: skip
    findings, outcomes = on_review(one.state, said, one.rules, at // MINUTE - 1)
    one.said += findings
    return [("-" if o.overturned else "+") + o.reporter for o in outcomes]


def blocked() -> Subject:
    one = Subject()
    one.votes(0, 1, 2, 3, 4)
    return one


@pytest.mark.parametrize(("result", "sign"), [("overturned", "-"), ("confirmed", "+")])
def test_the_voters_behind_it_hear_how_they_fared(result: str, sign: str) -> None:
    one = blocked()
    one.votes(9, at=T + 30 * MINUTE)  # it stood by then
    assert review(one, result) == [f"{sign}~{n}" for n in range(5)]


def test_a_lift_and_an_order_say_nothing_about_voters() -> None:
    assert review(blocked(), "lifted") == []
    assert review(blocked(), name="an order") == []


def test_the_same_review_again_says_the_same() -> None:
    one = blocked()
    first = review(one)
    one.votes(*range(20, 26), at=DECIDED + 5 * MINUTE)
    assert review(one) == first


@pytest.mark.parametrize(
    ("result", "steps"),
    [
        ("overturned", ["WARN", "TEMP_BLOCK", "WARN", "TEMP_BLOCK"]),
        ("lifted", ["WARN", "TEMP_BLOCK", "WARN", "TEMP_BLOCK"]),
        ("confirmed", ["WARN", "TEMP_BLOCK"]),
    ],
)
def test_fresh_votes_count_again_after_the_decision(result: str, steps: list[str]) -> None:
    one = blocked()
    review(one, result)
    one.votes(*range(10, 15), at=DECIDED + 5 * MINUTE)
    assert one.steps == steps


def test_cleared_votes_do_not_count_again() -> None:
    one = blocked()
    review(one)
    one.votes(10, 11, at=DECIDED + 5 * MINUTE)
    assert one.steps == ["WARN", "TEMP_BLOCK"], "five old ones and two fresh ones are two"


def test_cleared_votes_do_not_count_again_after_an_orders_review_either() -> None:
    one = Subject()
    one.votes(0, 1)
    review(one, name="an order of a person")
    one.votes(10, at=DECIDED + 5 * MINUTE)
    assert one.steps == []


def test_what_stood_until_the_decision_stays_as_it_was() -> None:
    one = blocked()
    before = [(f.finding_id, f.from_ms, f.to_ms) for f in one.state.findings]
    review(one)
    one.votes(5, at=T)  # an old vote that comes late has the old epoch judged again
    assert [(f.finding_id, f.from_ms, f.to_ms) for f in one.state.findings] == before
    assert one.state.withdrawn == []


def test_it_does_not_matter_whether_the_review_or_the_fresh_votes_came_first() -> None:
    one, other = blocked(), blocked()
    review(one)
    one.votes(*range(10, 15), at=DECIDED + 5 * MINUTE)
    other.votes(*range(10, 15), at=DECIDED + 5 * MINUTE)
    review(other)
    assert one.state.findings == other.state.findings


def test_a_sanction_after_a_cleared_one_runs_its_own_time() -> None:
    one = blocked()
    review(one)
    one.votes(*range(10, 15), at=DECIDED + 5 * MINUTE)
    one.votes(*range(20, 25), at=DECIDED + DAY)
    assert one.steps == ["WARN", "TEMP_BLOCK", "WARN", "TEMP_BLOCK"], "two days are not over"


def seen(state: Tally, epoch: int) -> list[int]:
    delta = Traffic(
        subject=state.subject, epoch=epoch, partition=0, first_offset=epoch, next_offset=epoch + 1, delivered=1
    )  # fmt: skip
    return [f.from_ms for f in on_traffic(state, delta, enforce(), EPOCH)]


def test_a_labelled_text_is_known_from_the_second_epoch_after_its_first() -> None:
    state = Tally(subject=LABELLED + "00ff")
    assert seen(state, EPOCH) == [T + 2 * MINUTE]
    assert seen(state, EPOCH + 1) == []
    assert seen(state, EPOCH) == [T + 2 * MINUTE], "again, for whoever lost it"
    assert seen(state, EPOCH - 1) == [T + MINUTE]
