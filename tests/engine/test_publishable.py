"""What goes onto our own blacklist, and what never does."""

from __future__ import annotations

from typing import Any

import pytest

from streams.contracts.reports import Scope
from streams.contracts.reputation import AppealState, SanctionRow
from streams.engine.pseudonym import partner_pseudonym, state_pseudonym
from streams.engine.publishable import Ours, Published, publishable
from tests.engine.kit import DAY, HOUR, KEYS, PHONE, T, account, number, policies, sanction, sender, view

SHARED = b"k" * 32
SHOP = "sender:kr:15881234#0"
MAN = f"sender:{state_pseudonym(KEYS, 'kr:' + PHONE)}#0"
HOST = "host:prizes.example"
E164 = "+821055501111"


def published(*rows: SanctionRow, values: Any = (), **over: Any) -> Published:
    fields: dict[str, Any] = {
        "counts": {}, "people": {state_pseudonym(KEYS, "kr:" + PHONE): PHONE}, "partner_key": SHARED, "imported": {},
        "named": (), "keys": (SHARED,),
    }  # fmt: skip
    return publishable(rows, Ours(**(fields | over)), view(*values), policies(), T, 30 * DAY)


def block(subject: str = SHOP, step: str = "BLOCK", **over: Any) -> SanctionRow:
    fields = {"sanction_id": "s1", "from_ms": T - DAY, "recorded_at_ms": T - DAY, "reason": "FRAUD"} | over
    return sanction(subject, step, **fields)


def names(found: Published) -> list[str]:
    return [entry.subject for entry in found.entries]


def why(found: Published) -> str:
    """Why nothing was published."""
    assert not found.entries
    return " ".join(found.withheld)


def appeal(outcome: str | None, **over: Any) -> dict[str, Any]:
    state = AppealState(appeal_id="a", filed_at_ms=T - HOUR, decide_by_ms=T + DAY, outcome=outcome, **over)  # type: ignore[arg-type]  # one of its outcomes
    return {"appeals": (state,)}


@pytest.mark.parametrize(
    ("row", "grounds"),
    [
        (block(), "person"),
        (block(step="TEMP_BLOCK", authority="regulator"), "regulator"),
        (block(authority="regulator", **appeal(None)), "regulator"),
        (block(step="TEMP_BLOCK", appeal_until_ms=T + DAY, **appeal("refused")), "appeal_refused"),
        (block(step="TEMP_BLOCK", appeal_until_ms=T), "unappealed"),
        (block(scope=Scope(legs=("termination",))), "person"),
    ],
)
def test_what_is_confirmed_is_published_with_its_grounds(row: SanctionRow, grounds: str) -> None:
    (entry,) = published(row).entries
    assert (entry.subject, entry.grounds, entry.observed_at_ms) == ("sender:kr:15881234", grounds, T - DAY)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (block(step="TEMP_BLOCK", appeal_until_ms=T + 1), "not confirmed"),
        (block(step="TEMP_BLOCK"), "not confirmed"),
        (block(**appeal(None)), "appeal open"),
        (block(**appeal("refused", paused_from_ms=T - 1)), ""),
        (block(step="THROTTLE"), ""),
        (block(step="WARN"), ""),
        (block(to_ms=T), ""),
        (block(from_ms=T + 1), ""),
        (block(recorded_at_ms=T + 1), ""),
        (block(scope=Scope(purpose="advertising")), "part of the service only"),
        (block(scope=Scope(channels=("rcs",))), "part of the service only"),
        (block("relay:relay-1"), "relays mean nothing to partners"),
        (block("campaign:relay-1×00ff"), "campaigns mean nothing to partners"),
        (block("host:bit.ly"), "host that strangers share"),
        (block("sender:kr:15881234#1"), "number has changed hands"),
    ],
)
def test_an_accusation_a_part_or_what_partners_cannot_match_is_not(row: SanctionRow, reason: str) -> None:
    assert why(published(row)) == reason


def test_counts_and_the_earlier_end_go_with_it() -> None:
    (entry,) = published(block(to_ms=T + HOUR), counts={SHOP: {"10d": 12}}).entries
    assert (entry.counts, entry.expires_ms) == ({"10d": 12}, T + HOUR)


@pytest.mark.parametrize(("days", "ahead"), [(0, 30), (1, 29), (14, 16), (15, 30), (400, 20)])
def test_what_has_no_end_stands_for_a_while_that_is_prolonged_in_steps(days: int, ahead: int) -> None:
    since = T - days * DAY
    assert published(block(from_ms=since, recorded_at_ms=since)).entries[0].expires_ms == T + ahead * DAY


def test_people_stand_under_the_partners_key_and_businesses_and_hosts_in_clear() -> None:
    found = published(block(SHOP), block(MAN), block(HOST))
    assert names(found) == [HOST, f"person:{partner_pseudonym(SHARED, E164)}", "sender:kr:15881234"]
    assert why(published(block(MAN), partner_key=None)).startswith("person")
    assert why(published(block(MAN), people={})) == "no subscriber of ours"


def test_a_number_that_was_given_to_somebody_else_is_not_published() -> None:
    assert why(published(block(MAN), values=[number("active", owner_epoch=1)])) == "number has changed hands"


def test_a_sender_that_several_owners_use_is_not_published() -> None:
    assert why(published(block(SHOP), values=[sender(shared=True)])) == "sender that several owners use"


@pytest.mark.parametrize(
    ("row", "over", "hit"),
    [
        (block(HOST), {"imported": {HOST: T - 2 * DAY}}, True),
        (block(HOST), {"imported": {HOST: T - 2 * DAY}, "counts": {HOST: {"10d": 3}}}, False),
        (block(HOST), {"imported": {HOST: T - HOUR}}, False),
        (block(HOST, authority="regulator"), {"imported": {HOST: T - 2 * DAY}}, False),
        (block(HOST, reference="blacklist:carrier-b/7"), {"counts": {HOST: {"10d": 3}}}, True),
        (block(HOST, reason="BLACKLISTED_HOST"), {}, True),
        (block(MAN), {"imported": {f"person:{partner_pseudonym(SHARED, E164)}": T - 2 * DAY}}, True),
    ],
)
def test_what_rests_on_a_partners_list_is_never_handed_on(row: SanctionRow, over: dict[str, Any], hit: bool) -> None:
    found = published(row, **over)
    assert (found.withheld["rests on a partner's list"], len(found.entries)) == ((1, 0) if hit else (0, 1))


def test_single_addresses_of_own_binds_whose_sender_nobody_knows() -> None:
    bind = account(owner="org:7", networks=("203.0.113.9/32", "198.51.100.0/29", "2001:db8::1/128"))
    row = block("account:acct-1")
    assert names(published(row, values=[bind])) == ["ip:2001:db8::1", "ip:203.0.113.9"]
    assert why(published(row)) == "account that is no bind of ours"
    assert why(published(row, values=[bind], named=("org:7",))) == "account whose sender is known"
    assert why(published(row, values=[bind], named=("acct-1",))) == "account whose sender is known"
    assert why(published(row, values=[account(networks=("198.51.100.0/29",))])) == "account without a single address"


def test_of_several_sanctions_on_one_subject_the_longest_speaks() -> None:
    short, long = block(step="TEMP_BLOCK", appeal_until_ms=T, to_ms=T + HOUR), block(reason="LONG", sanction_id="s2")
    both = SanctionRow(subject=SHOP, timeline=(*short.timeline, *long.timeline))
    assert [(e.reason, e.grounds) for e in published(both).entries] == [("LONG", "person")]
