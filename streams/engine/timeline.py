"""Timelines: what counted at an event's time, whoever asks and whenever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

from streams.contracts.base import Entry, Record

E = TypeVar("E", bound=Entry)
_EVER = 2**60


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


def stretch(e_ms: int, times: Iterable[int]) -> tuple[int, int]:
    """The event times around e that stand to each of these times as e does, whether rules say `<` or `<=`."""
    begin, end = -_EVER, _EVER
    for time in times:
        if time > e_ms:
            if time < end:
                end = time
        elif time < e_ms:
            if time >= begin:
                begin = time + 1
        else:
            begin, end = e_ms, min(end, e_ms + 1)
    return begin, end


def times_in(value: Any) -> Iterator[int]:
    """Every time that stands in a record, or in a tuple of them."""
    if isinstance(value, tuple):
        for part in value:
            yield from times_in(part)
    elif isinstance(value, Record):
        times, records = _fields(value.__class__)
        for name in times:
            time = getattr(value, name)
            if time is not None:
                yield time
        for name in records:
            yield from times_in(getattr(value, name))


@cache
def _fields(record: type[Record]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields of a record that hold a time, and those that hold records."""
    times, records = [], []
    for name, kind in get_type_hints(record).items():
        if name.endswith("_ms"):
            times.append(name)
        elif any(isinstance(part, type) and issubclass(part, Record) for part in _parts(kind)):
            records.append(name)
    return tuple(times), tuple(records)


def _parts(kind: Any) -> Iterator[Any]:
    yield kind
    for part in get_args(kind):
        yield from _parts(part)
