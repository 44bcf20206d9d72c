"""On what a registered sender's FAIL rests; a trial or a relief softens it to LABEL, never where a row speaks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.contracts.decisions import Decision
from streams.contracts.feeds import RegistryValue
from streams.contracts.messages import Message
from streams.contracts.policy import PolicyEntry, PolicyRow
from streams.contracts.registry import BlockRow
from streams.contracts.reputation import SanctionRow
from streams.engine.decide import Decider
from streams.engine.policy import Policies
from streams.packs import shipped
from tests.engine.kit import (
    BANK,
    DAY,
    HOUR,
    KEYS,
    MINUTE,
    T,
    a2p,
    alive,
    block,
    decide,
    message,
    number,
    raw,
    relay,
    reseller,
    sanction,
    sender,
    view,
)

PAIR = f"pair:sender:kr:{BANK}>relay-7"
ENDED = {"to_ms": T - HOUR, "end_recorded_at_ms": T - HOUR}
LOST = sender(relays=("relay-7",), dropped_by="g2", **ENDED)
SERVICE = f"kr:{BANK}"


def relief(code: str = "SENDER_REGISTRATION_EXPIRED", subject: str = PAIR, **over: Any) -> SanctionRow:
    return sanction(subject, "RELIEF", codes=(code,), reason="FALSE_BLOCKS", **over)


def bases(found: Decision) -> dict[str, str | None]:
    return {r.code: r.basis for r in found.reasons if r.gate == "forgery"}


def modes(found: Decision) -> dict[str, str]:
    return {r.code: r.mode for r in found.reasons}


def flipped(then: Any, now: Any) -> BlockRow:
    """A block whose two newest generations say these states of the bank's number."""
    new, old = block(now, SERVICE, T - HOUR), block(then, SERVICE, T - DAY)
    return msgspec.structs.replace(new, previous=old.current)


EXPIRED, TERMINATED, UNALLOCATED = "SENDER_REGISTRATION_EXPIRED", "NUMBER_TERMINATED", "NUMBER_UNALLOCATED"
BOUND = sender(relays=("relay-7",))


@pytest.mark.parametrize(
    ("rows", "code", "basis"),
    [
        pytest.param([LOST], EXPIRED, "generation", id="a row that an import lost"),
        pytest.param([sender(**ENDED)], EXPIRED, "row", id="an end that somebody stated"),
        pytest.param([sender(to_ms=T - HOUR)], EXPIRED, "row", id="a registration that lapsed"),
        pytest.param(
            [sender(state="suspended", dropped_by="g2", **ENDED)], EXPIRED, "row", id="suspended, then no longer listed"
        ),
        pytest.param(
            [sender(dropped_by="g2", to_ms=T - 31 * DAY, end_recorded_at_ms=T - 31 * DAY)],
            EXPIRED, "row", id="lost longer ago than the breaker remembers",
        ),
        pytest.param([sender(state="suspended")], "SENDER_REGISTRATION_SUSPENDED", "row", id="suspended"),
        pytest.param([], "SENDER_NOT_REGISTERED", "absence", id="no row at all"),
        pytest.param([BOUND, flipped("active", "terminated")], TERMINATED, "generation", id="terminated since then"),
        pytest.param([BOUND, flipped("terminated", "terminated")], TERMINATED, "row", id="two generations agree"),
        pytest.param([BOUND, block("terminated", SERVICE)], TERMINATED, "row", id="the only generation says so"),
        pytest.param(
            [BOUND, flipped("active", "terminated"), number("terminated", SERVICE, to_ms=T - HOUR)],
            TERMINATED, "row", id="a row said so before it was folded into the block",
        ),
        pytest.param([BOUND, flipped("active", "unallocated")], UNALLOCATED, "generation", id="allocated until then"),
        pytest.param([BOUND, block("unallocated", SERVICE)], UNALLOCATED, "absence", id="never allocated"),
        pytest.param([BOUND, number("suspended", SERVICE)], "NUMBER_SUSPENDED", "row", id="the number's own row"),
        pytest.param([sender(relays=("relay-9",))], "SENDER_WRONG_ROUTE", "row", id="an unseen route"),
    ],
)  # fmt: skip
def test_what_a_fail_rests_on(rows: list[RegistryValue], code: str, basis: str) -> None:
    served = [] if any(isinstance(r, BlockRow) for r in rows) else [block("active", SERVICE)]
    found = decide(a2p(), view(*alive(), relay(), *served, *rows))
    assert bases(found) == {code: basis}
    assert found.verdict == "BLOCK"


