"""What a reader must have seen that had taken the topics up to certain offsets."""

from __future__ import annotations

from collections.abc import Mapping

from streams.drill.simulation.log import Log
from streams.engine.skeleton import skeletons_of
from streams.replica.changes import Change, Entity
from streams.replica.memory import MemoryReplica

ENTITIES: tuple[Entity, ...] = ("registry", "policy", "sanctions")


class Views:
    """Views by offsets, each built once, from nothing."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._built: dict[tuple[tuple[tuple[str, int], int], ...], MemoryReplica] = {}

    def at(self, offsets: Mapping[tuple[str, int], int]) -> MemoryReplica:
        """The rows below these offsets (by entity and partition)."""
        name = tuple(sorted(offsets.items()))
        found = self._built.get(name)
        if found is None:
            found = self._built[name] = MemoryReplica(skeletons_of)
            for entity in ENTITIES:
                for place in self._log.places(entity):
                    end = offsets.get(place, 0)
                    found.apply(
                        Change(entity, place[1], r.offset, (r.key or b"").decode(), r.value)
                        for r in self._log.whole(place)
                        if r.offset < end
                    )
        return found
