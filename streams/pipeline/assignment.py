"""Which partitions are ours and where each one stands."""

from __future__ import annotations

from collections.abc import Iterable

#: Above every offset: a partition that isn't flowing handles nothing.
NEVER = 1 << 62


class Assignment:
    """Bookkeeping only; no Kafka. Offsets are those of the next record to handle."""

    def __init__(self) -> None:
        self.positions: dict[int, int] = {}  # partitions that flow
        self.held: dict[int, int] = {}  # partitions paused by the fuse
        self.ended: dict[int, int] = {}  # partitions with nothing more to read, and the offset of that end
        self.pending: dict[int, int] = {}  # partitions with records in the open transaction

    def add(self, partition: int, offset: int) -> None:
        self.positions[partition] = offset
        self.held.pop(partition, None)
        self.ended.pop(partition, None)

    def remove(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            for held in (self.positions, self.held, self.ended, self.pending):
                held.pop(partition, None)

    def hold(self, partition: int) -> None:
        """Paused: what is left of it in the batch at hand is not handled, and read again when it flows."""
        self.held[partition] = self.positions.pop(partition)

    def release(self, partition: int) -> int | None:
        """It flows again, from the offset answered. None: it isn't held."""
        offset = self.held.pop(partition, None)
        if offset is not None:
            self.positions[partition] = offset
            self.ended.pop(partition, None)
        return offset

    def at_end(self) -> bool:
        """Whether no partition that flows has anything more to read."""
        return len(self.ended) >= len(self.positions) and all(p in self.ended for p in self.positions)

    def ends(self) -> frozenset[int]:
        """Partitions that flow and stand at their end."""
        return frozenset(p for p in self.ended if p in self.positions)

    def all(self) -> list[int]:
        """All partitions that are ours."""
        return sorted({*self.positions, *self.held})
