"""The oracle goes red for each thing that can be wrong with a run, and for nothing else."""

from __future__ import annotations

import msgspec
import pytest

from streams.contracts.decisions import Decision, Reason
from streams.contracts.messages import Content, Message, Route, Sender
from streams.contracts.reputation import SanctionEntry, SanctionRow
from streams.drill.oracle import Findings, Oracle
from streams.drill.report import ScenarioReport
from streams.replay.history import History, Record
from tests.drill.hand import KEYS, START_MS, Hand

ROUTE = Route(relay_id="relay-1", chain=("reseller-1",), account_id="acct-1")


def message(number: int, at_ms: int = START_MS + 10_000) -> Message:
    return Message(
        event_id=f"e{number}", producer="smsc1", event_time_ms=at_ms, ingested_at_ms=at_ms, leg="origination",
        channel="mt", traffic_class="a2p", sender=Sender(address="15880001"), recipient="821055501234", route=ROUTE,
        content=Content(text="hello"),
    )  # fmt: skip


def sanction(version: int, from_ms: int) -> SanctionRow:
    entry = SanctionEntry(
        sanction_id=f"s{version}", step="TEMP_BLOCK", reason="R", from_ms=from_ms, recorded_at_ms=from_ms,
        version=version,
    )  # fmt: skip
    return SanctionRow(subject="account:acct-1", timeline=(entry,))


@pytest.fixture
def hand() -> Hand:
    """Five good decisions, the third under a sanction that came in time."""
    made = Hand()
    made.decide(message(0), at_ms=START_MS + 10_050)
    made.decide(message(1), at_ms=START_MS + 10_100)
    made.put("sanctions", "account:acct-1", sanction(7, START_MS + 13_000), START_MS + 11_000)
    blocked = made.decide(message(2, START_MS + 14_000), at_ms=START_MS + 14_050)
    assert blocked.verdict == "BLOCK"
    made.decide(message(3), at_ms=START_MS + 14_100)
    made.decide(message(4), at_ms=START_MS + 14_150)
    return made


def faults(found: Findings) -> dict[str, int]:
    names = ("lost", "doubled", "wrong", "stale", "out_of_order")
    return {name: getattr(found, name) for name in names if getattr(found, name)}


def test_a_good_run_has_no_faults(hand: Hand) -> None:
    assert faults(hand.judged()) == {}


def test_a_lost_decision(hand: Hand) -> None:
    del hand.committed[1]
    assert faults(hand.judged()) == {"lost": 1}


def test_a_doubled_decision(hand: Hand) -> None:
    hand.committed.append(hand.committed[4])
    assert faults(hand.judged()) == {"doubled": 1}


def test_a_decision_on_what_was_never_fed(hand: Hand) -> None:
    del hand.inputs[0, 4]
    assert faults(hand.judged()) == {"wrong": 1}


def altered(record: Record, **changes: object) -> Record:
    decision = msgspec.structs.replace(msgspec.json.decode(record.value, type=Decision), **changes)
    return record._replace(value=msgspec.json.encode(decision))


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "ALLOW", "action": "DELIVER"},
        {"reasons": (Reason(code="ELSE", gate="own", mode="OBSERVE"),)},
        {"won": "content"},
        {"recipient": "~other"},
    ],
)
def test_a_wrong_decision(hand: Hand, changes: dict[str, object]) -> None:
    hand.committed[2] = altered(hand.committed[2], **changes)
    assert faults(hand.judged()) == {"wrong": 1}


def test_a_decision_that_names_a_version_that_never_was(hand: Hand) -> None:
    decision = msgspec.json.decode(hand.committed[2].value, type=Decision)
    read = decision.versions.read.replace("7", "8")
    assert read != decision.versions.read
    hand.committed[2] = altered(hand.committed[2], versions=msgspec.structs.replace(decision.versions, read=read))
    assert faults(hand.judged()) == {"wrong": 1}


@pytest.mark.parametrize(("readable_s", "expected"), [(11, {"stale": 1}), (13.2, {})])
def test_a_stale_decision_names_what_was_superseded_for_more_than_a_second(
    readable_s: float, expected: dict[str, int]
) -> None:
    made = Hand()
    row = sanction(7, START_MS + 9_000)
    made.put("sanctions", "account:acct-1", row, START_MS + int(readable_s * 1000), replicated=False)
    allowed = made.decide(message(0, START_MS + 10_000), at_ms=START_MS + 14_000)
    assert allowed.verdict == "ALLOW"
    assert faults(made.judged()) == expected


def test_a_stale_policy(hand: Hand) -> None:
    entry = msgspec.structs.replace(hand.world.policy.timeline[0], version=2, profile="observe")
    row = msgspec.structs.replace(hand.world.policy, timeline=(*hand.world.policy.timeline, entry))
    hand.put("policy", "kr", row, START_MS + 14_200, replicated=False)
    hand.decide(message(5), at_ms=START_MS + 15_000)
    assert faults(hand.judged()) == {}
    hand.decide(message(6), at_ms=START_MS + 15_300)
    assert faults(hand.judged()) == {"stale": 1}


def test_two_decisions_of_one_sender_in_the_wrong_order(hand: Hand) -> None:
    hand.committed[3], hand.committed[4] = hand.committed[4], hand.committed[3]
    assert faults(hand.judged()) == {"out_of_order": 1}


def test_rows_that_differ_only_in_their_end_share_a_version(hand: Hand) -> None:
    """A sanction ended later keeps its version: whichever of the two rows the gate had, the decision is right."""
    row = sanction(7, START_MS + 13_000)
    ended = msgspec.structs.replace(row.timeline[0], to_ms=START_MS + 20_000, end_recorded_at_ms=START_MS + 16_000)
    hand.put("sanctions", "account:acct-1", SanctionRow(subject=row.subject, timeline=(ended,)), START_MS + 16_000)
    hand.decide(message(5, START_MS + 15_000), at_ms=START_MS + 17_000)
    assert faults(hand.judged()) == {}


def test_a_scenario_holds_only_without_faults_and_problems() -> None:
    assert ScenarioReport("s").holds
    assert not ScenarioReport("s", lost=1).holds
    late = ScenarioReport("s")
    late.recovered(6.0, 5.0, "a gate")
    assert not late.holds and late.worst_recovery_s == 6.0
    late = ScenarioReport("s", slack=2.0)
    late.recovered(6.0, 5.0, "a gate")
    assert late.holds


@pytest.mark.parametrize(("on_topic_s", "expected"), [(11, {"stale": 1}), (13.2, {}), (None, {})])
def test_what_the_history_holds_was_readable_once_it_stood_on_the_topic(
    on_topic_s: float | None, expected: dict[str, int]
) -> None:
    """Agents write row and history one after the other: killed in between, the row comes later, or never."""
    made = Hand()
    first, second = sanction(6, START_MS + 8_000), sanction(7, START_MS + 9_000)
    made.put("sanctions", "account:acct-1", first, START_MS + 8_000)
    topic = list(made.logs["sanctions"])
    made.put("sanctions", "account:acct-1", second, START_MS + 11_000, replicated=False)
    if on_topic_s is not None:
        topic.append(made.logs["sanctions"][-1]._replace(append_ms=START_MS + int(on_topic_s * 1000)))
    made.decide(message(0), at_ms=START_MS + 14_000)
    history = History()
    for entity, records in made.logs.items():
        history.add(entity, records, topic if entity == "sanctions" else records)
    assert faults(Oracle(history, KEYS).judge(made.inputs, made.committed)) == expected
