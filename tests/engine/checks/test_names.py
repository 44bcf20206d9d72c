"""institution, lookalike: whose name is it? By skeleton; the message text is not read."""

from typing import Any

import pytest

from streams.contracts.feeds import RegistryValue
from streams.contracts.messages import Message
from streams.contracts.registry import InstitutionEntry, InstitutionRow, Routes
from streams.engine.checks.names import institution, lookalike
from tests.engine.kit import DAY, T, account, case, message, said, sender, view

TAX = InstitutionRow(
    key="institution:kr:tax",
    timeline=(InstitutionEntry(names=("National Tax",), owner="org:1", accounts=("acct-5",)),),
)
FOREIGN = account("acct-9", owner="org:9")
OWN = account("acct-1", owner="org:1")
FAKE = "INSTITUTION_IMPERSONATED"


def rcs(name: str, account_id: str | None = "acct-9") -> Message:
    return message(name, channel="rcs", traffic_class="a2p", route={"relay_id": "relay-7", "account_id": account_id})


INSTITUTION: list[tuple[str, str, str | None, list[RegistryValue], str]] = [
    ("its own account", "National Tax", "acct-5", [TAX], "PASS"),
    ("an account of its owner", "National Tax", "acct-1", [TAX, OWN], "PASS"),
    ("another's account", "National Tax", "acct-9", [TAX, FOREIGN], FAKE),
    ("in capitals, without the space", "NATIONALTAX", "acct-9", [TAX, FOREIGN], FAKE),
    ("with Cyrillic letters", "Nаtiоnаl Tах", "acct-9", [TAX, FOREIGN], FAKE),
    ("fullwidth", "Ｎａｔｉｏｎａｌ Ｔａｘ", "acct-9", [TAX, FOREIGN], FAKE),
    ("with a zero-width space", "National\u200bTax", "acct-9", [TAX, FOREIGN], FAKE),
    ("an l for the I", "Nat1onal Tax", "acct-9", [TAX, FOREIGN], FAKE),
    ("whose account it is, is not known", "National Tax", None, [TAX], "UNKNOWN"),
    ("the account's row is not here: proves nothing", "National Tax", "acct-9", [TAX], "UNKNOWN"),
    ("another name", "National Park", "acct-9", [TAX, FOREIGN], "-"),
    ("more than the name", "National Tax Refund", "acct-9", [TAX, FOREIGN], "-"),
]


@pytest.mark.parametrize(("what", "name", "by", "rows", "answer"), INSTITUTION, ids=[c[0] for c in INSTITUTION])
def test_institution(what: str, name: str, by: str | None, rows: list[RegistryValue], answer: str) -> None:
    assert said(institution(case(rcs(name, by), view(*rows)))) == answer


@pytest.mark.parametrize("over", [{"to_ms": T}, {"from_ms": T + 1}, {"recorded_at_ms": T + 1}])
def test_an_institution_that_does_not_count_at_the_time(over: dict[str, Any]) -> None:
    row = InstitutionRow(key=TAX.key, timeline=(InstitutionEntry(names=("National Tax",), owner="org:1", **over),))
    assert institution(case(rcs("National Tax"), view(row, FOREIGN))) is None


def test_a_number_has_no_name() -> None:
    assert institution(case(message("15881234"), view(TAX))) is None
    assert lookalike(case(message("15881234"), view(sender()))) is None


BRAND = sender("kr:alnum:paypal", owner="org:7", routes=Routes(relays=("relay-7",), accounts=("acct-7",)))
LIKE = "SENDER_LOOKALIKE"
LOOKALIKE: list[tuple[str, str, str, list[RegistryValue], str]] = [
    ("the brand itself", "PayPal", "acct-9", [BRAND, FOREIGN], "PASS"),
    ("an I for the l", "PayPaI", "acct-9", [BRAND, FOREIGN], LIKE),
    ("a separator more", "Pay-Pal", "acct-9", [BRAND, FOREIGN], LIKE),
    ("the brand's own account", "Pay-Pal", "acct-7", [BRAND], "PASS"),
    ("an account of the brand's owner", "Pay-Pal", "acct-2", [BRAND, account("acct-2", owner="org:7")], "PASS"),
    ("the account's row is not here", "Pay-Pal", "acct-9", [BRAND], "UNKNOWN"),
    ("nothing like it", "Papaya", "acct-9", [BRAND, FOREIGN], "-"),
]


@pytest.mark.parametrize(("what", "name", "by", "rows", "answer"), LOOKALIKE, ids=[c[0] for c in LOOKALIKE])
def test_lookalike(what: str, name: str, by: str, rows: list[RegistryValue], answer: str) -> None:
    assert said(lookalike(case(rcs(name, by), view(*rows)))) == answer


def test_two_registered_names_that_look_alike_both_pass() -> None:
    other = sender("kr:alnum:pay-pal", owner="org:9")
    rows = view(BRAND, other, FOREIGN)
    assert said(lookalike(case(rcs("Pay-Pal"), rows))) == "PASS"
    assert said(lookalike(case(rcs("PayPal"), rows))) == "PASS"


@pytest.mark.parametrize("over", [{"recorded_at_ms": T + 1}, {"from_ms": T + DAY}, {"to_ms": T}])
def test_a_registration_that_does_not_count_at_the_time_helps_nobody(over: dict[str, Any]) -> None:
    own = sender("kr:alnum:paypai", owner="org:9", **over)
    assert said(lookalike(case(rcs("PayPaI"), view(BRAND, own, FOREIGN)))) == LIKE
