"""status: is the number in service?"""

import pytest

from streams.contracts.feeds import RegistryValue
from streams.engine.checks.status import check
from tests.engine.kit import DAY, HOUR, T, alive, block, case, message, number, policy, said, view

FRESH = alive("kr-number-status", complete=False)
CASES: list[tuple[str, list[RegistryValue], str]] = [
    ("nothing known", [*FRESH], "UNKNOWN"),
    ("active", [*FRESH, number("active")], "PASS"),
    ("ported out is in service elsewhere", [*FRESH, number("ported_out")], "PASS"),
    ("suspended", [*FRESH, number("suspended", from_ms=T - 1)], "NUMBER_SUSPENDED"),
    ("suspended, from the very moment", [*FRESH, number("suspended", from_ms=T)], "NUMBER_SUSPENDED"),
    ("reinstated an hour before", [*FRESH, number("active", from_ms=T - HOUR)], "PASS"),
    ("a suspension that ended just now", [*FRESH, number("suspended", to_ms=T)], "UNKNOWN"),
    ("a suspension that ends right after", [*FRESH, number("suspended", to_ms=T + 1)], "NUMBER_SUSPENDED"),
    ("terminated 24 h before", [*FRESH, number("terminated", from_ms=T - DAY)], "NUMBER_TERMINATED"),
    ("terminated less than 24 h before", [*FRESH, number("terminated", from_ms=T - DAY + 1)], "PASS"),
    ("terminated in a block: its grace is over", [*FRESH, block("terminated", as_of=T)], "NUMBER_TERMINATED"),
    ("terminated, nobody vouches for now", [number("terminated")], "UNKNOWN"),
    ("terminated, feed stale", [*alive("kr-number-status", until=T), number("terminated")], "UNKNOWN"),
    ("terminated, another feed fresh", [*alive("kr-voip-status"), number("terminated")], "UNKNOWN"),
    ("suspended, recorded after the message", [*FRESH, number("suspended", recorded_at_ms=T + 1)], "UNKNOWN"),
    ("unallocated says nothing about service", [*FRESH, block("unallocated")], "UNKNOWN"),
    ("active needs no fresh feed", [number("active")], "PASS"),
]


@pytest.mark.parametrize(("what", "rows", "answer"), CASES, ids=[c[0] for c in CASES])
def test_status(what: str, rows: list[RegistryValue], answer: str) -> None:
    assert said(check(case(message(), view(*rows)))) == answer


def test_the_grace_is_the_packs() -> None:
    rows = [*FRESH, number("terminated", from_ms=T - HOUR)]
    assert said(check(case(message(), view(*rows), policy(terminated_grace_ms=HOUR)))) == "NUMBER_TERMINATED"


def test_the_evidence_names_state_and_time() -> None:
    answer = check(case(message(), view(*FRESH, number("suspended", from_ms=T - HOUR))))
    assert answer is not None
    assert answer.evidence == {"state": "suspended", "from_ms": T - HOUR}


def test_a_leak_can_begin_when_the_grace_is_over_and_not_before() -> None:
    answer = check(case(message(), view(*FRESH, number("terminated", from_ms=T - DAY - HOUR))))
    assert answer is not None
    assert answer.since_ms == T - HOUR
