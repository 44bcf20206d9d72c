"""Subjects, pseudonyms and metering: who is named how, and what is counted."""

from typing import Any

import msgspec
import pytest

from streams.contracts.feeds import RegistryValue
from streams.engine.metering import Sums, metered
from streams.engine.pseudonym import Keys, input_hash, pseudonym, state_pseudonym
from streams.engine.subjects import is_business, sender_subject
from tests.engine.kit import BANK, KEYS, MINUTE, PHONE, T, a2p, case, decide, message, number, sanction, sender, view

OTHER = Keys("k2", b"q" * 32, b"s" * 32)


def test_pseudonyms() -> None:
    assert pseudonym(KEYS, PHONE) == pseudonym(KEYS, PHONE)
    assert pseudonym(KEYS, PHONE).startswith("~k1.")
    assert pseudonym(KEYS, PHONE) != pseudonym(KEYS, PHONE + "0")
    assert PHONE not in pseudonym(KEYS, PHONE)
    pseudonym(KEYS, "\ud83d")


def test_publication_keys_rotate_and_the_state_key_stays() -> None:
    assert pseudonym(OTHER, PHONE) != pseudonym(KEYS, PHONE)
    assert state_pseudonym(OTHER, PHONE) == state_pseudonym(KEYS, PHONE)
    assert input_hash(OTHER, b"x") != input_hash(KEYS, b"x")


CASES: list[tuple[str, list[RegistryValue], bool]] = [
    (BANK, [], True),
    ("My Bank", [], True),
    ("*123#", [], True),
    (PHONE, [], False),
    ("+12025550123", [], False),
    ("02-1588-1234", [], False),
    (PHONE, [sender(f"kr:{PHONE}")], True),
    (PHONE, [sender(f"kr:{PHONE}", class_="personal")], False),
    (PHONE, [sender(f"kr:{PHONE}", to_ms=T)], False),
]


@pytest.mark.parametrize(("address", "rows", "business"), CASES, ids=[f"{c[0]}-{len(c[1])}-{c[2]}" for c in CASES])
def test_who_is_published_in_clear(address: str, rows: list[RegistryValue], business: bool) -> None:
    judged = case(message(address), view(*rows))
    assert is_business(judged) is business
    assert sender_subject(judged, KEYS).startswith("sender:~") is not business


def test_a_subject_carries_the_owners_epoch() -> None:
    assert sender_subject(case(message(BANK), view(number("active", f"kr:{BANK}", owner_epoch=4))), KEYS).endswith("#4")


METERED: list[tuple[str, dict[str, Any], int]] = [
    ("allowed, termination leg", {}, 1),
    ("allowed, origination leg", {"leg": "origination"}, 0),
    ("blocked", {"event_id": "blocked"}, 0),
    ("into a group of 300", {"channel": "rcs", "group_chat": True, "group_size": 300}, 300),
]


@pytest.mark.parametrize(("what", "over", "count"), METERED, ids=[c[0] for c in METERED])
def test_what_is_metered(what: str, over: dict[str, Any], count: int) -> None:
    held = [sanction(f"sender:kr:{BANK}#0")] if what == "blocked" else []
    sums: Sums = {}
    metered(decide(a2p(**over), view(sanctions=held)), MINUTE, sums)
    assert sums.get((f"sender:kr:{BANK}#0", T // MINUTE, None), 0) == count
    assert sums.get(("relay:relay-7", T // MINUTE, None), 0) == count


def test_what_another_jurisdiction_judged_is_metered_as_such() -> None:
    sums: Sums = {}
    metered(msgspec.structs.replace(decide(a2p(), view()), jurisdiction="sg"), MINUTE, sums)
    assert sums == {(subject, T // MINUTE, "sg"): 1 for subject in (f"sender:kr:{BANK}#0", "relay:relay-7")}


def test_people_are_not_metered() -> None:
    sums: Sums = {}
    metered(decide(message(), view()), MINUTE, sums)
    assert sums == {}
