"""do-not-originate: what the subscriber forbade, and only that."""

from typing import Any

import pytest

from streams.contracts.registry import DnoEntry, DnoRow
from streams.engine.checks.dno import check
from tests.engine.kit import PHONE, T, a2p, case, message, said, view

WEB = DnoEntry()
BOTH = DnoEntry(channels=("mt", "mo"), classes=("a2p", "p2p"))
CASES: list[tuple[str, DnoEntry, dict[str, Any], str]] = [
    ("the web may not", WEB, {"channel": "mt", "traffic_class": "a2p"}, "NUMBER_DO_NOT_ORIGINATE"),
    ("the handset still may", WEB, {}, "PASS"),
    ("a person over the web is no application", WEB, {"channel": "mt"}, "PASS"),
    ("another channel", WEB, {"channel": "rcs", "traffic_class": "a2p"}, "PASS"),
    ("nothing may", BOTH, {}, "NUMBER_DO_NOT_ORIGINATE"),
    ("only on the other leg", DnoEntry(legs=("origination",), channels=("mo",), classes=("p2p",)), {}, "PASS"),
    ("it ended", DnoEntry(channels=("mo",), classes=("p2p",), to_ms=T), {}, "-"),
    ("it was written down later", DnoEntry(channels=("mo",), classes=("p2p",), recorded_at_ms=T + 1), {}, "-"),
]


@pytest.mark.parametrize(("what", "entry", "over", "answer"), CASES, ids=[c[0] for c in CASES])
def test_do_not_originate(what: str, entry: DnoEntry, over: dict[str, Any], answer: str) -> None:
    rows = view(DnoRow(key=f"dno:kr:{PHONE}", timeline=(entry,)))
    assert said(check(case(message(**over), rows))) == answer


@pytest.mark.parametrize("address", [PHONE, "My Bank", "*123#"])
def test_no_row_says_nothing(address: str) -> None:
    assert check(case(a2p(address), view())) is None
