"""origin: is the number on the display the one that the network itself set?"""

from typing import Any

import pytest

from streams.contracts.registry import PermissionEntry, PermissionRow
from streams.engine.checks.origin import check
from tests.engine.kit import PHONE, T, a2p, case, message, said, view

CASES = [
    ("the same", PHONE, PHONE, "PASS"),
    ("the same, written internationally", PHONE, "821055501111", "PASS"),
    ("the same, with a plus", PHONE, "+82 10-5550-1111", "PASS"),
    ("another", PHONE, "01055502222", "ORIGIN_MISMATCH"),
    ("a bank's number from a handset", "15881234", PHONE, "ORIGIN_MISMATCH"),
    ("a name from a handset", "My Bank", PHONE, "ORIGIN_MISMATCH"),
    ("the network gave none", PHONE, None, "UNKNOWN"),
    ("the network gave nothing", PHONE, "", "UNKNOWN"),
    ("it gave something unreadable", PHONE, "?", "UNKNOWN"),
    ("a malformed sender is format's business", "0999", PHONE, "-"),
]


@pytest.mark.parametrize(("what", "shown", "origin", "answer"), CASES, ids=[c[0] for c in CASES])
def test_origin(what: str, shown: str, origin: str | None, answer: str) -> None:
    assert said(check(case(message(shown, origin_number=origin), view()))) == answer


@pytest.mark.parametrize(("over", "answer"), [({}, "PASS"), ({"to_ms": T}, "ORIGIN_MISMATCH")])
def test_a_permission_covers_the_pair(over: dict[str, Any], answer: str) -> None:
    row = PermissionRow(key="permission:kr:07055502222>kr:15881234", timeline=(PermissionEntry(**over),))
    assert said(check(case(message("15881234", origin_number="07055502222"), view(row)))) == answer
    assert said(check(case(message("15881235", origin_number="07055502222"), view(row)))) == "ORIGIN_MISMATCH"


def test_only_handsets_have_an_origin() -> None:
    assert check(case(a2p(PHONE), view())) is None
