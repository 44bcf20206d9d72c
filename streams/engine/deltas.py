"""Deltas that may come twice: which of them a sum already holds."""

from __future__ import annotations

from typing import Protocol

#: Decisions partition → (next offset applied, epochs that the deltas ending there were applied for): one transaction
#: of the meter may have a delta for each of two epochs, and in each for every jurisdiction (`epoch@jurisdiction`).
Applied = dict[int, tuple[int, list[int | str]]]


class Delta(Protocol):
    """What one transaction of the meter counted for a subject and an epoch, `[first_offset, next_offset)`."""

    @property
    def epoch(self) -> int: ...
    @property
    def partition(self) -> int: ...
    @property
    def first_offset(self) -> int: ...
    @property
    def next_offset(self) -> int: ...


def note(applied: Applied, delta: Delta, jurisdiction: str | None = None) -> bool:
    """Note a delta (in place). False for a redelivery, which changes nothing."""
    mark = delta.epoch if jurisdiction is None else f"{delta.epoch}@{jurisdiction}"
    next_offset, epochs = applied.get(delta.partition, (0, []))
    if delta.first_offset >= next_offset:
        epochs = []
    elif delta.next_offset != next_offset or mark in epochs:
        return False
    applied[delta.partition] = (delta.next_offset, sorted([*epochs, mark], key=str))
    return True
