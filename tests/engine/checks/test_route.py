"""route: does a registered sender come through a provider its owner named? The highest risk of a false block."""

from typing import Any

import pytest

from streams.contracts.registry import Routes
from streams.engine.checks.route import check
from tests.engine.kit import a2p, case, message, said, sender, view

R = ("relay-7", "relay-9")
WRONG = "SENDER_WRONG_ROUTE"
CASES: list[tuple[str, Routes, dict[str, Any], str]] = [
    ("the first listed relay", Routes(mode="exclusive", relays=R), {}, "PASS"),
    ("the second listed relay", Routes(mode="exclusive", relays=R), {"relay_id": "relay-9"}, "PASS"),
    ("another relay", Routes(mode="exclusive", relays=R), {"relay_id": "relay-8"}, WRONG),
    ("an open row constrains nothing", Routes(mode="open", relays=R), {"relay_id": "relay-8"}, "-"),
    ("an empty list constrains nothing", Routes(mode="exclusive"), {}, "UNKNOWN"),
    ("the relay is not known here", Routes(mode="exclusive", relays=R), {"relay_id": None}, "UNKNOWN"),
    ("a listed reseller", Routes(resellers=("rs-1",)), {"chain": ("rs-0", "rs-1")}, "PASS"),
    ("no listed reseller in the chain", Routes(resellers=("rs-1",)), {"chain": ("rs-0",)}, WRONG),
    ("a listed account over any relay", Routes(accounts=("a1",)), {"account_id": "a1"}, "PASS"),
    ("the deepest known level decides", Routes(relays=R, accounts=("a1",)), {"account_id": "a2"}, WRONG),
    ("… also where a shallower one differs", Routes(relays=("x",), accounts=("a1",)), {"account_id": "a1"}, "PASS"),
    ("a deeper level is unknown here", Routes(relays=R, accounts=("a1",)), {}, "UNKNOWN"),
    ("… but a wrong relay is wrong", Routes(relays=R, accounts=("a1",)), {"relay_id": "relay-8"}, WRONG),
]


@pytest.mark.parametrize(("what", "routes", "route", "answer"), CASES, ids=[c[0] for c in CASES])
def test_route(what: str, routes: Routes, route: dict[str, Any], answer: str) -> None:
    assert said(check(case(a2p(route=route), view(sender(routes=routes))))) == answer


@pytest.mark.parametrize(("mode", "cap"), [("exclusive", "BLOCK"), ("listed", "LABEL")])
def test_only_exclusive_rows_may_block(mode: str, cap: str) -> None:
    answer = check(case(a2p(relay="relay-8"), view(sender(relays=R, mode=mode))))
    assert answer is not None
    assert (said(answer), answer.cap) == (WRONG, cap)


@pytest.mark.parametrize(
    ("what", "over"),
    [
        ("suspended: registration says so", {"state": "suspended"}),
        ("about the other leg only", {"legs": ("origination",)}),
    ],
)
def test_a_row_that_does_not_bind_here(what: str, over: dict[str, Any]) -> None:
    assert check(case(a2p(relay="relay-8"), view(sender(relays=R, **over)))) is None


def test_a_shared_sender_proves_nobody() -> None:
    assert said(check(case(a2p(), view(sender(relays=R, shared=True))))) == "UNKNOWN"


def test_no_row_and_no_application() -> None:
    assert check(case(a2p(), view())) is None
    assert check(case(message("15881234", channel="mt"), view(sender(relays=R)))) is None
