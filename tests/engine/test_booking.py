"""The ledger's arithmetic: who is booked for what, and bookings that come twice."""

from typing import Any

import pytest

from streams.contracts.decisions import Decision, RouteSeen, SenderSeen, Versions
from streams.contracts.ledger import Booking, Counts, LedgerRow
from streams.contracts.messages import Route
from streams.engine.booking import MAX_BEYOND, Books, Handed, add, book, booked, carried_by, counts_of, handed, month_of
from tests.engine import kit

RELAY, RESELLER = "relay:relay-7", "reseller:rs"


def decision(**over: Any) -> Decision:
    fields: dict[str, Any] = {
        "decision_id": "d", "event_id": "e", "event_time_ms": 0, "leg": "termination", "verdict": "ALLOW",
        "action": "DELIVER", "sender": SenderSeen(key="~", kind="mobile", registered=False), "recipient": "~",
        "route": RouteSeen(relay_id="relay-7"), "subjects": ("account:a", RESELLER),
        "versions": Versions(policy="p", read="", data="d", input="i", engine="0"),
    } | over  # fmt: skip
    return Decision(**fields)


def booked_of(*decisions: Decision) -> Books:
    counts: Handed = {}
    for made in decisions:
        handed(made, "2025-12", counts)
    return booked(counts)


@pytest.mark.parametrize(
    ("what", "over", "expected"),
    [
        ("delivered", {}, Counts(termination=1)),
        ("blocked at the first gate", {"leg": "origination", "verdict": "BLOCK", "action": "REJECT"},
         Counts(origination=1, blocked_origination=1)),
        ("leaked", {"verdict": "BLOCK", "action": "REJECT", "leak": "NUMBER_TERMINATED"},
         Counts(termination=1, blocked_termination=1, leaks={"NUMBER_TERMINATED": 1})),
        ("leaked and only observed", {"leak": "NUMBER_TERMINATED"},
         Counts(termination=1, leaks={"NUMBER_TERMINATED": 1})),
        ("no first gate", {"leak": "no_gate"}, Counts(termination=1, no_gate=1)),
    ],
)  # fmt: skip
def test_a_decision_is_booked_for_relay_and_resellers(what: str, over: dict[str, Any], expected: Counts) -> None:
    books = booked_of(decision(**over))
    assert {place: counts_of(counted) for place, counted in books.items()} == {
        (RELAY, "2025-12"): expected, (RESELLER, "2025-12"): expected,
    }  # fmt: skip


def test_the_carrier_that_a_relay_connects_is_booked_too() -> None:
    row = kit.relay(carrier="kr-b")
    made = kit.decide(kit.a2p(), kit.view(row))
    assert made.subjects == ("carrier:kr-b",)
    books = booked_of(made)
    assert set(books) == {("relay:relay-7", "2025-12"), ("carrier:kr-b", "2025-12")}
    route = Route(relay_id="relay-7", chain=("rs",))
    assert carried_by(route, kit.view(row), kit.T) == ["relay:relay-7", "reseller:rs", "carrier:kr-b"]
    assert carried_by(route, kit.view(kit.relay()), kit.T) == ["relay:relay-7", "reseller:rs"]
    ended = kit.relay(carrier="kr-b", to_ms=kit.T - 1)
    assert carried_by(route, kit.view(ended), kit.T) == ["relay:relay-7", "reseller:rs"]


def test_alike_or_not_every_decision_is_booked_once() -> None:
    books = booked_of(decision(), decision(), decision(subjects=()), decision(leak="no_gate"))
    assert counts_of(books[RELAY, "2025-12"]) == Counts(termination=4, no_gate=1)
    assert counts_of(books[RESELLER, "2025-12"]) == Counts(termination=3, no_gate=1)


def test_a_carrier_can_be_under_sanction() -> None:
    held = kit.view(kit.relay(carrier="kr-b"), sanctions=[kit.sanction("carrier:kr-b", authority="regulator")])
    assert kit.decide(kit.a2p(), held).won == "directive"


def test_nobody_is_booked_where_nobody_carried_it() -> None:
    assert booked_of(decision(route=RouteSeen(), subjects=("account:a",))) == {}


@pytest.mark.parametrize(
    ("at_ms", "zone", "month"),
    [
        (1_767_193_199_999, "Asia/Seoul", "2025-12"),
        (1_767_193_200_000, "Asia/Seoul", "2026-01"),
        (1_767_193_200_000, "UTC", "2025-12"),
        (1_767_205_799_000, "Asia/Kathmandu", "2026-01"),
        (2**53, "UTC", "9987-04"),
        (-(2**53), "Asia/Seoul", "0005-04"),
    ],
)
def test_the_month_is_that_of_the_zone(at_ms: int, zone: str, month: str) -> None:
    assert month_of(at_ms, zone) == month


def booking(first: int, after: int, *, source: Any = "decisions", partition: int = 0, **counts: Any) -> Booking:
    return Booking(
        subject=RELAY, month="2025-12", source=source, partition=partition, first_offset=first, next_offset=after,
        counts=Counts(**counts),
    )  # fmt: skip


def total(*bookings: Booking) -> LedgerRow:
    row: LedgerRow | None = None
    for one in bookings:
        row = book(row, one)
    assert row is not None
    return row


def test_bookings_add_up_and_a_redelivered_one_changes_nothing() -> None:
    one, two = booking(0, 5, termination=5, leaks={"A": 1}), booking(5, 9, termination=4, leaks={"A": 1, "B": 1})
    row = total(one, two)
    assert row.counts == Counts(termination=9, leaks={"A": 2, "B": 1})
    assert total(one, one, two, one, two) == row


def test_each_partition_and_source_is_counted_apart() -> None:
    row = total(
        booking(7, 9, termination=2),
        booking(0, 3, partition=1, termination=3),
        booking(0, 1, source="reports", reports=1),
    )
    assert row.counts == Counts(termination=5, reports=1)
    assert row.counted == {"decisions/0": 9, "decisions/1": 3}
    assert row.beyond == {"reports/0": (0,)}


def test_reports_may_overtake_each_other_and_come_twice() -> None:
    offsets = [5, 3, 9, 4, 3, 5, 9]
    row = total(*[booking(at, at + 1, source="reports", reports=1) for at in offsets])
    assert row.counts.reports == 4


def test_of_many_reports_the_oldest_are_a_bound() -> None:
    some = [booking(at * 3, at * 3 + 1, source="reports", reports=1) for at in range(3 * MAX_BEYOND)]
    row = total(*some, *some)
    assert row.counts.reports == 3 * MAX_BEYOND
    assert len(row.beyond["reports/0"]) == MAX_BEYOND


def test_the_sum_has_every_field() -> None:
    one = Counts(
        origination=1, termination=2, blocked_origination=3, blocked_termination=4, leaks={"A": 5}, no_gate=6, reports=7
    )
    assert add(one, one) == Counts(
        origination=2, termination=4, blocked_origination=6, blocked_termination=8, leaks={"A": 10}, no_gate=12,
        reports=14,
    )  # fmt: skip
