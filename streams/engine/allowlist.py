"""Allow rules: emergency (sender and route) and protected (only while the route binding is PASS)."""

from __future__ import annotations

from streams.engine.case import Case


def allows(case: Case, route_passes: bool) -> list[str]:
    """The ranks of the allow rules that apply: `emergency_allow`, `protected_allow`. Always evaluated."""
    entry = case.allow_row().entry
    if entry is None or case.message.leg not in entry.legs:
        return []
    on_route = case.message.route.relay_id in entry.routes
    if entry.rank == "emergency":
        return ["emergency_allow"] if on_route else []
    if route_passes and (on_route or not entry.routes):
        return ["protected_allow"]
    return []
