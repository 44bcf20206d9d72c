"""Many rows in one record: as few records as fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

R = TypeVar("R")

#: A record holds no more than this; broker and dead letters take 1 MiB.
_MOST_BYTES = 900_000


def fitting(rows: Sequence[R], encode: Callable[[Sequence[R]], bytes]) -> Iterator[bytes]:
    """The values of the records that hold the rows, in their order. One row always fits."""
    value = encode(rows)
    if len(value) <= _MOST_BYTES or len(rows) == 1:
        yield value
        return
    half = len(rows) // 2
    yield from fitting(rows[:half], encode)
    yield from fitting(rows[half:], encode)
