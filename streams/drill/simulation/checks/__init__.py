"""The invariants, each against a model that is computed from what was fed, without crashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.drill.simulation.checks import decisions, pairs, progress, registry, reputation, traffic, votes

if TYPE_CHECKING:
    from streams.drill.simulation.schedule import Played


def check(played: Played) -> None:
    """Hold a run to every invariant. Raises Broken with the first that doesn't hold."""
    for one in (registry, decisions, traffic, pairs, votes, reputation, progress):
        one.check(played)
