"""Counts decisions as they become readable, without keeping them: for runs of millions."""

from __future__ import annotations

import time

import msgspec

from streams.drill.processes import DrillStuck, now_ms
from streams.drill.reader import Follower
from streams.pipeline.settings import Connection
from streams.replay.history import Record


class _Observed(msgspec.Struct):
    source: tuple[int, int]


class _Seen(msgspec.Struct):
    observed: _Observed


class Tally:
    """Which inputs were decided how often, and in which order. Pure.

    partitions: of the input. every: of each so many inputs one decision is kept, by `source`, in `sample`.
    """

    def __init__(self, partitions: int, every: int) -> None:
        self.count = self.distinct = self.doubled = self.out_of_order = 0
        self.sample: dict[tuple[int, int], Record] = {}
        self._every = every
        self._decided = [bytearray() for _ in range(partitions)]
        self._newest: dict[tuple[bytes, int], int] = {}

    def add(self, record: Record, source: tuple[int, int]) -> None:
        """A decision has become readable."""
        partition, offset = source
        decided = self._decided[partition]
        if offset >= len(decided):
            decided.extend(bytes(max(65_536, offset + 1 - len(decided))))
        self.count += 1
        if decided[offset]:
            self.doubled += 1
            return
        decided[offset] = 1
        self.distinct += 1
        place = (record.key, partition)
        newest = self._newest.get(place, -1)
        self.out_of_order += offset < newest
        self._newest[place] = max(offset, newest)
        if offset % self._every == 0:
            self.sample[source] = record


class Counting(Follower):
    """Follows `decisions`. slack: stretches what it is given to wait. first_ms, last_ms: when the first and the latest
    became readable."""

    def __init__(self, connection: Connection, partitions: int, every: int, slack: float = 1.0) -> None:
        super().__init__(connection, connection.topic("decisions"))
        self._tally, self._decode = Tally(partitions, every), msgspec.json.Decoder(_Seen).decode
        self.first_ms = self.last_ms = 0
        self._slack = slack
        self._thread.start()

    def take(self, record: Record, seen_ms: int) -> None:
        """A decision has become readable."""
        self._tally.add(record, self._decode(record.value).observed.source)
        self.first_ms, self.last_ms = self.first_ms or seen_ms, seen_ms

    @property
    def tally(self) -> Tally:
        """What was counted so far."""
        return self._tally

    def wait(self, count: int, within_s: float) -> None:
        """Until so many decisions were seen. Raises DrillStuck."""
        within_s *= self._slack
        deadline = now_ms() + within_s * 1000
        while self._tally.count < count:
            if now_ms() > deadline:
                raise DrillStuck(f"{self._tally.count} of {count} decisions were readable after {within_s:g} s")
            time.sleep(0.02)