def test_nothing_is_said_of_persons() -> None:
    found = decide(message(), view(*alive(), number("suspended")))
    assert bases(found) == {"NUMBER_SUSPENDED": None}
    assert b"basis" not in raw(found)


def test_a_mobile_number_of_a_business_stays_in_clear_when_a_list_has_lost_it() -> None:
    lost = sender("kr:01055501111", relays=("relay-7",), dropped_by="g2", **ENDED)
    found = decide(a2p("01055501111"), view(*alive(), relay(), block("active"), lost))
    assert (found.sender.key, bases(found)) == ("kr:01055501111", {EXPIRED: "generation"})
    ended = sender("kr:01055501111", relays=("relay-7",), **ENDED)
    assert decide(a2p("01055501111"), view(*alive(), relay(), block("active"), ended)).sender.key.startswith("~")


@pytest.mark.parametrize(
    "row",
    [
        sanction("account:acct-1", authority="regulator"),
        sanction("account:acct-1"),
        sanction("relay:relay-7", "THROTTLE"),
    ],
    ids=["a directive", "a sanction", "a throttle"],
)
def test_a_message_that_is_stopped_anyway_is_no_false_block(row: SanctionRow) -> None:
    sent = a2p(route={"account_id": "acct-1"}, leg="origination")
    assert bases(decide(sent, view(*alive(), LOST, block("active", SERVICE), sanctions=[row]))) == {EXPIRED: "row"}


def test_neither_is_one_of_an_expelled_reseller() -> None:
    held = [*alive(), LOST, block("active", SERVICE), relay(), reseller(to_ms=T - HOUR)]
    found = decide(a2p(route={"chain": ("reseller-1",)}), view(*held, sanctions=[relief()]))
    assert bases(found) == {EXPIRED: "row"}
    assert found.verdict == "BLOCK"
    assert modes(found)[EXPIRED] == "BLOCK"


def timeline(second_from: int, **pack: Any) -> PolicyRow:
    entries = (
        PolicyEntry(profile="enforce", version=1),
        PolicyEntry(profile="enforce", version=2, from_ms=second_from, recorded_at_ms=second_from, pack=pack),
    )
    return PolicyRow(jurisdiction="kr", timeline=entries)


def under(row: PolicyRow, sent: Message, *rows: RegistryValue, sanctions: tuple[SanctionRow, ...] = ()) -> Decision:
    return Decider(Policies(shipped(), "kr"), KEYS).decide(
        sent, raw(sent), view(*alive(), relay(), block("active", SERVICE), *rows, published=row, sanctions=sanctions)
    )


NOT_ON_MT = {"grammar": {"allowed": {"mt": ["mobile"]}}}


def test_a_fail_that_the_policy_before_did_not_see_rests_on_the_policy() -> None:
    kind = "SENDER_KIND_NOT_ALLOWED"
    assert bases(under(timeline(T - HOUR, **NOT_ON_MT), a2p(), BOUND)) == {kind: "policy"}
    assert bases(under(timeline(T - 31 * DAY, **NOT_ON_MT), a2p(), BOUND)) == {kind: "row"}
    eased = under(timeline(T - HOUR, **NOT_ON_MT), a2p(), BOUND, sanctions=(relief(kind),))
    assert (eased.verdict, eased.action) == ("ALLOW", "LABEL")


def test_a_fail_that_both_policies_see_does_not() -> None:
    assert bases(under(timeline(T - HOUR, label="other"), a2p(relay="relay-8"), BOUND))["SENDER_WRONG_ROUTE"] == "row"


