"""route: does a registered sender come through a provider its owner named? PASS proves the sender genuine.

The check with the highest risk of a false block (several aggregators, failover): only exclusive rows may BLOCK.
"""

from __future__ import annotations

from collections.abc import Collection

from streams.contracts.decisions import Mode
from streams.contracts.registry import Routes
from streams.engine.case import Case
from streams.engine.outcome import Check, unknown

NAME = "route"
PASS = Check(NAME, "PASS")


def check(case: Case) -> Check | None:
    """FAIL SENDER_WRONG_ROUTE. Judged at the deepest constrained level (relay, reseller, account) this leg knows."""
    if case.message.traffic_class != "a2p" or case.sender.kind == "malformed":
        return None
    read = case.sender_row()
    entry = read.entry
    if entry is None or entry.state != "active" or case.message.leg not in entry.legs or entry.routes.mode == "open":
        return None
    if entry.shared:
        return unknown(NAME, "a shared sender proves nobody")
    level, matched, deeper_unknown = _judge(case, entry.routes)
    if not level:
        return unknown(NAME, "no constrained level is known on this leg")
    if not matched:
        cap: Mode = "BLOCK" if entry.routes.mode == "exclusive" else "LABEL"
        return Check(
            NAME, "FAIL", ("SENDER_WRONG_ROUTE",), {"level": level, "mode": entry.routes.mode}, read.since_ms, cap
        )
    return unknown(NAME, "a deeper level is constrained but unknown here") if deeper_unknown else PASS


def _judge(case: Case, routes: Routes) -> tuple[str, bool, bool]:
    """(deepest level that is constrained and known, whether it matched, whether a deeper one is unknown)."""
    route = case.message.route
    known: tuple[tuple[str, Collection[str], Collection[str]], ...] = (
        ("account", routes.accounts, (route.account_id,) if route.account_id else ()),
        ("reseller", routes.resellers, route.chain),
        ("relay", routes.relays, (route.relay_id,) if route.relay_id else ()),
    )
    deeper_unknown = False
    for level, listed, here in known:
        if listed and here:
            return level, any(name in listed for name in here), deeper_unknown
        if listed:
            deeper_unknown = True
    return "", False, deeper_unknown
