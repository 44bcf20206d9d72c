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


def counts_since(entry: Entry) -> int:
    """From when on any reader saw an entry that counts: recorded and begun, in ms."""
    return max(entry.recorded_at_ms, entry.from_ms)


def ended_since(timeline: Sequence[E], e_ms: int) -> int:
    """From when on nothing under the key counted any more, of what was visible at e, in ms; -(2**53) for nothing."""
    times = [t for x in timeline if x.recorded_at_ms <= e_ms for t in (x.recorded_at_ms, x.to_ms) if t is not None]
    return max((t for t in times if t <= e_ms), default=-(2**53))
