"""A recipient's own rules at the message, and where they stand in the order of precedence."""

from typing import Any

import pytest

from streams.contracts.feeds import RegistryValue
from streams.contracts.settings import SettingsEntry, SettingsRow, Wishes
from streams.engine.pseudonym import pseudonym, state_pseudonym
from streams.engine.recipient import listed_key, recipient_key
from streams.engine.senders import classify
from tests.engine.kit import (
    BANK,
    HOUR,
    KEYS,
    PHONE,
    T,
    a2p,
    alive,
    allow,
    decide,
    enforce,
    message,
    number,
    raw,
    sender,
    view,
)

GRAMMAR = enforce().pack.grammar
ME = recipient_key("821055509999", GRAMMAR, KEYS)
FRIEND = listed_key(PHONE, GRAMMAR, KEYS)
SHOP = "kr:" + BANK
ROWS = (*alive(), number("active"))


def wishes(from_ms: int = T - HOUR, **set_: Any) -> SettingsRow:
    entry = SettingsEntry(request_id="r", wishes=Wishes(**set_), from_ms=from_ms, recorded_at_ms=T - HOUR)
    return SettingsRow(recipient=ME, timeline=(entry,))


def said(row: SettingsRow, *values: RegistryValue, **over: Any) -> tuple[str, str, tuple[str, ...]]:
    """Verdict, action and codes for a friend's message to me."""
    decision = decide(message(**over), view(*values, settings=[row]))
    return decision.verdict, decision.action, tuple(r.code for r in decision.reasons)


DELIVERED = ("ALLOW", "DELIVER", ())
DROPPED = ("BLOCK", "DROP", ("RECIPIENT_BLOCKED",))
CASES: list[tuple[str, dict[str, Any], dict[str, Any], tuple[str, str, tuple[str, ...]]]] = [
    ("nothing set", {}, {}, DELIVERED),
    ("a blocked sender", {"block": (FRIEND,)}, {}, DROPPED),
    ("blocked into the spam box", {"block": (FRIEND,), "block_action": "SPAM_BOX"}, {},
     ("ALLOW", "SPAM_BOX", ("RECIPIENT_BLOCKED",))),
    ("another is blocked", {"block": (SHOP,)}, {}, DELIVERED),
    ("to somebody else", {"block": (FRIEND,)}, {"recipient": "821055508888"}, DELIVERED),
    ("the recipient as a national number", {"block": (FRIEND,)}, {"recipient": "01055509999"}, DROPPED),
    ("leaving, not arriving", {"block": (FRIEND,)}, {"leg": "origination"}, DELIVERED),
    ("before it counts", {"block": (FRIEND,), "from_ms": T + 1}, {}, DELIVERED),
    ("allowed only", {"mode": "allow_only", "allow": (FRIEND,)}, {}, DELIVERED),
    ("allowed only, another", {"mode": "allow_only", "allow": (SHOP,)}, {},
     ("ALLOW", "SPAM_BOX", ("RECIPIENT_ALLOW_ONLY",))),
    ("allowed only, dropped", {"mode": "allow_only", "filter_action": "DROP"}, {},
     ("BLOCK", "DROP", ("RECIPIENT_ALLOW_ONLY",))),
    ("blocked and allowed", {"block": (FRIEND,), "allow": (FRIEND,)}, {}, DROPPED),
    ("a word in the text", {"keywords": ("대출",)}, {"text": "오늘만 대출"},
     ("ALLOW", "SPAM_BOX", ("RECIPIENT_KEYWORD",))),
    ("written otherwise", {"keywords": ("Big  Sale",)}, {"text": "the ｂｉｇ\nsale"},
     ("ALLOW", "SPAM_BOX", ("RECIPIENT_KEYWORD",))),
    ("not in the text", {"keywords": ("sale",)}, {"text": "hello"}, DELIVERED),
    ("a word of blanks", {"keywords": ("  ",)}, {"text": "hello you"}, DELIVERED),
    ("a friend may say anything", {"keywords": ("sale",), "allow": (FRIEND,)}, {"text": "sale"}, DELIVERED),
]  # fmt: skip


@pytest.mark.parametrize(("what", "set_", "over", "expected"), CASES, ids=[c[0] for c in CASES])
def test_rules(
    what: str, set_: dict[str, Any], over: dict[str, Any], expected: tuple[str, str, tuple[str, ...]]
) -> None:
    assert said(wishes(**set_), *ROWS, **over) == expected


def test_a_business_is_listed_in_clear_and_a_person_is_not() -> None:
    assert listed_key(BANK, GRAMMAR, KEYS) == SHOP
    assert PHONE not in FRIEND
    assert state_pseudonym(KEYS, f"kr:{PHONE}") == FRIEND


def test_a_business_is_blocked_by_its_name_also_where_its_number_is_of_a_persons_kind() -> None:
    for listed in (FRIEND, f"kr:{PHONE}"):
        assert said(wishes(block=(listed,)), *ROWS, sender(f"kr:{PHONE}"))[:2] == ("BLOCK", "DROP")


def test_unknown_senders_are_filtered_only_where_absence_is_proved() -> None:
    row = wishes(unknown=True)
    assert said(row, *ROWS)[2] == ("RECIPIENT_UNKNOWN_SENDER",)
    assert said(row) == DELIVERED
    found = decide(message(), view(settings=[row]))
    assert [c.outcome for c in found.checks if c.check == "recipient"] == ["UNKNOWN"]
    assert said(row, *ROWS, sender(f"kr:{PHONE}")) == DELIVERED
    assert said(wishes(unknown=True, allow=(FRIEND,)), *ROWS) == DELIVERED


def test_a_block_outranks_the_protected_list_but_no_emergency() -> None:
    bound = sender(SHOP, routes={"mode": "exclusive", "relays": ("relay-7",)})
    listed = {"routes": ("relay-7",), "to_ms": None}
    for rank, expected in (("protected", "BLOCK"), ("emergency", "ALLOW")):
        rows = view(bound, *ROWS, allow(rank=rank, **listed), settings=[wishes(block=(SHOP,))])
        assert decide(a2p(), rows).verdict == expected, rank


def test_neither_keyword_nor_list_is_shown() -> None:
    found = decide(message(text="a wonderful offer"), view(*ROWS, settings=[wishes(keywords=("wonderful",))]))
    assert found.reasons
    assert b"wonderful" not in raw(found)
    found = decide(message(), view(*ROWS, settings=[wishes(block=(FRIEND,))]))
    assert FRIEND[1:] not in raw(found).decode()
    assert ME[1:] not in raw(found).decode()


def test_whether_somebody_has_rules_is_not_shown_where_none_applied() -> None:
    without = decide(message(), view(*ROWS))
    within = decide(message(), view(*ROWS, settings=[wishes(block=(SHOP,))]))
    assert (without.passed, without.checks, without.won) == (within.passed, within.checks, within.won)


def test_the_version_of_the_settings_is_named() -> None:
    found = decide(message(), view(*ROWS, settings=[wishes(block=(FRIEND,))]))
    assert found.versions.read.endswith(",1")


def test_recipients_do_not_push_senders_out_of_what_is_remembered() -> None:
    remembered = (classify, pseudonym, state_pseudonym)
    asked = message(recipient="821055500000")
    decide(asked, view(*ROWS))
    before = [cache.cache_info().currsize for cache in remembered]
    for n in range(1, 20):
        decide(message(recipient=f"8210555{n:05d}"), view(*ROWS))
    assert [cache.cache_info().currsize for cache in remembered] == before
