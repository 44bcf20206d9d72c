"""What a schedule can end with."""

from __future__ import annotations


class Broken(Exception):
    """An invariant does not hold. The text begins with its name."""
