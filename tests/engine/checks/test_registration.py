"""registration: is an application's sender on the register?"""

from typing import Any

import pytest

from streams.contracts.feeds import RegistryValue
from streams.engine.checks.registration import check
from tests.engine.kit import BANK, T, a2p, alive, case, message, policy, said, sender, view

COMPLETE = alive("kr-sender-registry")
CASES: list[tuple[str, list[RegistryValue], dict[str, Any], str]] = [
    ("registered", [sender()], {}, "PASS"),
    ("registered, feed stale", [sender(), *alive("kr-sender-registry", until=T)], {}, "PASS"),
    ("not registered, register complete", [*COMPLETE], {}, "SENDER_NOT_REGISTERED"),
    ("not registered, register not complete", alive("kr-sender-registry", complete=False), {}, "UNKNOWN"),
    ("not registered, register stale", alive("kr-sender-registry", until=T), {}, "UNKNOWN"),
    ("not registered, nothing known", [], {}, "UNKNOWN"),
    ("not registered by then", [*COMPLETE, sender(recorded_at_ms=T + 1)], {}, "SENDER_NOT_REGISTERED"),
    ("registered from later on: known, but not yet", [sender(from_ms=T + 1)], {}, "SENDER_REGISTRATION_EXPIRED"),
    ("it ended: a fact, no absence", [sender(to_ms=T)], {}, "SENDER_REGISTRATION_EXPIRED"),
    ("it ends right after", [sender(to_ms=T + 1)], {}, "PASS"),
    ("suspended", [sender(state="suspended")], {}, "SENDER_REGISTRATION_SUSPENDED"),
    ("the row speaks of the other leg", [sender(legs=("origination",))], {}, "UNKNOWN"),
    ("origination leg", [*COMPLETE], {"leg": "origination"}, "SENDER_NOT_REGISTERED"),
]


@pytest.mark.parametrize(("what", "rows", "over", "answer"), CASES, ids=[c[0] for c in CASES])
def test_registration(what: str, rows: list[RegistryValue], over: dict[str, Any], answer: str) -> None:
    assert said(check(case(a2p(**over), view(*rows)))) == answer


def test_a_person_needs_none() -> None:
    assert check(case(message(BANK), view(*COMPLETE))) is None


@pytest.mark.parametrize("address", ["My Bank", "02-1588-1234", "+12025550123"])
def test_a_kind_for_which_the_pack_does_not_ask(address: str) -> None:
    assert check(case(a2p(address), view(*COMPLETE))) is None


def test_the_pack_says_for_which_leg() -> None:
    only = policy(registration={"origination": ["representative"], "termination": []})
    assert check(case(a2p(), view(*COMPLETE), only)) is None
    assert said(check(case(a2p(leg="origination"), view(*COMPLETE), only))) == "SENDER_NOT_REGISTERED"
