"""Event time is cut into epochs, numbered from 1970; what is derived from epoch n counts from n + 2."""

from __future__ import annotations


def epoch_of(at_ms: int, epoch_ms: int) -> int:
    """The number of the epoch that holds a time."""
    return at_ms // epoch_ms


def start_of(epoch: int, epoch_ms: int) -> int:
    """The first millisecond of an epoch."""
    return epoch * epoch_ms


def effect_of(reached: int, epoch_ms: int) -> int:
    """When a sanction starts whose threshold was reached in this epoch: one epoch after its end, in ms."""
    return (reached + 2) * epoch_ms
