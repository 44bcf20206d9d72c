"""abroad: a home number on an international trunk. Only a fresh `roaming = false` fails a mobile."""

from typing import Any

import pytest

from streams.contracts.messages import Signalling
from streams.engine.checks.abroad import check
from tests.engine.kit import HOUR, T, case, message, said, view

FAIL = "NATIONAL_SENDER_FROM_ABROAD"
HOME = {"roaming": False, "hlr_at_ms": T - HOUR}
CASES: list[tuple[str, str, dict[str, Any], str]] = [
    ("a fixed line cannot roam", "0255501111", {}, FAIL),
    ("a representative number cannot", "15881234", {}, FAIL),
    ("a toll-free number cannot", "0805550111", {}, FAIL),
    ("a mobile that roams", "01055501111", {"roaming": True}, "PASS"),
    ("a mobile, no HLR answer: a roamer was once blocked for that", "01055501111", {}, "UNKNOWN"),
    ("a mobile, an empty HLR answer of just now", "01055501111", {"hlr_at_ms": T}, "UNKNOWN"),
    ("a mobile at home", "01055501111", HOME, FAIL),
    ("at home, an answer that is too old", "01055501111", {**HOME, "hlr_at_ms": T - HOUR - 1}, "UNKNOWN"),
    ("at home, an answer from later", "01055501111", {**HOME, "hlr_at_ms": T + 1}, "UNKNOWN"),
    ("at home, nobody knows when", "01055501111", {"roaming": False}, "UNKNOWN"),
    ("VoIP is not settled", "07055501111", {}, "UNKNOWN"),
    ("a foreign number", "+12025550123", {}, "-"),
    ("a name", "My Bank", {}, "-"),
]


@pytest.mark.parametrize(("what", "address", "signalling", "answer"), CASES, ids=[c[0] for c in CASES])
def test_abroad(what: str, address: str, signalling: dict[str, Any], answer: str) -> None:
    sent = message(address, route={"international": True}, signalling=Signalling(**signalling))
    assert said(check(case(sent, view()))) == answer


def test_a_national_trunk_says_nothing() -> None:
    assert check(case(message("15881234"), view())) is None
