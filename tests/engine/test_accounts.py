"""Senders that are accounts: ott and rich messaging. Same reports, sanctions and own lists; no number plan."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.contracts.decisions import Decision
from streams.contracts.messages import Message
from streams.contracts.registry import InstitutionEntry, InstitutionRow
from streams.contracts.settings import SettingsEntry, SettingsRow, Wishes
from streams.engine.accounts import account, sender_of
from streams.engine.attribution import attribute
from streams.engine.deliveries import Coverage, Memo, join
from streams.engine.directing import case_of
from streams.engine.pseudonym import state_pseudonym
from streams.engine.recipient import listed_key, recipient_key
from streams.engine.subjects import sender_subject
from tests.engine.kit import KEYS, T, decide, enforce, message, number, policies, report, sanction, sender, view

GRAMMAR = enforce().pack.grammar

ACCOUNTS = [
    # channel, address, origin id, kind, key
    ("ott", "@Duru", "talk:duru", "handle", "kr:ott:talk:duru"),
    ("ott", "Duru from the market", "talk:Duru", "handle", "kr:ott:talk:duru"),
    ("ott", "@duru", "pixel:duru", "handle", "kr:ott:pixel:duru"),
    ("ott", "@duru", None, "handle", "kr:ott:-:duru"),
    ("ott", "01055501111", "talk:01055501111", "handle", "kr:ott:talk:01055501111"),
    ("ott", "01055501111", None, "handle", "kr:ott:-:01055501111"),
    ("ott", "+821055501111", None, "handle", "kr:ott:-:+821055501111"),
    ("ott", "15881234", None, "handle", "kr:ott:-:15881234"),
    ("ott", "x", "Mail:Anna@Example.com", "email", "kr:ott:mail:anna@example.com"),
    ("ott", "x", "store:com.example.shop", "app", "kr:ott:store:com.example.shop"),
    ("ott", "x", "talk:anna.b.c", "handle", "kr:ott:talk:anna.b.c"),
    ("ott", "x", "talk:a:b", "handle", "kr:ott:talk:a:b"),
    ("ott", "\uff20\uff24uru", None, "handle", "kr:ott:-:duru"),
    ("ott", "", None, "malformed", "kr:malformed:"),
    ("ott", "x", "talk:", "malformed", "kr:malformed:talk:"),
    ("ott", "a\x00b", None, "malformed", "kr:malformed:a\x00b"),
    ("ott", "a" * 65, None, "malformed", "kr:malformed:" + "a" * 64),
    ("rcs", "My Shop", None, "alphanumeric", "kr:alnum:my shop"),
    ("rcs", "01055501111", None, "mobile", "kr:01055501111"),
    ("rcs", "shop@bot.example.com", None, "email", "kr:ott:-:shop@bot.example.com"),
    ("rcs", "My Shop", "rcs:shop@bot.example.com", "email", "kr:ott:rcs:shop@bot.example.com"),
    ("mt", "01055501111", "talk:duru", "mobile", "kr:01055501111"),
]


@pytest.mark.parametrize(("channel", "address", "origin_id", "kind", "key"), ACCOUNTS)
def test_accounts(channel: str, address: str, origin_id: str | None, kind: str, key: str) -> None:
    found = sender_of(channel, address, None, origin_id, GRAMMAR)
    assert (found.kind, found.key) == (kind, key)
    if key.startswith("kr:ott:"):
        assert (found.number, found.word, found.personal) == (None, None, kind != "app")


def test_an_account_without_a_character_is_none() -> None:
    assert account("\ud83d", GRAMMAR).kind == "malformed"
    account("\ud83d", GRAMMAR).key.encode()


def ott(address: str = "@duru", origin_id: str | None = "talk:duru", **over: Any) -> Message:
    fields = {"channel": "ott", "origin_number": None, "origin_id": origin_id, "route": {"relay_id": "relay-t"}}
    return message(address, **(fields | over))


def codes(found: Decision) -> list[str]:
    return [r.code for r in found.reasons]


def person(key: str) -> str:
    return f"sender:{state_pseudonym(KEYS, key)}#0"


def test_a_ban_is_one_platforms() -> None:
    at = view(sanctions=[sanction(person("kr:ott:talk:duru"))])
    assert decide(ott(), at).action == "REJECT"
    assert decide(ott("Somebody", "talk:DURU"), at).action == "REJECT", "the name on display is no way out"
    assert decide(ott(origin_id="pixel:duru"), at).action == "DELIVER"
    assert decide(ott(origin_id=None), at).action == "DELIVER"


def test_digits_are_no_phone_number() -> None:
    """A number that is terminated says nothing about a handle that looks like it, nor does a ban of the number."""
    at = view(number("terminated"), sanctions=[sanction(person("kr:01055501111"))])
    found = decide(ott("01055501111", "talk:01055501111"), at)
    assert (found.action, found.sender.kind, codes(found)) == ("DELIVER", "handle", [])
    assert {"allocation", "status", "do-not-originate"}.isdisjoint({*found.passed, *(c.check for c in found.checks)})


def test_a_persons_account_is_never_published_in_clear() -> None:
    raw = msgspec.json.encode(decide(ott("@duruduru", "talk:duruduru"), view()))
    assert b"duruduru" not in raw
    assert b"com.example.shop" in msgspec.json.encode(decide(ott("x", "store:com.example.shop"), view()))


@pytest.mark.parametrize(
    ("address", "origin_id", "answer"),
    [
        ("@duru", "talk:duru", "PASS"),
        ("Duru", "talk:u8371", "PASS"),  # a name on display is a name
        ("@duru", "talk:u8371", "ORIGIN_MISMATCH"),  # an @ says which account it is
        ("duru@example.com", "mail:other@example.com", "ORIGIN_MISMATCH"),
        ("duru@example.com", "mail:Duru@Example.com", "PASS"),
        ("@duru", None, "UNKNOWN"),
    ],
)
def test_origin(address: str, origin_id: str | None, answer: str) -> None:
    found = decide(ott(address, origin_id), view())
    said = {c.check: c.outcome for c in found.checks} | dict.fromkeys(found.passed, "PASS")
    assert (codes(found) or [said["origin"]])[0] == answer


def test_an_institutions_name_beside_an_account() -> None:
    entry = InstitutionEntry(names=("National Tax",), owner="org:1")
    tax = InstitutionRow(key="institution:kr:tax", timeline=(entry,))
    named = ott("N\u0430tional T\u0430x", "talk:tax-refund")
    known = "kr:ott:talk:tax-refund"
    assert codes(decide(named, view(tax))) == [], "nobody knows whose account it is"
    assert codes(decide(named, view(tax, sender(known, owner="org:9")))) == ["INSTITUTION_IMPERSONATED"]
    assert codes(decide(named, view(tax, sender(known, owner="org:1")))) == []


def test_reports_count_against_the_account_that_the_platform_set() -> None:
    told = report(displayed_sender="Duru", channel="ott", origin_id="talk:duru", text="join my room now please",
                  route={"relay_id": "relay-t"})  # fmt: skip
    subjects = {(v.subject, v.basis) for v in attribute(told, view(), policies(), KEYS)}
    assert (person("kr:ott:talk:duru"), "count") in subjects
    unproved = msgspec.structs.replace(told, origin_id=None)
    assert not [v for v in attribute(unproved, view(), policies(), KEYS) if v.subject.startswith("sender:")]
    forged = msgspec.structs.replace(told, displayed_sender="@anna")
    assert not [v for v in attribute(forged, view(), policies(), KEYS) if v.subject.startswith("sender:")]


def test_a_report_finds_the_message_of_the_account() -> None:
    sent = ott()
    delivery = Memo(policies(), KEYS).delivery(sent, decide(sent, view()), view())
    assert delivery is not None
    told = report(displayed_sender="Duru", channel="ott", origin_id="talk:Duru", reporter=sent.recipient)
    pack = policies().default.pack
    assert join(told, [delivery], Coverage(), pack, KEYS).event_id == "e1"
    other = msgspec.structs.replace(told, origin_id="pixel:duru")
    assert join(other, [delivery], Coverage(), pack, KEYS).event_id is None


def test_a_recipient_blocks_an_account_as_it_is_written_down() -> None:
    own = recipient_key("821055509999", GRAMMAR, KEYS)
    key = listed_key("ott:talk:Duru", GRAMMAR, KEYS)
    assert key == state_pseudonym(KEYS, "kr:ott:talk:duru")
    row = SettingsRow(recipient=own, timeline=(SettingsEntry(request_id="r1", wishes=Wishes(block=(key,))),))
    at = view(settings=[row])
    assert codes(decide(ott(), at)) == ["RECIPIENT_BLOCKED"]
    assert codes(decide(ott(origin_id="pixel:duru"), at)) == []


def test_an_order_names_an_account() -> None:
    assert sender_subject(case_of("ott:talk:Duru", T, view(), policies()), KEYS) == person("kr:ott:talk:duru")
