"""What stood under each key of the compacted topics, and from when on it could be read: a decision is computed again
from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from streams.contracts.base import Entry
from streams.contracts.blacklists import BlacklistManifest
from streams.contracts.feeds import Heartbeat, Manifest
from streams.contracts.lists import ListRow
from streams.contracts.registry import AllowRow, BlockRow, NumberRow
from streams.contracts.reputation import SanctionRow
from streams.engine.timeline import all_current, current, visible
from streams.replica.changes import Entity, Value, decode

NO_ROW = "-"
NEVER = 2**53


class Record(NamedTuple):
    """A record as read from a log. append_ms: Kafka's LogAppendTime."""

    partition: int
    offset: int
    key: bytes
    value: bytes
    append_ms: int


class State(NamedTuple):
    """What a key held from `readable_ms` on; value None: nothing yet. record: as it stands on the history topic."""

    readable_ms: int
    value: Value | None
    record: Record | None = None


NOTHING = State(-1, None)


class History:
    """All states of all keys of registry, sanctions and policy, in the order in which they came. Pure."""

    def __init__(self) -> None:
        self._states: dict[tuple[Entity, str], list[State]] = {}
        self.rows: dict[tuple[Entity, str], Value] = {}  # as they stand at the end
        self.marks: dict[tuple[str, int], Heartbeat | Manifest] = {}  # heartbeats and manifests, by partition
        self.mark_records: dict[tuple[str, int], Record] = {}  # the same, as they stand on the history topic

    def add(self, entity: Entity, records: Iterable[Record], topic: Iterable[Record] = ()) -> History:
        """Take an entity's log (its history topic), in the order of offsets within each partition.

        topic: the compacted topic itself, while it still holds everything. A writer outside of transactions that dies
        can have written the one and not yet, or never, the other; a gate could read what stands on the topic.
        """
        topic = list(topic)
        public: dict[tuple[bytes, bytes], int] = {}
        for record in topic:
            public.setdefault((record.key, record.value), record.append_ms)
        for record in records:
            key = record.key.decode()
            value = decode(entity, key, record.value)
            if isinstance(value, Heartbeat | Manifest):
                self.marks[key, record.partition] = value
                self.mark_records[key, record.partition] = record
                continue
            states = self._states.setdefault((entity, key), [NOTHING])
            if states[-1].value != value:
                at_ms = public.get((record.key, record.value), NEVER if topic else 0)
                readable_ms = max(record.append_ms, at_ms)
                states.append(State(readable_ms, value, record))
                self.rows[entity, key] = value
        return self

    def states(self, entity: Entity, key: str) -> list[State]:
        """Oldest first; the first is always "no row"."""
        return self._states.get((entity, key)) or [NOTHING]

    def keys(self, entity: Entity) -> list[str]:
        """All keys that were ever written."""
        return [key for held, key in self._states if held == entity]


def version_at(value: Value | None, e_ms: int) -> str:
    """How a decision at event time e names this state in `versions.read` (see `engine.case`)."""
    if value is None or isinstance(value, Heartbeat | Manifest | ListRow | BlacklistManifest):
        return NO_ROW
    if isinstance(value, BlockRow):
        parts = (value.current, value.previous)
        return next((p.generation for p in parts if p is not None and p.as_of_ms <= e_ms), NO_ROW)
    if isinstance(value, AllowRow | SanctionRow):
        return "+".join(str(entry.version) for entry in all_current(value.timeline, e_ms)) or NO_ROW
    timeline: tuple[Entry, ...] = value.timeline
    entry = current(timeline, e_ms)
    if entry is not None:
        return str(entry.version)
    # A number's own row that doesn't count is no row: its block answers.
    return "x" if visible(timeline, e_ms) and not isinstance(value, NumberRow) else NO_ROW
