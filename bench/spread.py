"""Several runs as three numbers: a single one says little on a machine that others use, too."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple


class Spread(NamedTuple):
    """Smallest, middle and largest of some runs."""

    least: float
    middle: float
    most: float

    def shown(self, unit: str, digits: int = 0) -> str:
        """E.g. `min 13,900  median 14,800  max 15,100 messages/s`."""
        parts = zip(("min", "median", "max"), self, strict=True)
        return "  ".join(f"{name} {value:,.{digits}f}" for name, value in parts) + (f" {unit}" if unit else "")


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(min(values), median(values), max(values))


def percentile(values: Sequence[int], percent: int) -> int:
    """The value below or at which so many of a hundred lie (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]
