"""Kafka in memory, as far as readers of committed records can tell: topics, transactions, offsets of groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from aiokafka.partitioner import murmur2

from streams.contracts.topics import TOPICS

Headers = Sequence[tuple[str, bytes]]
Place = tuple[str, int]  # entity, partition
GROUP_OF = {topic.entity: topic.group for topic in TOPICS}
COMPACTED = frozenset(topic.entity for topic in TOPICS if topic.cleanup == "compact")


class Transaction:
    """One producer's transaction. `offsets`: (group, entity, partition) → (next offset, metadata)."""

    __slots__ = ("firsts", "offsets", "progress", "state")

    def __init__(self) -> None:
        self.state: Literal["open", "committed", "aborted"] = "open"
        self.firsts: dict[Place, int] = {}  # its first offset in each partition that it wrote to
        self.offsets: dict[tuple[str, str, int], tuple[int, str]] = {}
        self.progress: list[bytes] = []


class Record(NamedTuple):
    """A record in a partition. control: a transaction marker, which no reader sees. at: grows over all topics."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    tx: Transaction | None = None
    control: bool = False
    at: int = 0

    @property
    def visible(self) -> bool:
        """Whether readers of committed records see it, now."""
        return not self.control and (self.tx is None or self.tx.state == "committed")


@lru_cache(maxsize=1 << 14)
def partition_of(key: bytes, count: int) -> int:
    """Where a key's records stand (murmur2, as in every producer of the project)."""
    return int(murmur2(key) & 0x7FFFFFFF) % count


class Log:
    """All topics by entity. `counts`: partitions of each topic group; a group that isn't named has one partition."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = counts
        self._partitions: dict[Place, list[Record | None]] = defaultdict(list)  # None: compacted away
        self._dropped: dict[Place, dict[int, Record]] = {}
        self.offsets: dict[tuple[str, str, int], tuple[int, str]] = {}
        self._open: dict[str, Transaction] = {}  # by transactional id
        self._epochs: dict[str, int] = {}
        self.aborted = self.committed = 0
        self.version = 0  # rises with everything that a reader could notice
        self.on_commit: Callable[[Transaction], None] = lambda tx: None

    def count(self, entity: str) -> int:
        """Partitions of an entity's topic; other topics (changelogs) are cut like those of reputation."""
        return self._counts.get(GROUP_OF.get(entity, "reputation"), 1)

    def places(self, entity: str) -> list[Place]:
        """All partitions of a topic."""
        return [(entity, partition) for partition in range(self.count(entity))]

    def partition(self, place: Place) -> list[Record | None]:
        """The raw partition."""
        return self._partitions[place]

    def append(
        self, entity: str, key: bytes | None, value: bytes | None, partition: int | None = None,
        headers: Headers = (), tx: Transaction | None = None,
    ) -> tuple[int, int]:  # fmt: skip
        """Write a record; answers (partition, offset)."""
        place = (entity, partition_of(key or b"", self.count(entity)) if partition is None else partition)
        records = self.partition(place)
        self.version += 1
        records.append(Record(len(records), key, value, headers, tx, False, self.version))
        if tx is not None:
            tx.firsts.setdefault(place, len(records) - 1)
            if entity == "progress" and value is not None:
                tx.progress.append(value)
        return place[1], len(records) - 1

    def read(self, place: Place, position: int, limit: int) -> tuple[list[Record], int]:
        """Committed records from `position` on, and the position behind them; stops before an open transaction."""
        records = self._partitions[place]
        found: list[Record] = []
        end = len(records)
        while position < end and len(found) < limit:
            record = records[position]
            if record is not None and not record.control:
                state = "committed" if record.tx is None else record.tx.state
                if state == "open":
                    break
                if state == "committed":
                    found.append(record)
            position += 1
        return found, position

    def whole(self, place: Place) -> list[Record]:
        """Every committed record that ever stood in a partition, those compacted away included."""
        dropped = self._dropped.get(place, {})
        every = (dropped[n] if r is None else r for n, r in enumerate(self.partition(place)))
        return [record for record in every if record.visible]

    def every(self, entity: str) -> list[tuple[int, Record]]:
        """(partition, record) of every committed record of a topic, those compacted away included."""
        return [(p, r) for p in range(self.count(entity)) for r in self.whole((entity, p))]

    def stable_end(self, place: Place) -> int:
        """Where a reader of committed records stands at the end."""
        end = len(self._partitions[place])
        for tx in self._open.values():
            end = min(end, tx.firsts.get(place, end))
        return end

    def compact(self, place: Place, below: int) -> None:
        """Drop committed records below an offset whose key was written again there.

        `below` is where the slowest live reader stands (min.compaction.lag.ms): whoever skips a value is no longer a
        function of offsets, and that's what the models need.
        """
        records, seen = self.partition(place), set()
        for offset in range(min(below, self.stable_end(place)) - 1, -1, -1):
            record = records[offset]
            if record is None or not record.visible:
                continue
            if record.key in seen:
                self._dropped.setdefault(place, {})[offset] = record
                records[offset] = None
            seen.add(record.key)

    # -- transactions --------------------------------------------------------------------------------------------

    def init(self, name: str) -> int:
        """A producer takes a transactional id over: what its predecessor left open is aborted. Answers its epoch."""
        self.expire(name)
        self._epochs[name] = self._epochs.get(name, 0) + 1
        return self._epochs[name]

    def epoch(self, name: str) -> int:
        """Producers of an older epoch are fenced."""
        return self._epochs.get(name, 0)

    def begin(self, name: str) -> Transaction:
        """A new transaction of this id."""
        self._open[name] = Transaction()
        return self._open[name]

    def end(self, name: str, commit: bool) -> None:
        """Commit or abort what the id has open."""
        tx = self._open.pop(name, None)
        if tx is None:
            return
        self.version += 1
        tx.state = "committed" if commit else "aborted"
        for place in sorted(tx.firsts):
            records = self.partition(place)
            records.append(Record(len(records), None, None, (), None, True))
        if commit:
            self.committed += 1
            self.offsets.update(tx.offsets)
            self.on_commit(tx)
        else:
            self.aborted += 1

    def expire(self, name: str) -> None:
        """The coordinator aborts what the id has open: a timeout, or a successor."""
        self.end(name, False)

    def open_names(self) -> list[str]:
        """Transactional ids with an open transaction."""
        return sorted(self._open) if self._open else []

    def grown(self, place: Place, position: int) -> bool:
        """Whether anything stands from a position on, visible or not."""
        return len(self._partitions[place]) > position

    def settle_offsets(self, group: str, places: Iterable[Place], asking: str) -> None:
        """Offsets that another's open transaction holds are not stable: who asks waits until it has timed out."""
        wanted = {(group, *place) for place in places}
        for name, tx in list(self._open.items()):
            if name != asking and wanted & tx.offsets.keys():
                self.expire(name)
