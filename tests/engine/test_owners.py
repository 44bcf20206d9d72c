"""An expelled owner who registers again: a warning that names what matches, and never a block."""

from typing import Any

import msgspec
import pytest

from streams.contracts.base import encoder
from streams.contracts.feeds import RegistryValue
from streams.contracts.registry import ResellerRow
from streams.contracts.reports import Directive
from streams.contracts.reputation import SanctionRow
from streams.engine.consequences import act_on
from streams.engine.directing import direct
from streams.engine.owners import returned
from streams.engine.pseudonym import state_pseudonym
from streams.engine.registry import RowRefused, merge
from streams.engine.sanctioning import impose
from streams.replay.embedded import Embedded
from streams.replica.changes import Change
from tests.engine.kit import (
    DAY,
    HOUR,
    KEYS,
    MINUTE,
    T,
    a2p,
    account,
    decide,
    message,
    policies,
    policy,
    raw,
    relay,
    reseller,
    sanction,
    sender,
    view,
)

BUSINESS, PERSON, NUMBER, HINT = "business:1234567890", "owner:~k1a", "number:~k1b", "hint:~k1c"
OLD = reseller("old", owner_keys=(BUSINESS, PERSON, NUMBER, HINT))
EXPEL = Directive(reference="KCC-7", subject="reseller:old", act="expel", from_ms=T - DAY, recorded_at_ms=T - DAY)
ROW = impose(None, direct(EXPEL, view(), policies(), KEYS))


def matches(*rows: RegistryValue, row: SanctionRow = ROW) -> dict[str, dict[str, int]]:
    found = returned(row, view(OLD, *rows), T, MINUTE, KEYS)
    assert {f.step for f in found} <= {"WARN"}
    return {f.subject: f.counts for f in found}


CASES: list[tuple[str, RegistryValue, dict[str, int]]] = [
    ("same business", reseller("new", owner_keys=(BUSINESS,)), {"business": 1}),
    ("same person, number and hint", reseller("new", owner_keys=(HINT, NUMBER, PERSON)),
     {"hint": 1, "number": 1, "owner": 1}),
    ("an account", account("new", owner_keys=(PERSON, "owner:~other")), {"owner": 1}),
    ("a relay", relay("new", owner_keys=(BUSINESS,)), {"business": 1}),
    ("a sending account", sender("kr:ott:talk:duru", owner_keys=(BUSINESS, PERSON)), {"business": 1, "owner": 1}),
    ("a person's sending account", sender("kr:ott:talk:duru", class_="personal", owner_keys=(PERSON,)), {"owner": 1}),
    ("a sending account of another owner", sender("kr:ott:talk:duru", owner_keys=("owner:~other",)), {}),
    ("a sending account that is gone", sender("kr:ott:talk:duru", owner_keys=(PERSON,), to_ms=T), {}),
    ("a number under another kind", reseller("new", owner_keys=("hint:~k1b",)), {}),
    ("another owner", reseller("new", owner_keys=("business:9999999999",)), {}),
    ("nothing known", reseller("new"), {}),
    ("not registered any more", reseller("new", owner_keys=(BUSINESS,), to_ms=T), {}),
    ("not registered yet", reseller("new", owner_keys=(BUSINESS,), from_ms=T + 1), {}),
]  # fmt: skip


@pytest.mark.parametrize(("what", "row", "kinds"), CASES, ids=[c[0] for c in CASES])
def test_which_kinds_match(what: str, row: RegistryValue, kinds: dict[str, int]) -> None:
    assert list(matches(row).values()) == ([kinds] if kinds else [])


def test_keys_of_a_row_that_has_ended_still_tell_its_owner() -> None:
    ended = msgspec.structs.replace(OLD, timeline=(msgspec.structs.replace(OLD.timeline[0], to_ms=T - DAY),))
    assert [f.subject for f in returned(ROW, view(ended, reseller("new", owner_keys=(PERSON,))), T, MINUTE, KEYS)] == [
        "reseller:new"
    ]


@pytest.mark.parametrize(
    ("what", "orders"),
    [
        ("suspended, not expelled", (msgspec.structs.replace(EXPEL, act="suspend"),)),
        ("withdrawn", (EXPEL, msgspec.structs.replace(EXPEL, act="withdraw", version=2, from_ms=T, recorded_at_ms=T))),
        ("over", (msgspec.structs.replace(EXPEL, to_ms=T),)),
        ("not recorded yet", (msgspec.structs.replace(EXPEL, from_ms=T + 1, recorded_at_ms=T + 1),)),
    ],
)
def test_only_while_the_expulsion_stands(what: str, orders: tuple[Directive, ...]) -> None:
    row: SanctionRow | None = None
    for order in orders:
        row = impose(row, direct(order, view(), policies(), KEYS))
    assert row is not None
    assert matches(reseller("new", owner_keys=(BUSINESS,)), row=row) == {}


def test_found_again_it_is_the_same_finding() -> None:
    held = view(OLD, reseller("new", owner_keys=(BUSINESS,)))
    (first,), (second,) = returned(ROW, held, T, MINUTE, KEYS), returned(ROW, held, T + DAY, MINUTE, KEYS)
    assert first.finding_id == second.finding_id
    one = act_on(None, first, policy().pack)
    again = act_on(one.row, second, policy().pack)
    assert (again.row, again.notices) == (one.row, one.notices)
    assert one.notices[0].reference == "KCC-7 business"


