"""chain: the reseller that the registry has an account under must stand in the route."""

from typing import Any

import pytest

from streams.contracts.feeds import RegistryValue
from streams.engine.checks.chain import check
from tests.engine.kit import a2p, account, case, said, view

UNDER = [account(reseller="reseller-2")]
CASES: list[tuple[str, dict[str, Any], str, list[RegistryValue], str]] = [
    ("named", {"chain": ("reseller-1", "reseller-2")}, "origination", [*UNDER], "PASS"),
    ("left out", {}, "origination", [*UNDER], "CHAIN_INCOMPLETE"),
    ("another named", {"chain": ("reseller-1",)}, "origination", [*UNDER], "CHAIN_INCOMPLETE"),
    ("another named, terminating", {"chain": ("reseller-1",)}, "termination", [*UNDER], "CHAIN_INCOMPLETE"),
    ("the terminating leg may not know", {}, "termination", [*UNDER], "-"),
    ("a relay's own customer", {}, "origination", [account()], "-"),
    ("no row of the account", {}, "origination", [], "-"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "route", "leg", "rows", "answer"), CASES, ids=[c[0] for c in CASES])
def test_chain(what: str, route: dict[str, Any], leg: str, rows: list[RegistryValue], answer: str) -> None:
    judged = check(case(a2p(route={"account_id": "acct-1"} | route, leg=leg), view(*rows)))
    assert said(judged) == answer


def test_no_account_no_chain() -> None:
    assert check(case(a2p(leg="origination"), view(*UNDER))) is None


def test_what_is_missing_is_named() -> None:
    judged = check(case(a2p(route={"account_id": "acct-1"}, leg="origination"), view(*UNDER)))
    assert judged is not None
    assert (judged.evidence, judged.gate) == ({"missing": "reseller:reseller-2"}, "standing")