def test_what_a_generation_has_just_dropped_is_labelled_until_the_breaker_had_its_time() -> None:
    new = sender(relays=("relay-7",), dropped_by="g2", to_ms=T - 20_000, end_recorded_at_ms=T - 20_000)
    held = [*alive(), relay(), block("active", SERVICE), new]
    found = decide(a2p(), view(*held))
    assert (found.verdict, found.action, modes(found)) == ("ALLOW", "LABEL", {EXPIRED: "LABEL"})
    assert found.checks[-1].evidence == {"dropped_by": "g2", "trial": True}
    assert found.leak is None  # who lost the row is us, not the relay
    assert decide(a2p(event_time_ms=T + 10_000), view(*held)).verdict == "BLOCK"
    assert decide(a2p(), view(*held), {"breaker": {"trial_ms": 0}}).verdict == "BLOCK"


def test_an_end_that_was_stated_has_no_trial() -> None:
    new = sender(relays=("relay-7",), to_ms=T - 20_000, end_recorded_at_ms=T - 20_000)
    assert decide(a2p(), view(*alive(), relay(), block("active", SERVICE), new)).verdict == "BLOCK"


def test_absence_has_no_trial() -> None:
    """A fresh import of a register vouches for what it does not hold from its first millisecond."""
    new = alive("kr-sender-registry", since=T - 5_000)
    found = decide(
        a2p(), view(*alive("kr-service-status", "kr-certification"), *new, relay(), block("active", SERVICE))
    )
    assert (found.verdict, bases(found)) == ("BLOCK", {"SENDER_NOT_REGISTERED": "absence"})


HELD = [*alive(), relay(), block("active", SERVICE), LOST]


def test_a_relief_labels_and_the_decision_says_so() -> None:
    found = decide(a2p(), view(*HELD, sanctions=[relief()]))
    assert (found.verdict, found.action, found.won) == ("ALLOW", "LABEL", "default")
    assert [(r.code, r.gate, r.mode) for r in found.reasons] == [
        (EXPIRED, "forgery", "LABEL"), ("RELIEF", "own", "OBSERVE"),
    ]  # fmt: skip
    assert bases(found) == {EXPIRED: "generation"}  # the outcome before relief
    assert found.checks[-1].evidence == {"dropped_by": "g2", "relief": "s1"}
    assert found.shadow is None
    assert found.leak is None


@pytest.mark.parametrize(
    "other",
    [
        relief("NUMBER_TERMINATED"),
        relief(subject=f"pair:sender:kr:{BANK}>relay-8"),
        relief(subject="pair:sender:kr:15880000>relay-7"),
        relief(to_ms=T),
        relief(from_ms=T + 1),
        sanction(PAIR, "TEMP_BLOCK"),
    ],
    ids=["another code", "another relay", "another sender", "over", "not begun", "no relief"],
)
def test_a_relief_eases_its_code_on_its_pair_in_its_time(other: SanctionRow) -> None:
    found = decide(a2p(), view(*HELD, sanctions=[other]))
    assert (found.verdict, modes(found)) == ("BLOCK", {EXPIRED: "BLOCK"})


def test_once_a_row_speaks_the_relief_is_void() -> None:
    """An expulsion that is written down while a relief stands blocks at once."""
    lost = LOST.timeline[0]
    expelled = msgspec.structs.replace(
        lost, version=2, to_ms=None, end_recorded_at_ms=None, dropped_by=None, state="suspended"
    )
    held = [*alive(), relay(), block("active", SERVICE), msgspec.structs.replace(LOST, timeline=(lost, expelled))]
    codes = ("SENDER_REGISTRATION_SUSPENDED", EXPIRED)
    row = sanction(PAIR, "RELIEF", codes=codes)
    found = decide(a2p(), view(*held, sanctions=[row]))
    assert (found.verdict, bases(found)) == ("BLOCK", {"SENDER_REGISTRATION_SUSPENDED": "row"})


def test_a_relief_never_makes_a_rule_stricter() -> None:
    found = decide(
        a2p(), view(*HELD, sanctions=[relief()]), {"modes": {EXPIRED: "OBSERVE"}, "enforce": {EXPIRED: "BLOCK"}}
    )
    assert (found.action, modes(found)[EXPIRED]) == ("DELIVER", "OBSERVE")


@pytest.mark.parametrize("minutes", [0, 5])
def test_relief_counts_by_event_time(minutes: int) -> None:
    row = relief(from_ms=T + 5 * MINUTE)
    sent = a2p(event_time_ms=T + minutes * MINUTE)
    assert decide(sent, view(*HELD, sanctions=[row])).verdict == ("BLOCK" if minutes < 5 else "ALLOW")
