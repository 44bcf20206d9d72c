"""Expulsion: an order on a reseller or relay holds for all that the registry has below it, whatever the chain says."""

from typing import Any

import pytest

from streams.contracts.feeds import RegistryValue
from streams.contracts.registry import ResellerEntry, ResellerRow
from streams.contracts.reports import Directive
from streams.contracts.reputation import SanctionEntry, SanctionRow
from streams.engine.lineage import MAX_ABOVE, above
from streams.engine.sanctioning import finding_of
from tests.engine.kit import MINUTE, T, a2p, account, allow, case, decide, relay, reseller, view

TOP = reseller("top", parent="relay-7")
SUB = reseller("sub", parent="top")
SHOP = account("shop", reseller="sub")
WORLD: list[RegistryValue] = [relay(), relay("relay-9"), TOP, SUB, SHOP]
CASES: list[tuple[str, dict[str, Any], list[RegistryValue], tuple[str, ...]]] = [
    ("all of it is named", {"chain": ("top", "sub"), "account_id": "shop"}, WORLD, ()),
    ("the one above is left out", {"chain": ("sub",)}, WORLD, ("reseller:top",)),
    ("the account's own is left out", {"account_id": "shop"}, WORLD, ("reseller:sub", "reseller:top")),
    ("another relay than the registry's", {"relay_id": "relay-9", "chain": ("top",)}, WORLD, ("relay:relay-7",)),
    ("a parent without a row may be either", {"chain": ("lost",)}, [reseller("lost", parent="gone")],
     ("reseller:gone", "relay:gone")),
    ("a parent whose row has ended", {"chain": ("sub",)}, [SUB, reseller("top", to_ms=T)], ("reseller:top",)),
    ("nothing is known", {"chain": ("sub",), "account_id": "shop"}, [], ()),
    ("its own parent", {"chain": ("self",)}, [reseller("self", parent="self")], ()),
    ("a circle", {"chain": ("a",)}, [reseller("a", parent="b"), reseller("b", parent="c"), reseller("c", parent="a")],
     ("reseller:b", "reseller:c")),
]  # fmt: skip


@pytest.mark.parametrize(("what", "route", "rows", "found"), CASES, ids=[c[0] for c in CASES])
def test_who_stands_above(
    what: str, route: dict[str, Any], rows: list[RegistryValue], found: tuple[str, ...]
) -> None:  # fmt: skip
    assert above(case(a2p(route=route), view(*rows))) == found


def test_no_registry_makes_a_message_endless() -> None:
    rows = [reseller(f"r{n}", parent=f"r{n + 1}") for n in range(500)]
    assert len(above(case(a2p(route={"chain": ("r0",)}), view(*rows)))) == MAX_ABOVE


def expelled(subject: str, recorded: int = T - MINUTE, **over: Any) -> SanctionRow:
    order = Directive(reference="KCC-9", subject=subject, act="expel", from_ms=recorded, recorded_at_ms=recorded)
    found = finding_of(order, subject)
    entry = SanctionEntry(
        sanction_id=found.finding_id, step=found.step, from_ms=found.from_ms, recorded_at_ms=found.recorded_at_ms,
        authority=over.get("authority", found.authority), reason=found.reason, reference=found.reference,
    )  # fmt: skip
    return SanctionRow(subject=subject, timeline=(entry,))


ROUTES: list[tuple[str, str, dict[str, Any], str]] = [
    ("itself", "reseller:top", {"chain": ("top",)}, "BLOCK"),
    ("named in the chain", "reseller:top", {"chain": ("top", "sub")}, "BLOCK"),
    ("left out of the chain", "reseller:top", {"chain": ("sub",)}, "BLOCK"),
    ("the whole chain left out", "reseller:top", {"account_id": "shop"}, "BLOCK"),
    ("its relay, over another one", "relay:relay-7", {"relay_id": "relay-9", "chain": ("top", "sub")}, "BLOCK"),
    ("a relay", "relay:relay-7", {}, "BLOCK"),
    ("somebody else", "reseller:other", {"chain": ("top", "sub"), "account_id": "shop"}, "ALLOW"),
    ("one below", "reseller:sub", {"chain": ("top",)}, "ALLOW"),
]


@pytest.mark.parametrize(("what", "subject", "route", "verdict"), ROUTES, ids=[c[0] for c in ROUTES])
def test_expulsion_outranks_everything(what: str, subject: str, route: dict[str, Any], verdict: str) -> None:
    rows = view(*WORLD, allow("emergency", routes=("relay-7", "relay-9")), sanctions=[expelled(subject)])
    found = decide(a2p(route=route), rows)
    assert found.verdict == verdict
    if verdict == "BLOCK":
        assert (found.won, found.reasons[0].code) == ("directive", "DIRECTIVE_EXPEL")
        (seen,) = [check.evidence for check in found.checks if check.check == "sanctions"]
        assert seen["reference"] == "KCC-9"
        assert seen.get("above", subject) == subject


def test_who_has_moved_before_stands_under_the_new_parent() -> None:
    old = ResellerEntry(parent="top", to_ms=T - 10 * MINUTE)
    new = ResellerEntry(parent="relay-9", version=2, from_ms=T - 10 * MINUTE, recorded_at_ms=T - 20 * MINUTE)
    moved = ResellerRow(key="reseller:sub", timeline=(old, new))
    rows = [relay(), relay("relay-9"), TOP, moved, SHOP]
    route = {"relay_id": "relay-9", "chain": ("sub",), "account_id": "shop"}
    held = view(*rows, sanctions=[expelled("reseller:top")])
    assert decide(a2p(route=route), held).verdict == "ALLOW"
    assert decide(a2p(route=route, event_time_ms=T - 11 * MINUTE), held).verdict == "ALLOW"  # not expelled yet


@pytest.mark.parametrize(("after_ms", "verdict"), [(1999, "ALLOW"), (2000, "BLOCK")])
def test_an_expulsion_counts_two_seconds_on_at_the_earliest(after_ms: int, verdict: str) -> None:
    held = view(*WORLD, sanctions=[expelled("reseller:top", recorded=T)])
    assert decide(a2p(route={"chain": ("top",)}, event_time_ms=T + after_ms), held).verdict == verdict


def test_what_a_carrier_imposes_is_not_inherited() -> None:
    held = view(*WORLD, sanctions=[expelled("reseller:top", authority="carrier")])
    assert decide(a2p(route={"chain": ("sub",)}), held).verdict == "ALLOW"
    assert decide(a2p(route={"chain": ("top",)}), held).verdict == "BLOCK"
