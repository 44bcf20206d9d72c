"""A report finds its delivery, and "not received" is said only where every delivery would be known."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.contracts.messages import Route
from streams.contracts.recent import Delivery
from streams.contracts.reports import Report
from streams.engine.deliveries import KEPT, Coverage, Memo, join, partition_of, reporter_key, waits_for
from streams.engine.fingerprint import fingerprint
from streams.engine.pack import Pack
from streams.engine.pseudonym import state_pseudonym
from tests.engine.kit import BANK, DAY, HOUR, KEYS, MINUTE, T, decide, message, policies, policy, report, view

VOUCHED: dict[str, Any] = {"deliveries": {"channels": ["mt"], "own_sources": ["7726"]}}
PACK: Pack = policy(**VOUCHED).pack
WHOLE = Coverage(first_ms=T - 9 * DAY, closed_before_ms=T + HOUR)
TEXT = "win 500 at lucky.example"
SHOWN = state_pseudonym(KEYS, "kr:" + BANK)


def delivery(at_ms: int = T, event: str = "e1", **over: Any) -> Delivery:
    made = Delivery("~r", at_ms, event, SHOWN, "mt", "a2p", "relay-7", "acct-1", fingerprint(TEXT))
    return msgspec.structs.replace(made, **over)


def told(**over: Any) -> Report:
    made: dict[str, Any] = {"message_at_ms": T, "reported_at_ms": T + MINUTE, "ingested_at_ms": T + MINUTE}
    return report(**({"displayed_sender": BANK} | made | over))


def found(*held: Delivery, coverage: Coverage = WHOLE, pack: Pack = PACK, **over: Any) -> Report:
    return join(told(**over), held, coverage, pack, KEYS)


def test_the_networks_facts_replace_the_reporters_claims() -> None:
    made = found(
        delivery(T - 5000, chain=("reseller-1",), international=True),
        route={"relay_id": "relay-innocent", "account_id": "acct-innocent"}, channel="mo", leg="origination",
        traffic_class="p2p", message_from_ms=T - HOUR, origin_number="01055502222",
    )  # fmt: skip
    assert made.received is True
    assert (made.event_id, made.message_at_ms, made.message_from_ms) == ("e1", T - 5000, None)
    assert made.route == Route(
        relay_id="relay-7", account_id="acct-1", chain=("reseller-1",), international=True
    )  # fmt: skip
    assert (made.channel, made.leg, made.traffic_class, made.origin_number) == ("mt", "termination", "a2p", None)
    assert made.fingerprint == fingerprint(TEXT)
    assert made.ingested_at_ms == T + MINUTE, "the vote keeps the number of the epoch in which it was made"


@pytest.mark.parametrize(
    ("why", "held", "over", "event"),
    [
        ("the nearest in time", [delivery(T + 9000, "b"), delivery(T - 1000, "a")], {}, "a"),
        ("the same text before the nearest", [delivery(T, "b", fingerprint="0" * 16), delivery(T - 60_000, "a")],
         {"text": TEXT}, "a"),
        ("the named event before all", [delivery(T, "b"), delivery(T - 3 * DAY, "a")], {"event_id": "a"}, "a"),
        ("of two equally near the later", [delivery(T + 1000, "b"), delivery(T - 1000, "a")], {}, "b"),
        ("another sender's is none", [delivery(T, "b", sender="~other"), delivery(T - 1000, "a")], {}, "a"),
        ("what came after the report is none", [delivery(T + 2 * MINUTE, "b"), delivery(T - 9 * MINUTE, "a")], {}, "a"),
        ("anywhere in the span that a form leaves open", [delivery(T - 20 * HOUR, "a")],
         {"message_from_ms": T - DAY}, "a"),
    ],
)  # fmt: skip
def test_which_delivery_it_is(why: str, held: list[Delivery], over: dict[str, Any], event: str) -> None:
    assert found(*held, **over).event_id == event, why


def test_outside_the_window_there_is_none() -> None:
    assert found(delivery(T - 10 * MINUTE - 1)).event_id is None
    assert found(delivery(T - 10 * MINUTE)).event_id == "e1"


@pytest.mark.parametrize(
    ("origin", "claimed", "joined"),
    [("same", None, BANK), ("same", "01055502222", BANK), ("other", "01055502222", "01055502222"),
     ("other", BANK, None), ("other", None, None), (None, BANK, None)],
)  # fmt: skip
def test_origin_is_what_the_network_set(origin: Any, claimed: str | None, joined: str | None) -> None:
    assert found(delivery(origin=origin), origin_number=claimed).origin_number == joined


EARLIER = delivery(T - DAY, "old", sender="~other")


@pytest.mark.parametrize(
    ("why", "held", "coverage", "over", "received"),
    [
        ("all is known and there is none", [EARLIER], WHOLE, {}, False),
        ("nothing is known of this person: somebody else's subscriber", [], WHOLE, {}, None),
        ("… but only our subscribers reach this source", [], WHOLE, {"source": "7726"}, False),
        ("sent into a group, of whose members nobody tells", [EARLIER], WHOLE, {"group_chat": True}, None),
        ("a channel that nobody vouches for", [EARLIER], WHOLE, {"channel": "rcs"}, None),
        ("a reporter who is no number", [EARLIER], WHOLE, {"reporter": "kisa#1"}, None),
        ("the store began later", [EARLIER], Coverage(T - 5 * MINUTE, T + HOUR), {}, None),
        ("… or in the epoch before", [EARLIER], Coverage(T - 10 * MINUTE - 30_000, T + HOUR), {}, None),
        ("nothing was ever told", [EARLIER], Coverage(), {}, None),
        ("the epoch is open", [EARLIER], Coverage(T - DAY, T), {}, None),
        ("a hole at that time", [EARLIER], WHOLE._replace(holes=((T - MINUTE, T),)), {}, None),
        ("a hole at another time", [EARLIER], WHOLE._replace(holes=((T - HOUR, T - HOUR + 1),)), {}, False),
        ("ten days ago", [EARLIER], WHOLE._replace(first_ms=0),
         {"message_at_ms": T - 11 * DAY}, None),
        ("more came since than are kept", [delivery(T, f"e{n}", sender="~o") for n in range(KEPT)], WHOLE,
         {"source": "7726"}, None),
    ],
)  # fmt: skip
def test_not_received(
    why: str, held: list[Delivery], coverage: Coverage, over: dict[str, Any], received: bool | None
) -> None:
    assert found(*held, coverage=coverage, **over).received is received, why


def test_as_installed_nobody_vouches() -> None:
    assert found(EARLIER, pack=policy().pack).received is None


@pytest.mark.parametrize(
    ("message_at", "reported", "until"),
    [(T, T + 5000, T + MINUTE), (T, T + HOUR, T + 11 * MINUTE), (T - 1, T - 1, T), (T + MINUTE, T, T + 2 * MINUTE)],
)
def test_a_report_waits_for_the_end_of_its_epoch(message_at: int, reported: int, until: int) -> None:
    assert waits_for(told(message_at_ms=message_at, reported_at_ms=reported), PACK) == until


def test_what_the_gate_remembers_is_what_the_report_finds() -> None:
    sent = message("15881234", recipient="+821055501234", origin_number=BANK)
    memo = Memo(policies(), KEYS)
    made = memo.delivery(sent, decide(sent, view()), view())
    assert made is not None and made.origin == "same"
    said = told(reporter="010-5550-1234")
    assert reporter_key(said, PACK, KEYS) == made.recipient
    assert join(said, [made], WHOLE, PACK, KEYS).event_id == sent.event_id


def test_nobody_got_it() -> None:
    memo = Memo(policies(), KEYS)
    first = message(leg="origination")
    assert memo.delivery(first, decide(first, view()), view()) is None
    blocked = msgspec.structs.replace(decide(message(), view()), verdict="BLOCK", action="REJECT")
    assert memo.delivery(message(), blocked, view()) is None


def test_partitions_are_spread() -> None:
    numbers = [partition_of(f"~{n:020x}", 12) for n in range(1200)]
    assert min(numbers.count(p) for p in range(12)) > 60