@pytest.mark.parametrize("key", ["owner:01055501111", "number:+821055501111", "~k1a", "Hint:~x"])
def test_people_stand_there_as_pseudonyms_only(key: str) -> None:
    data = raw(OLD).replace(PERSON.encode(), key.encode())
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(data, type=ResellerRow)


@pytest.mark.parametrize("registered", ["before", "after"])
def test_a_carrier_is_warned_whichever_comes_first_and_nothing_is_blocked(registered: str) -> None:
    run = Embedded(policies({"epoch_ms": MINUTE}), KEYS)
    new = reseller("new", owner_keys=(BUSINESS, HINT), recorded_at_ms=T - DAY if registered == "before" else T)
    rows: list[Any] = [OLD, new]
    run.begin(T // MINUTE - 5)
    for value in rows[: 2 if registered == "before" else 1]:
        run.feed(value)
    run.directive(EXPEL)
    for epoch in range(T // MINUTE - 4, T // MINUTE + 5):
        run.begin(epoch)
        if epoch == T // MINUTE and registered == "after":
            run.feed(new)
    warned = [f for f in run.findings if f.source == "owner"]
    assert [(f.subject, f.step, f.reason, f.counts) for f in warned] == [
        ("reseller:new", "WARN", "OWNER_EXPELLED", {"business": 1, "hint": 1})
    ]
    sent = a2p(route={"chain": ("new",)}, event_time_ms=T + 4 * MINUTE, ingested_at_ms=T + 4 * MINUTE)
    assert run.message(sent, encoder().encode(sent)).verdict == "ALLOW"


@pytest.mark.parametrize(
    ("name", "class_", "subject"),
    [
        ("kr:ott:talk:duru", "business", "sender:kr:ott:talk:duru#0"),
        ("kr:ott:talk:duru", "personal", f"sender:{state_pseudonym(KEYS, 'kr:ott:talk:duru')}#0"),
        ("kr:ott:talk:com.example.shop", "personal", "sender:kr:ott:talk:com.example.shop#0"),
    ],
)
def test_an_account_is_warned_under_the_name_that_gates_look_for(name: str, class_: str, subject: str) -> None:
    held = view(OLD, sender(name, mode="open", class_=class_, owner_keys=(BUSINESS,)))
    (found,) = returned(ROW, held, T, MINUTE, KEYS)
    assert (found.subject, found.reason, found.reference) == (subject, "OWNER_EXPELLED", "KCC-7 business")
    held.apply([Change("sanctions", 0, 0, subject, encoder().encode(sanction(subject)))])
    platform, id_ = name.split(":", 2)[2].split(":")
    sent = message(f"@{id_}", channel="ott", origin_id=f"{platform}:{id_}", event_time_ms=T + HOUR)
    assert decide(sent, held).verdict == "BLOCK", "what stands under this name holds for the account"


BANNED = sender("kr:ott:talk:duru", owner_keys=(HINT, PERSON))


@pytest.mark.parametrize(
    ("what", "ban", "kinds"),
    [
        ("for good", {}, [{"hint": 1}]),
        ("over", {"to_ms": T}, []),
        ("not recorded yet", {"recorded_at_ms": T + 1}, []),
        ("a warning", {"step": "WARN"}, []),
        ("reported, not judged", {"step": "TEMP_BLOCK"}, []),
    ],
)
def test_who_was_banned_and_is_back_under_another_account(
    what: str, ban: dict[str, Any], kinds: list[dict[str, int]]
) -> None:
    row = sanction("sender:kr:ott:talk:duru#0", **({"step": "BLOCK", "reference": "desk-7"} | ban))
    held = view(BANNED, sender("kr:ott:pixel:nalgae", owner_keys=(HINT,)))
    found = returned(row, held, T, MINUTE, KEYS)
    assert [f.counts for f in found] == kinds
    assert {(f.subject, f.reason, f.step, f.reference) for f in found} <= {
        ("sender:kr:ott:pixel:nalgae#0", "OWNER_BANNED", "WARN", "desk-7 hint")
    }


def test_a_numbers_row_takes_no_owner_keys() -> None:
    with pytest.raises(RowRefused, match="OWNER_KEYS_OF_A_NUMBER"):
        merge(None, sender(owner_keys=(BUSINESS,)))
    assert merge(None, BANNED) == BANNED


def test_an_embedded_run_warns_a_banned_owner() -> None:
    run = Embedded(policies({"epoch_ms": MINUTE}), KEYS)
    for value in (BANNED, sender("kr:ott:pixel:nalgae", owner_keys=(HINT,))):
        run.feed(value)
    ban = Directive(
        reference="KISA-9", subject="sender:ott:talk:duru", act="terminate", from_ms=T, recorded_at_ms=T - MINUTE
    )
    run.begin(T // MINUTE - 1)
    run.directive(ban)
    run.begin(T // MINUTE)
    assert [(f.subject, f.reason) for f in run.findings if f.source == "owner"] == [
        ("sender:kr:ott:pixel:nalgae#0", "OWNER_BANNED")
    ]
