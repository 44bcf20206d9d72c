"""chain: does the route name the reseller that the registry has the account under?

The law wants the first hands of a mass message named (Korea's first-originator identification code). What a chain
leaves out does not protect anybody: orders are looked up along the registry's parents as well (`engine/lineage.py`).
"""

from __future__ import annotations

from streams.engine.case import Case
from streams.engine.outcome import Check

NAME = "chain"
PASS = Check(NAME, "PASS", gate="standing")


def check(case: Case) -> Check | None:
    """FAIL CHAIN_INCOMPLETE (standing). The terminating leg may not know the chain: none given says nothing there."""
    route = case.message.route
    if route.account_id is None:
        return None
    read = case.account_row(route.account_id)
    if read.entry is None or read.entry.reseller is None:
        return None
    if read.entry.reseller in route.chain:
        return PASS
    if not route.chain and case.message.leg == "termination":
        return None
    return Check(
        NAME, "FAIL", ("CHAIN_INCOMPLETE",), {"missing": f"reseller:{read.entry.reseller}"}, read.since_ms,
        gate="standing",
    )  # fmt: skip
