"""A stand-in for the replicator: the same methods, over the log, one torn batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random

from streams.drill.simulation.log import Log, Place
from streams.replica.changes import Applied, Change, Entity
from streams.replica.memory import MemoryReplica


class DiskReplica(MemoryReplica):
    """Outlives its process: closing it releases nothing."""

    def close(self) -> None:
        return


class SimReplicator:
    """See `pipeline.replicator.Replicator` for the contract. crash: called before and after each batch is applied."""

    def __init__(
        self, log: Log, replica: DiskReplica, entities: Sequence[Entity], rng: Random, crash: Callable[[str], None]
    ) -> None:  # fmt: skip
        self._log, self.replica, self.entities, self._rng, self._crash = log, replica, tuple(entities), rng, crash
        self._lag = rng.choice((0.1, 0.3, 0.9))
        self._listener: Callable[[Sequence[Applied]], None] = lambda applied: None
        held = replica.next_offsets()
        again = rng.choice((0, 0, 2))  # records that are read once more must change nothing
        self._positions: dict[Place, int] = {p: max(0, held.get(p, 0) - again) for e in entities for p in log.places(e)}
        self._kinds: dict[str, Entity] = {e: e for e in entities}
        self._ended: dict[Place, int] = {}
        self._needed: dict[Place, int] = {}
        self._calm = -1  # version of the log at which there was nothing to read

    def listen(self, listener: Callable[[Sequence[Applied]], None]) -> None:
        """Have `listener` told of each batch that was applied."""
        self._listener = listener

    @property
    def caught_up(self) -> bool:
        """Every partition's end has been seen since the start, and every end that `require` asked for."""
        if len(self._ended) < len(self._positions):
            return False
        return not self._needed or all(self._ended.get(place, -1) >= end for place, end in self._needed.items())

    def position(self, place: Place) -> int:
        """One past the last record read; infinitely far for what isn't read."""
        return self._positions.get(place, 1 << 62)

    def behind(self) -> bool:
        """Whether a poll could bring anything."""
        if self._calm == self._log.version:
            return not self.caught_up
        if not self.caught_up or any(self._log.stable_end(p) > at for p, at in self._positions.items()):
            return True
        self._calm = self._log.version
        return False

    def catch_up(self) -> bool:
        """Apply a torn batch of what is there; whether everything was read that must be."""
        if self.behind() and not (self.caught_up and self._rng.random() < self._lag):
            if self._rng.random() < 0.05:  # what was read once may be read again
                self._positions = {place: max(0, at - 2) for place, at in self._positions.items()}
                self._calm = -1
            self.poll()
        return self.caught_up

    def poll(self) -> int:
        """Apply what is there of some partitions, in any order of theirs."""
        changes: list[Change] = []
        places = list(self._positions)
        self._rng.shuffle(places)
        for place in places[: self._rng.randint(1, len(places))]:
            records, position = self._log.read(place, self._positions[place], self._rng.choice((1, 4, 1000, 1000)))
            kind = self._kinds[place[0]]
            changes += [Change(kind, place[1], r.offset, (r.key or b"").decode(), r.value) for r in records]
            self._positions[place] = position
            if position >= self._log.stable_end(place):
                self._ended[place] = max(self._ended.get(place, -1), position)
        if changes:
            self._crash("before-apply")
            applied = self.replica.apply(changes)
            self._crash("after-apply")
            self._listener(applied)
        return len(changes)

    def check(self) -> None:
        """Memory doesn't fail."""

    def require(self, entity: Entity, partitions: Iterable[int]) -> None:
        """Not caught up before everything is read that stands in these partitions now."""
        for partition in partitions:
            self._needed[entity, partition] = len(self._log.partition((entity, partition)))

    def close(self) -> None:
        """The replica stays."""
