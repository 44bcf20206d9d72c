"""allocation: has the authority given this number to anybody? Absence proves nothing until somebody vouches for it."""

import pytest

from streams.contracts.feeds import RegistryValue
from streams.engine.checks.allocation import check
from tests.engine.kit import DAY, MINUTE, T, alive, beat, block, case, message, number, said, view

VOUCHED = alive("kr-number-status")
CASES: list[tuple[str, list[RegistryValue], str]] = [
    ("nothing known", [], "UNKNOWN"),
    ("no row, feed complete", [*VOUCHED], "NUMBER_UNALLOCATED"),
    ("no row, feed not complete for mobile", alive("kr-number-status", complete=False), "UNKNOWN"),
    ("no row, feed stale", alive("kr-number-status", until=T), "UNKNOWN"),
    ("no row, feed fresh until just now", alive("kr-number-status", until=T + 1), "NUMBER_UNALLOCATED"),
    ("no row, no manifest here", [beat("kr-number-status", T - DAY, T + DAY, ("kr:mobile",))], "UNKNOWN"),
    ("no row, another kind's feed complete", alive("kr-voip-status"), "UNKNOWN"),
    ("unallocated in a block, complete", [*VOUCHED, block("unallocated")], "NUMBER_UNALLOCATED"),
    ("unallocated in a block, stale", [*alive("kr-number-status", until=T), block("unallocated")], "UNKNOWN"),
    ("active in a block", [*VOUCHED, block("active")], "PASS"),
    ("unknown in a block, complete", [*VOUCHED, block("unknown")], "UNKNOWN"),
    ("a block of later than the message", [*VOUCHED, block("active", as_of=T + 1)], "NUMBER_UNALLOCATED"),
    ("terminated is allocated", [*VOUCHED, number("terminated")], "PASS"),
    ("a recent change over the block", [*VOUCHED, block("unallocated"), number("active", from_ms=T - MINUTE)], "PASS"),
    ("one recorded after the message", [*VOUCHED, number("active", recorded_at_ms=T + 1)], "NUMBER_UNALLOCATED"),
]


@pytest.mark.parametrize(("what", "rows", "answer"), CASES, ids=[c[0] for c in CASES])
def test_allocation(what: str, rows: list[RegistryValue], answer: str) -> None:
    assert said(check(case(message(), view(*rows)))) == answer


@pytest.mark.parametrize("address", ["My Bank", "*123#", "+12025550123", "114"])
def test_it_says_nothing_where_no_authority_keeps_a_list(address: str) -> None:
    assert check(case(message(address), view(*alive()))) is None
