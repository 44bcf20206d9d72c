"""Verification before sending says what the gates' checks say, and tells forgers nothing about other routes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contracts.feeds import RegistryValue
from streams.contracts.messages import Message
from streams.contracts.registry import Routes, SenderEntry, SenderRow
from streams.contracts.verify import Answer, Question
from streams.engine.case import Case
from streams.engine.checks import CHECKS, run_checks
from streams.engine.registry import KEEP_MS
from streams.engine.verifying import NEEDS_MORE, OF_ROUTE, OF_SENDER, account_facts, sender_facts, verify
from streams.replica.memory import MemoryReplica
from tests.engine.kit import (
    BANK,
    HOUR,
    KEYS,
    PHONE,
    T,
    a2p,
    account,
    alive,
    decide,
    number,
    policies,
    relay,
    reseller,
    sanction,
    sender,
    view,
)
from tests.engine.properties import CASES, messages, rows
from tests.engine.test_blacklist import BUSINESS, manifest, row

POLICIES = policies()


def ask(held: MemoryReplica, caller: str = "relay-7", **over: Any) -> Answer:
    return verify(Question(**({"sender": BANK} | over)), caller, held, POLICIES, KEYS, T)


def said(answer: Answer) -> tuple[str, ...]:
    return (answer.standing, *(r.code for r in answer.reasons))


BANKS: list[RegistryValue] = [
    *alive(), sender(relays=("relay-7",)), relay(), relay("relay-8"), number("active", f"kr:{BANK}"),
    number("active", "kr:15990000"),
]  # fmt: skip


def test_every_check_is_asked_or_it_is_said_what_it_needs() -> None:
    names = [name for name, _ in CHECKS]
    assert sorted(names) == sorted([*OF_SENDER, *OF_ROUTE, *NEEDS_MORE])


@CASES
@given(messages(), rows, st.text(max_size=40), st.sampled_from(["821055508888", "nobody"]))
def test_it_says_what_the_gates_say(sent: Message, held: list[RegistryValue], text: str, recipient: str) -> None:
    """Of a message with that sender, route and time, whatever its text and recipient."""
    if sent.route.relay_id is None:
        return
    sent = msgspec.structs.replace(
        sent, recipient=recipient, content=msgspec.structs.replace(sent.content, text=text), ingested_at_ms=T,
        event_time_ms=T,
    )  # fmt: skip
    rows_ = view(*held)
    answer = verify(
        Question(
            sender=sent.sender.address, ton=sent.sender.ton, account=sent.route.account_id, chain=sent.route.chain,
            leg=sent.leg, channel=sent.channel, traffic_class=sent.traffic_class,
        ),
        sent.route.relay_id, rows_, POLICIES, KEYS, T,
    )  # fmt: skip
    checks = {c.name: c for c in run_checks(Case(sent, rows_, POLICIES.at(rows_, T))) if c.name not in NEEDS_MORE}
    assert set(answer.passed) == {n for n, c in checks.items() if c.outcome == "PASS"}
    assert {d.check for d in answer.doubts} == {n for n, c in checks.items() if c.outcome == "UNKNOWN"}
    failed = {(n, code) for n, c in checks.items() for code in c.codes}
    assert {(r.check, r.code) for r in answer.reasons} == failed
    decided = {(r.code, r.gate, r.mode) for r in decide(sent, rows_).reasons}
    assert {(r.code, r.gate, r.mode) for r in answer.reasons} <= decided
    assert (answer.standing == "invalid") == bool(failed)


CASES_OF: list[tuple[str, list[RegistryValue], dict[str, Any], tuple[str, ...]]] = [
    ("registered, its route", BANKS, {}, ("valid",)),
    ("registered, another's route of the caller", BANKS, {"caller": "relay-8"}, ("invalid", "SENDER_WRONG_ROUTE")),
    ("not registered, complete feed", BANKS, {"sender": "15990000"}, ("invalid", "SENDER_NOT_REGISTERED")),
    ("not registered, no feed", [relay()], {"sender": "15990000"}, ("unknown",)),
    ("registered, relay not on any list", [sender(relays=("relay-7",))], {}, ("valid",)),
    ("suspended registration", [sender(state="suspended"), relay()], {},
     ("invalid", "SENDER_REGISTRATION_SUSPENDED")),
    ("a person's number in service", [*alive(), relay(), number("active")],
     {"sender": PHONE, "traffic_class": "p2p"}, ("valid",)),
    ("a person's number out of service", [*alive(), relay(), number("terminated")],
     {"sender": PHONE, "traffic_class": "p2p"}, ("invalid", "NUMBER_TERMINATED")),
    ("an account alone", [*alive(), relay(), account()], {"sender": None, "account": "acct-1"}, ("valid",)),
    ("a suspended one", [*alive(), relay(), account(state="suspended")], {"sender": None, "account": "acct-1"},
     ("invalid", "ACCOUNT_SUSPENDED")),
    ("a reseller on no list, no feed", [relay()], {"sender": None, "chain": ("reseller-9",)}, ("unknown",)),
    ("nothing is asked", [], {"sender": None}, ("unknown",)),
    ("too old", BANKS, {"at_ms": T - KEEP_MS - 1}, ("unknown",)),
    ("just not too old", BANKS, {"at_ms": T - HOUR}, ("valid",)),
    ("not yet", BANKS, {"at_ms": T + HOUR}, ("unknown",)),
]  # fmt: skip


@pytest.mark.parametrize(("what", "held", "over", "expected"), CASES_OF, ids=[c[0] for c in CASES_OF])
def test_standing(what: str, held: list[RegistryValue], over: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert said(ask(view(*held), **over)) == expected


def test_a_route_in_doubt_is_not_valid() -> None:
    """The row binds at the account, and no account is named."""
    routes = Routes(mode="exclusive", relays=("relay-7",), accounts=("acct-1",))
    row = SenderRow(key=f"sender:kr:{BANK}", timeline=(SenderEntry(routes=routes),))
    held = view(*alive(), row, relay(), number("active", f"kr:{BANK}"), account())
    assert said(ask(held)) == ("unknown",)
    assert said(ask(held, account="acct-1")) == ("valid",)


def test_a_sanction_stands_against_a_sender_and_its_hands() -> None:
    held = view(*BANKS, account(), sanctions=[sanction(f"sender:kr:{BANK}#0")])
    assert said(ask(held)) == ("invalid", "R")
    assert said(ask(held, caller="relay-8", relay="relay-7")) == ("invalid",)
    hands = view(*BANKS, account(), sanctions=[sanction("account:acct-1")])
    assert said(ask(hands, sender=None, account="acct-1")) == ("invalid", "R")
    assert said(ask(hands)) == ("valid",)


@CASES
@given(rows, st.sampled_from(["relay-7", "relay-9"]), st.sampled_from([(), ("reseller-1",)]))
def test_about_anothers_route_nothing_depends_on_the_route(
    held: list[RegistryValue], relay_: str, chain: tuple[str, ...]
) -> None:
    hands = ("account:acct-1", "relay:relay-7", "relay:relay-9", "reseller:reseller-1")
    rows_ = view(*held, sanctions=[sanction(subject) for subject in hands])
    bare = ask(rows_, caller="relay-8", relay="relay-1")
    asked = ask(rows_, caller="relay-8", relay=relay_, chain=chain, account="acct-1")
    assert asked == bare
    assert (asked.reasons, asked.doubts, asked.passed, asked.policy, asked.read) == ((), (), (), None, None)


def test_a_senders_row_is_for_those_whom_its_owner_listed() -> None:
    held = view(sender(relays=("relay-7",), owner="org:1"), account(reseller="reseller-1"), reseller(parent="relay-7"))
    own = sender_facts(BANK, "relay-7", held, POLICIES, T)
    assert (own.key, own.registered, own.owner, own.mode) == (f"kr:{BANK}", True, "org:1", "exclusive")
    other = sender_facts(BANK, "relay-8", held, POLICIES, T)
    assert (other.key, other.registered, other.owner, other.mode) == (f"kr:{BANK}", None, None, None)
    assert other == sender_facts(BANK, "relay-8", view(), POLICIES, T)


def test_an_account_is_shown_to_its_own_relay_only() -> None:
    held = view(
        account(reseller="reseller-1"), reseller("reseller-1", parent="reseller-2"),
        reseller("reseller-2", parent="relay-7"),
    )  # fmt: skip
    found = account_facts("acct-1", "relay-7", held, POLICIES, T)
    assert found is not None and found.chain == ("reseller-2", "reseller-1")
    assert account_facts("acct-1", "relay-8", held, POLICIES, T) is None
    assert account_facts("acct-9", "relay-7", held, POLICIES, T) is None


def test_parents_in_a_circle_lead_nowhere() -> None:
    held = view(
        account(reseller="reseller-1"), reseller("reseller-1", parent="reseller-2"),
        reseller("reseller-2", parent="reseller-1"),
    )  # fmt: skip
    assert account_facts("acct-1", "relay-7", held, POLICIES, T) is None


def test_the_gates_may_find_more_in_the_message_itself() -> None:
    """What is valid here may still be blocked: the number that the network set is not known before."""
    held = view(*BANKS)
    sent = a2p(origin_number="01055502222", channel="mo", leg="origination")
    assert "ORIGIN_MISMATCH" in [r.code for r in decide(sent, held).reasons]
    assert "ORIGIN_MISMATCH" not in said(ask(held, channel="mo"))


@pytest.mark.parametrize(("mode", "standing"), [("BLOCK", "invalid"), ("OBSERVE", "valid")])
def test_a_partners_list_in_the_shadow_is_told_and_held_against_nobody(mode: str, standing: str) -> None:
    registry = (sender(relays=("relay-7",)), number("active", f"kr:{BANK}"), account())
    rows = (row(BUSINESS), manifest())
    answer = verify(
        Question(sender=BANK), "relay-7", view(*registry, blacklists=rows),
        policies({"modes": {"BLACKLISTED_SENDER": mode}}), KEYS, T,
    )  # fmt: skip
    assert (answer.standing, [(r.code, r.check, r.mode) for r in answer.reasons]) == (
        standing, [("BLACKLISTED_SENDER", "blacklist", mode)],
    )  # fmt: skip
