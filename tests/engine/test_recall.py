"""What is recalled of a claim is what would be judged: whatever changed, at whatever time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contracts.base import encoder
from streams.contracts.feeds import Manifest, RegistryValue, key_of
from streams.contracts.messages import Message, Signalling
from streams.contracts.registry import NumberEntry, NumberRow, SenderEntry, SenderRow
from streams.contracts.reputation import SanctionRow
from streams.contracts.settings import SettingsEntry, SettingsRow, Wishes
from streams.engine.case import Case
from streams.engine.claims import judged
from streams.engine.decide import Decider
from streams.engine.policy import Policy
from streams.engine.pseudonym import person_key
from streams.engine.recall import Claims
from streams.replica.changes import Change
from streams.replica.memory import MemoryReplica
from tests.engine.kit import (
    BANK,
    DAY,
    HOUR,
    KEYS,
    MINUTE,
    PHONE,
    T,
    a2p,
    account,
    alive,
    beat,
    block,
    enforce,
    message,
    number,
    policies,
    policy,
    raw,
    relay,
    reseller,
    sanction,
    sender,
    view,
)
from tests.engine.properties import CASES, HERE, ROWS, messages

COMMON = [*alive(), sender(relays=("relay-7",)), relay(), block("active"), block("active", f"kr:{BANK}")]
CHANGES: list[RegistryValue | SanctionRow] = [
    *ROWS, number("active"), number("terminated", from_ms=T - DAY), sender(relays=("relay-8",)), relay(),
    account(state="suspended"), reseller(parent="reseller-9"), reseller("reseller-9"),
    sender(relays=("relay-7",), to_ms=T - HOUR, end_recorded_at_ms=T - HOUR, dropped_by="g2"),
    SenderRow(key=f"sender:kr:{BANK}", timeline=(SenderEntry(from_ms=T + MINUTE), SenderEntry(to_ms=T, version=2))),
    NumberRow(key="number:+821055501111", timeline=(NumberEntry(status="suspended", from_ms=T + 1, to_ms=T + HOUR),)),
    beat("kr-sender-registry", T - DAY, T + MINUTE, ("kr:sender",)), beat("kr-number-status", T - DAY, T),
    sanction(HERE, to_ms=T + MINUTE), sanction("relay:relay-7", from_ms=T + 1), sanction("reseller:reseller-9",
    authority="regulator"), sanction("account:acct-1", "WARN"),
]  # fmt: skip
TIMES = st.sampled_from([-DAY, -HOUR, -1, 0, 1, MINUTE - 1, MINUTE, HOUR, DAY, 31 * DAY]).map(lambda by: T + by)


def change(value: RegistryValue | SanctionRow, offset: int) -> Change:
    encoded = encoder().encode(value)
    if isinstance(value, SanctionRow):
        return Change("sanctions", 0, offset, value.subject, encoded)
    return Change("registry", value.partition if isinstance(value, Manifest) else 0, offset, key_of(value), encoded)


@settings(CASES, max_examples=200)
@given(
    st.lists(messages(), min_size=1, max_size=3),
    st.lists(st.one_of(st.sampled_from(CHANGES), TIMES), max_size=14),
)
def test_who_remembers_decides_as_who_judges_each_time(
    claimed: list[Message], steps: list[RegistryValue | SanctionRow | int]
) -> None:
    rows, offset, at = view(*alive()), 1000, T
    remembers, judges = Decider(policies(), KEYS), Decider(policies(), KEYS, recall=0)
    for step in [T, T, *steps, T + 2]:
        if not isinstance(step, int):
            rows.apply([change(step, offset := offset + 1)])
        else:
            at = step
        for claim in claimed:
            sent = msgspec.structs.replace(claim, event_time_ms=at, ingested_at_ms=at)
            assert raw(remembers.decide(sent, b"", rows)) == raw(judges.decide(sent, b"", rows))


def asked(sent: Message, rows: MemoryReplica, policy_: Policy | None = None) -> Case:
    return Case(sent, rows, policy_ or enforce())


def remembered(sent: Message, rows: MemoryReplica) -> tuple[Claims, Any]:
    """A memory that has met the claim, kept it and recalled it."""
    claims = Claims(KEYS, 8)
    if sent.traffic_class == "p2p":  # who writes once is not kept
        claims.of(asked(sent, rows))
        assert len(claims) == 0
    kept = claims.of(asked(sent, rows))
    assert claims.of(asked(sent, rows)) is kept
    return claims, kept


@pytest.mark.parametrize("sent", [message(), a2p(), a2p(relay="relay-9")], ids=["person", "bank", "forged"])
def test_the_same_claim_is_judged_once_and_recalled_with_what_it_read(sent: Message) -> None:
    rows = view(*COMMON)
    claims, _ = remembered(sent, rows)
    again, alone = asked(sent, rows), asked(sent, rows)
    claims.of(again)
    judged(alone, KEYS)
    assert (again.keys_read(), again.versions_read()) == (alone.keys_read(), alone.versions_read())
    assert again.number() == alone.number()


def test_what_is_read_behind_a_recalled_claim_is_named_behind_it_once() -> None:
    sent = a2p(text="a text with a campaign of its own")
    asks = SettingsEntry(request_id="r1", version=7, wishes=Wishes())
    set_ = SettingsRow(recipient=person_key(KEYS, sent.recipient), timeline=(asks,))
    rows = view(*COMMON, sanctions=[sanction("relay:relay-7", "OBSERVE")], settings=[set_])
    remembers, judges = Decider(policies(), KEYS), Decider(policies(), KEYS, recall=0)
    alone = judges.decide(sent, b"", rows)
    assert alone.versions.read.endswith(",7")
    for _ in range(3):
        assert raw(remembers.decide(sent, b"", rows)) == raw(alone)


def test_text_recipient_and_time_are_no_part_of_a_claim() -> None:
    rows = view(*COMMON)
    claims, kept = remembered(a2p(), rows)
    other = a2p(event_id="e2", text="another", recipient="821055500001", event_time_ms=T + 1)
    assert claims.of(asked(other, rows)) is kept


APART: list[tuple[str, Message, dict[str, Any]]] = [
    ("another relay", a2p(relay="relay-8"), {}),
    ("another leg", a2p(leg="origination"), {}),
    ("another channel", a2p(channel="rcs"), {}),
    ("another purpose", a2p(purpose="advertising"), {}),
    ("a signalled one", a2p(signalling=Signalling(sri_seen=True)), {}),
    ("another policy", a2p(), {"policy_": policy("observe")}),
]


@pytest.mark.parametrize(("what", "sent", "over"), APART, ids=[c[0] for c in APART])
def test_what_differs_is_judged(what: str, sent: Message, over: dict[str, Any]) -> None:
    rows = view(*COMMON)
    claims, kept = remembered(a2p(), rows)
    assert claims.of(asked(sent, rows, **over)) is not kept


def test_another_view_is_asked_itself() -> None:
    rows = view(*COMMON)
    claims, kept = remembered(a2p(), rows)
    assert claims.of(asked(a2p(), view(*COMMON))) is not kept


def test_a_heartbeat_that_only_goes_on_changes_nothing() -> None:
    rows = view(*alive(), relay())
    claims, kept = remembered(a2p(), rows)
    rows.apply([change(beat("kr-sender-registry", T - DAY, T + 2 * DAY, ("kr:sender",)), 900)])
    assert claims.of(asked(a2p(), rows)) is kept
    rows.apply([change(beat("kr-sender-registry", T - DAY, T, ("kr:sender",)), 901)])
    assert claims.of(asked(a2p(), rows)) is not kept


def test_a_grace_that_runs_is_judged_each_time() -> None:
    rows = view(*alive(), number("terminated", from_ms=T - DAY + 1))
    claims = Claims(KEYS, 8)
    for _ in range(3):
        assert "status" in claims.of(asked(message(), rows)).passed
    later = message(event_time_ms=T + 1, ingested_at_ms=T + 1)
    assert "status" not in claims.of(asked(later, rows)).passed


def test_a_lost_registration_is_judged_each_time() -> None:
    lost = sender(f"kr:{PHONE}", class_="business", to_ms=T - DAY, end_recorded_at_ms=T - DAY, dropped_by="g2")
    rows, sent = view(*alive(), lost, block("active")), message()
    claims = Claims(KEYS, 8)
    for _ in range(3):
        assert claims.of(asked(sent, rows)).sender.key == f"kr:{PHONE}"
    forgotten = T + enforce().pack.breaker.memory_days * DAY
    later = message(event_time_ms=forgotten, ingested_at_ms=forgotten)
    assert claims.of(asked(later, rows)).sender.key.startswith("~")


def test_our_own_failure_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, claims = view(*COMMON), Claims(KEYS, 8)
    monkeypatch.setattr(MemoryReplica, "lookalikes", lambda self, skeleton: 1 / 0)
    named = a2p("My Bank")
    for _ in range(3):
        assert any(check.gate == "own" for check in claims.of(asked(named, rows)).checks)
    monkeypatch.undo()
    assert all(check.gate != "own" for check in claims.of(asked(named, rows)).checks)


#: Of a message, what a claim may rest on: its name, what tells time and jurisdiction, and what is never recalled.
CLAIMED = (
    "sender", "route", "leg", "channel", "traffic_class", "purpose", "origin_number", "origin_id",
    "event_time_ms", "ingested_at_ms", "jurisdiction", "signalling",
)  # fmt: skip


@settings(CASES, max_examples=100)
@given(messages(), st.lists(st.sampled_from(ROWS), unique_by=key_of))
def test_a_claim_rests_on_nothing_else_of_the_message(sent: Message, rows: list[RegistryValue]) -> None:
    bare = cast("Message", SimpleNamespace(**{name: getattr(sent, name) for name in CLAIMED}))
    held = view(*alive(), *rows)
    found, whole = judged(asked(bare, held), KEYS), judged(asked(sent, held), KEYS)
    assert found == whole
    assert all(check.gate != "own" for check in found.checks)


def test_no_more_is_held_than_was_asked_for() -> None:
    rows, claims = view(*COMMON), Claims(KEYS, 4)
    for n in range(200):
        for _ in range(2):
            claims.of(asked(a2p(relay=f"relay-{n}"), rows))
    assert len(claims) <= 8
