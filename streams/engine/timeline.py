"""Timelines: what counted at an event's time, whoever asks and whenever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from streams.contracts.base import Entry

E = TypeVar("E", bound=Entry)


def current(timeline: Sequence[E], e_ms: int) -> E | None:
    """The entry that counts at e: recorded by then, begun, not ended; of several the highest version."""
    found: E | None = None
    for entry in timeline:
        if (
            entry.recorded_at_ms <= e_ms
            and entry.from_ms <= e_ms
            and (entry.to_ms is None or e_ms < entry.to_ms)
            and (found is None or entry.version > found.version)
        ):
            found = entry
    return found


def all_current(timeline: Sequence[E], e_ms: int) -> list[E]:
    """Every entry that counts at e, for timelines whose entries stand in parallel (sanctions)."""
    return [
        entry
        for entry in timeline
        if entry.recorded_at_ms <= e_ms
        and entry.from_ms <= e_ms
        and (entry.to_ms is None or e_ms < entry.to_ms)
    ]  # fmt: skip


def visible(timeline: Sequence[E], e_ms: int) -> bool:
    """Whether anything was recorded under this key by e; if so and nothing is current, it is expired, not absent."""
    return any(entry.recorded_at_ms <= e_ms for entry in timeline)


def newest_recorded(timeline: Sequence[E], e_ms: int) -> int:
    """The latest `recorded_at_ms` visible at e, in ms; -(2**53) when there is none."""
    return max((entry.recorded_at_ms for entry in timeline if entry.recorded_at_ms <= e_ms), default=-(2**53))
