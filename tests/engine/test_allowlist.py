"""Allow rules: emergency (sender and route), protected (only while the route binding is PASS)."""

from typing import Any

import pytest

from streams.contracts.registry import AllowEntry, AllowRow
from streams.engine.allowlist import allows
from tests.engine.kit import BANK, T, a2p, allow, case, view

E, P = ["emergency_allow"], ["protected_allow"]
CASES: list[tuple[str, dict[str, Any], bool, list[str]]] = [
    ("protected, binding PASS", {}, True, P),
    ("protected, binding not proved", {}, False, []),
    ("protected, on its route", {"routes": ("relay-7",)}, True, P),
    ("protected, on another route", {"routes": ("relay-8",)}, True, []),
    ("protected, on this leg", {"legs": ("termination",)}, True, P),
    ("protected, on the other leg", {"legs": ("origination",)}, True, []),
    ("protected, it ended", {"to_ms": T}, True, []),
    ("protected, not begun", {"from_ms": T + 1}, True, []),
    ("protected, written down later", {"recorded_at_ms": T + 1}, True, []),
    ("emergency, on its route, nothing proved", {"rank": "emergency", "routes": ("relay-7",)}, False, E),
    ("emergency, on another route", {"rank": "emergency", "routes": ("relay-8",)}, True, []),
    ("emergency, without a route it allows nothing", {"rank": "emergency"}, True, []),
]


@pytest.mark.parametrize(("what", "over", "passes", "answer"), CASES, ids=[c[0] for c in CASES])
def test_allow_rules(what: str, over: dict[str, Any], passes: bool, answer: list[str]) -> None:
    assert allows(case(a2p(), view(allow(**over))), passes) == answer


def rule(version: int, **over: Any) -> AllowEntry:
    fields: dict[str, Any] = {"to_ms": T + 1, "owner": "desk", "reason": "test", "version": version} | over
    return AllowEntry(**fields)


def test_rules_stand_in_parallel() -> None:
    row = AllowRow(key=f"allow:kr:{BANK}", timeline=(rule(1), rule(2, rank="emergency", routes=("relay-7",))))
    judged = case(a2p(), view(row))
    assert allows(judged, True) == [*E, *P]
    assert judged.versions_read() == "1+2"


def test_a_new_rule_never_hides_another() -> None:
    row = AllowRow(key=f"allow:kr:{BANK}", timeline=(rule(1), rule(2, rank="emergency", routes=("relay-9",))))
    assert allows(case(a2p(), view(row)), True) == P


def test_it_is_read_also_where_there_is_none() -> None:
    judged = case(a2p(), view())
    assert allows(judged, True) == []
    assert judged.keys_read() == (f"allow:kr:{BANK}",)
