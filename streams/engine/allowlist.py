"""Allow rules: emergency (sender and route) and protected (only while the route binding is PASS)."""

from __future__ import annotations

from streams.engine.case import Case


def allows(case: Case, route_passes: bool) -> list[str]:
    """The ranks of the allow rules that apply: `emergency_allow`, `protected_allow`. Always evaluated."""
    found: set[str] = set()
    for rule in case.allow_rules():
        if case.message.leg not in rule.legs:
            continue
        on_route = case.message.route.relay_id in rule.routes
        if rule.rank == "emergency":
            if on_route:
                found.add("emergency_allow")
        elif route_passes and (on_route or not rule.routes):
            found.add("protected_allow")
    return sorted(found)
