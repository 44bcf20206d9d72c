"""Deliveries and outcomes by person: the local view of `recent` and `outcomes`, in memory.

A view of its topics' prefixes, nothing more: it is written with the offsets read so far and never in a transaction, so
there is nothing to undo, and a lost disk is read again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import msgspec

from streams.contracts.appeals import Outcome
from streams.contracts.recent import Delivery, Hole, Mark, Recent

#: Newest deliveries kept for a person, and for how long (event time).
KEPT = 64
HORIZON_MS = 10 * 86_400_000
#: Holes told apart in a partition; beyond that the oldest are forgotten with everything before them.
_HOLES = 500

Place = tuple[str, int]  # entity (recent or outcomes), partition


class Taken(NamedTuple):
    """A record of `recent` or `outcomes`."""

    entity: str
    partition: int
    offset: int
    value: bytes


class Marks(msgspec.Struct, kw_only=True):
    """What is known of a partition of `recent`: by partition of `messages`, the first mark seen and the newest."""

    first: dict[int, int] = {}
    through: dict[int, int] = {}
    holes: list[tuple[int, int]] = []
    newest_ms: int = 0

    def take(self, marks: Iterable[Mark], holes: Iterable[Hole]) -> None:
        """Unite with what a record says (in place); the same again changes nothing."""
        for mark in marks:
            self.first.setdefault(mark.partition, mark.closed_before_ms)
            self.through[mark.partition] = max(mark.closed_before_ms, self.through.get(mark.partition, 0))
        found = {*self.holes, *((hole.from_ms, hole.to_ms) for hole in holes)}
        self.holes = sorted(h for h in found if h[1] > self.newest_ms - 2 * HORIZON_MS)
        while len(self.holes) > _HOLES:
            _, end = self.holes.pop(0)
            self.first = {partition: max(at, end) for partition, at in self.first.items()}


class Recents(Protocol):
    """What stores of deliveries have in common. Raises only what the disk raises."""

    def take(self, records: Iterable[Taken]) -> int:
        """Take records and their offsets, all or none; those taken before are skipped. Answers how many were bad."""
        ...

    def deliveries(self, recipient: str, partition: int) -> list[Delivery]:
        """The newest `KEPT` to a person, newest first; those older than `HORIZON_MS` may be missing."""
        ...

    def outcomes(self, reporter: str) -> list[Outcome]:
        """All outcomes held for a reporter or group."""
        ...

    def marks(self, partition: int) -> Marks:
        """What is known of a partition of `recent`; not to be changed."""
        ...

    def next_offsets(self) -> dict[Place, int]:
        """One past the last record taken, by place."""
        ...

    def wipe(self, place: Place) -> None:
        """Forget what came from a place, which is read again from its beginning; for outcomes, from all places."""
        ...

    def sweep(self, most: int) -> int:
        """Look at up to `most` deliveries, where the last call stopped, and drop what is too old or too many."""
        ...

    def close(self) -> None:
        """Release the disk."""
        ...


RECENT = msgspec.json.Decoder(Recent)
OUTCOME = msgspec.json.Decoder(Outcome)


class MemoryRecents:
    """In dicts: for embedded runs and tests."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, str], dict[tuple[int, str], Delivery]] = {}
        self._outcomes: dict[str, dict[tuple[int, str], Outcome]] = {}
        self._marks: dict[int, Marks] = {}
        self._offsets: dict[Place, int] = {}

    def take(self, records: Iterable[Taken]) -> int:
        """See `Recents`."""
        bad = 0
        for record in records:
            place = (record.entity, record.partition)
            if record.offset < self._offsets.get(place, 0):
                continue
            self._offsets[place] = record.offset + 1
            try:
                if record.entity == "outcomes":
                    self.outcome(OUTCOME.decode(record.value), record.partition)
                else:
                    self.recent(RECENT.decode(record.value), record.partition)
            except (ValueError, RecursionError):
                bad += 1
        return bad

    def recent(self, recent: Recent, partition: int) -> None:
        """Take what a gate has written."""
        for delivery in recent.deliveries:
            self.delivery(delivery, partition)
        marks = self._marks_of(partition)
        if recent.marks or recent.holes or marks.holes:
            marks.take(recent.marks, recent.holes)

    def delivery(self, delivery: Delivery, partition: int) -> None:
        """Take one delivery."""
        place, at_ms = (partition, delivery.recipient), delivery.event_time_ms
        held = self._held.get(place)
        if held is None:
            held = self._held[place] = {}
        held[at_ms, delivery.event_id] = delivery
        if len(held) > KEPT:
            del held[min(held)]
        marks = self._marks_of(partition)
        if at_ms > marks.newest_ms:
            marks.newest_ms = at_ms
        if marks.holes:
            marks.take((), ())

    def _marks_of(self, partition: int) -> Marks:
        marks = self._marks.get(partition)
        if marks is None:
            marks = self._marks[partition] = Marks()
        return marks

    def outcome(self, outcome: Outcome, partition: int = 0) -> None:
        """Take an outcome."""
        held = self._outcomes.setdefault(outcome.reporter, {})
        held[outcome.recorded_at_ms, outcome.outcome_id] = outcome

    def deliveries(self, recipient: str, partition: int) -> list[Delivery]:
        """See `Recents`."""
        held = self._held.get((partition, recipient), {})
        return [held[at] for at in sorted(held, reverse=True)]

    def outcomes(self, reporter: str) -> list[Outcome]:
        """See `Recents`."""
        held = self._outcomes.get(reporter, {})
        return [held[at] for at in sorted(held)]

    def marks(self, partition: int) -> Marks:
        """See `Recents`."""
        return self._marks.get(partition) or Marks()

    def next_offsets(self) -> dict[Place, int]:
        """See `Recents`."""
        return dict(self._offsets)

    def wipe(self, place: Place) -> None:
        """See `Recents`."""
        entity, partition = place
        if entity == "outcomes":
            self._outcomes.clear()
            self._offsets = {held: at for held, at in self._offsets.items() if held[0] != entity}
            return
        self._offsets.pop(place, None)
        self._marks.pop(partition, None)
        for key in [key for key in self._held if key[0] == partition]:
            del self._held[key]

    def sweep(self, most: int) -> int:
        """See `Recents`."""
        dropped = 0
        for (partition, _), held in self._held.items():
            oldest = self.marks(partition).newest_ms - HORIZON_MS
            for at in [at for at in held if at[0] < oldest]:
                del held[at]
                dropped += 1
        return dropped

    def close(self) -> None:
        """See `Recents`."""
