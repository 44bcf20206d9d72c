"""Directives: an order names its subject as people do; the sanction stands under the key that gates look for."""

import pytest

from streams.contracts.feeds import RegistryValue
from streams.contracts.reports import Directive
from streams.engine.directing import direct
from streams.engine.pseudonym import state_pseudonym
from tests.engine.kit import BANK, KEYS, PHONE, T, number, policies, sender, view

PERSON = "sender:" + state_pseudonym(KEYS, "kr:" + PHONE)
CASES: list[tuple[str, list[RegistryValue], str]] = [
    ("account:acct-77", [], "account:acct-77"),
    ("relay:relay-7", [], "relay:relay-7"),
    ("reseller:rs", [], "reseller:rs"),
    ("campaign:relay-7×0123456789abcdef", [], "campaign:relay-7×0123456789abcdef"),
    (f"sender:kr:{BANK}", [], f"sender:kr:{BANK}#0"),
    (f"sender:kr:{BANK}#3", [], f"sender:kr:{BANK}#3"),
    (f"sender:kr:{PHONE}", [], f"{PERSON}#0"),
    (f"sender:kr:{PHONE}", [number("active", owner_epoch=2)], f"{PERSON}#2"),
    (f"sender:kr:{PHONE}#1", [number("active", owner_epoch=2)], f"{PERSON}#1"),
    (f"sender:kr:{PHONE}", [sender(f"kr:{PHONE}")], f"sender:kr:{PHONE}#0"),
    ("sender:+12025550123", [], f"sender:{state_pseudonym(KEYS, '+12025550123')}#0"),
    ("sender:kr:alnum:my bank", [], "sender:kr:alnum:my bank#0"),
    ("sender:kr:code:*123#", [], "sender:kr:code:*123##0"),
    (f"{PERSON}#2", [], f"{PERSON}#2"),
]


def order(subject: str, act: str = "suspend") -> Directive:
    return Directive(
        reference="KISA-1", subject=subject, act="release" if act == "release" else "suspend", from_ms=T,
        recorded_at_ms=T, releases="KISA-0" if act == "release" else None,
    )  # fmt: skip


@pytest.mark.parametrize(("named", "rows", "subject"), CASES, ids=[f"{c[0]}-{len(c[1])}" for c in CASES])
@pytest.mark.parametrize("act", ["suspend", "release"])
def test_the_subject(named: str, rows: list[RegistryValue], subject: str, act: str) -> None:
    assert direct(order(named, act), view(*rows), policies(), KEYS).subject == subject


@pytest.mark.parametrize("subject", ["", "account:", "account", "planet:mars", ":x"])
def test_no_subject_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="NO_SUBJECT"):
        direct(order(subject), view(), policies(), KEYS)


@pytest.mark.parametrize("subject", ["account:a", f"sender:kr:{BANK}", "campaign:relay-7×0123456789abcdef"])
def test_only_resellers_and_relays_are_expelled(subject: str) -> None:
    expel = Directive(reference="KISA-1", subject=subject, act="expel", from_ms=T, recorded_at_ms=T)
    with pytest.raises(ValueError, match="NOT_EXPELLABLE"):
        direct(expel, view(), policies(), KEYS)
