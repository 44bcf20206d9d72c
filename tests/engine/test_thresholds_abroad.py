"""Reports of messages that another country's rules judged are held against that country's thresholds."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.agents.deadletter import Delivery
from streams.agents.steps import Names
from streams.agents.tally import TallyAgent
from streams.contracts.appeals import Review
from streams.contracts.policy import PolicyEntry, PolicyRow
from streams.contracts.reputation import Finding, Traffic
from streams.engine.ladder import NEVER, waiting
from streams.engine.policy import Policies
from streams.engine.tally import Tally, add_traffic, delivered
from streams.engine.tallying import on_closed, on_review, on_traffic, on_vote
from streams.packs import shipped
from streams.replay.embedded import Embedded
from streams.replica.changes import Change
from streams.replica.memory import MemoryReplica
from tests.engine.kit import KEYS, MINUTE, T, enforce, raw, report, view
from tests.engine.test_tally import vote

EPOCH = T // MINUTE
PACK = enforce().pack
SHIPPED = Policies(shipped(), "kr").abroad(view(), T)


def cast(state: Tally, count: int, place: str | None, first: int = 0, **over: Any) -> list[Finding]:
    found: list[Finding] = []
    for n in range(first, first + count):
        one = vote(n, **over)
        named = msgspec.structs.replace(one, subject=state.subject, jurisdiction=place)
        found = on_vote(state, named, enforce(), EPOCH - 1, SHIPPED)
    return found


@pytest.mark.parametrize(
    ("subject", "place", "voters", "steps"),
    [
        ("sender:x#0", None, 5, ["WARN", "TEMP_BLOCK"]),
        ("sender:x#0", "in", 5, ["WARN", "TEMP_BLOCK"]),
        ("sender:x#0", "in", 4, ["WARN"]),
        ("sender:x#0", "sg", 4, []),
        ("sender:x#0", "sg", 5, ["WARN"]),
        ("sender:x#0", "sg", 10, ["WARN", "TEMP_BLOCK"]),
        ("campaign:relay-7×ff", None, 10, ["WARN", "TEMP_BLOCK"]),
        ("campaign:relay-7×ff", "sg", 10, ["WARN"]),
        ("relay:relay-7", "sg", 300, []),  # Korea's pack warns at 200; nobody else's says anything
    ],
)
def test_thresholds_by_count(subject: str, place: str | None, voters: int, steps: list[str]) -> None:
    state = Tally(subject=subject)
    cast(state, voters, place)
    assert [f.step for f in state.findings] == steps
    assert {f.jurisdiction for f in state.findings} <= {place}


def test_votes_of_several_countries_are_never_added_up() -> None:
    state = Tally(subject="sender:x#0")
    for first, place in ((0, None), (10, "in"), (20, "vn")):
        cast(state, 2, place, first)
    assert state.findings == []
    cast(state, 1, "in", 15)
    assert [(f.step, f.jurisdiction, f.counts) for f in state.findings] == [("WARN", "in", {"10d": 3})]


def test_the_ladder_and_the_carriers_own_come_first() -> None:
    state = Tally(subject="sender:x#0")
    cast(state, 5, "in")
    cast(state, 5, None, 10)
    both = state.findings
    assert [(f.step, f.jurisdiction) for f in both] == [("WARN", None), ("TEMP_BLOCK", None)]
    assert all(f.policy == enforce().version and f.to_ms == f.from_ms + PACK.ladder.temp_block_ms for f in both)


def delta(place: str | None, count: int, first: int = 0) -> Traffic:
    return Traffic(
        subject="sender:x#0", epoch=EPOCH, partition=0, first_offset=first, next_offset=first + 10, delivered=count,
        jurisdiction=place,
    )  # fmt: skip


def test_a_rate_is_of_what_was_delivered_there() -> None:
    """5 of 1 000 are Singapore's critical 5 000 ppm; 99 000 delivered in Korea are no excuse."""
    state = Tally(subject="sender:x#0")
    for place, count in ((None, 99_000), ("sg", 1000)):
        on_traffic(state, delta(place, count), enforce(), NEVER, SHIPPED)
    cast(state, 5, "sg", basis="rate")
    assert waiting(state), "for the meter"
    assert state.findings == []
    on_closed(state, enforce(), EPOCH, abroad=SHIPPED)
    assert not waiting(state)
    (_, found) = state.findings
    assert (found.step, found.jurisdiction) == ("TEMP_BLOCK", "sg")
    assert found.counts == {"24h": 5, "delivered": 1000, "ppm": 5000}


def test_one_transaction_has_a_delta_for_each_jurisdiction() -> None:
    state = Tally(subject="sender:x#0")
    for _ in range(2):
        for place, count in ((None, 3), ("sg", 4), ("in", 5)):
            add_traffic(state, delta(place, count), PACK)
    assert [delivered(state, "24h", T + MINUTE, PACK, place) for place in (None, "sg", "in", "vn")] == [3, 4, 5, 0]
    assert msgspec.json.decode(msgspec.json.encode(state), type=Tally) == state


def test_an_outcome_is_about_those_who_voted_there() -> None:
    state = Tally(subject="sender:x#0")
    cast(state, 2, None)
    (_, found) = cast(state, 5, "in", 10)
    review = Review(
        review_id="v1", subject=state.subject, sanction_id=found.finding_id, epoch=EPOCH + 5, result="confirmed",
        recorded_at_ms=T + 5 * MINUTE,
    )  # fmt: skip
    _, outcomes = on_review(state, review, enforce(), NEVER, SHIPPED)
    assert [o.reporter for o in outcomes] == [f"~{n}" for n in range(10, 15)]


def published(**packs: dict[str, Any]) -> list[PolicyRow]:
    return [
        PolicyRow(jurisdiction=place, timeline=(PolicyEntry(profile="enforce", pack=pack),))
        for place, pack in packs.items()
    ]


LENIENT = {"thresholds": {"campaign": {"count": {"24h": {"warn": 50, "critical": 60}}}}}
STRICT = {"thresholds": {"campaign": {"count": {"24h": {"warn": 2, "critical": 3}}}}}


def test_the_agent_asks_what_that_country_published() -> None:
    replica = MemoryReplica()
    replica.apply(
        Change("policy", 0, n, row.jurisdiction, raw(row)) for n, row in enumerate(published(kr=LENIENT, sg=STRICT))
    )
    agent = TallyAgent(Names("t."), Policies(shipped(), "kr"), 1)
    table: Tally | None = None
    said: list[Finding] = []
    for n in range(3):
        one = msgspec.structs.replace(vote(n), subject="campaign:relay-7×ff", jurisdiction="sg")
        place = Delivery("t.votes.v1", 0, n, 0, one.subject.encode(), raw(one))
        (effect,) = agent.handle("votes", place, replica).effects
        table, outputs = effect.step(table, effect.event)
        said = [msgspec.json.decode(output.value or b"", type=Finding) for output in outputs]
    assert [f.step for f in said] == ["WARN", "TEMP_BLOCK"]


@pytest.mark.parametrize(("place", "steps"), [("sg", {"WARN", "TEMP_BLOCK"}), (None, set())])
def test_so_does_the_embedded_carrier(place: str | None, steps: set[str]) -> None:
    run = Embedded(Policies(shipped(), "kr"), KEYS, joins=False)
    for row in published(kr=LENIENT, sg=STRICT):
        run.policy(row)
    run.begin(EPOCH)
    for n in range(3):
        run.report(report(n, text="win 500", route={"relay_id": "relay-7"}, jurisdiction=place))
    run.finish()
    assert {f.step for f in run.findings if f.subject.startswith("campaign:")} == steps
