"""A lake that is being written: one writer, and a commit that is all or nothing.

The order of a commit, and what a crash in each place leaves:

    1  files under `_new/`, synced               nothing: they are swept at the next start
    2  renamed to where they belong, synced      nothing: the manifest does not name them, they are swept
    3  the manifest written, synced, renamed     the commit: files and offsets count from this rename on
    4  positions moved on in memory
"""

from __future__ import annotations

import fcntl
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from streams.lake import manifest as held
from streams.lake.errors import LakeError
from streams.lake.hide import Hide
from streams.lake.manifest import Gap, Manifest, Part, Place, Retired, Span
from streams.lake.rows import Cut
from streams.lake.rows import Place as Where
from streams.lake.tables import TABLES, UNREADABLE, Record

NEW = "_new"
_LOCK = ".lock"
#: How long a file that was merged away is kept for readers that still hold the old manifest.
GRACE_MS = 3_600_000
Positions = Mapping[tuple[str, int], int]


def _never(point: str) -> None:
    """The crash point of a lake that is not under test."""


def wall_ms() -> int:
    """Now, in ms since 1970."""
    return time.time_ns() // 1_000_000


class Lake:
    """The only writer of a directory, until `close`. Raises LakeError when another one is, or settings have changed.

    zone: whose days the dates are. crash: called with the name of each point at which a test may kill the process.
    """

    def __init__(
        self, directory: Path, *, zone: str, prefix: str, hide: Hide, crash: Callable[[str], None] = _never,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:  # fmt: skip
        self.directory, self._crash, self._clock_ms = directory, crash, clock_ms
        self._lock = _locked(directory)
        try:
            found = held.load(directory)
            if found is None:
                found = _made(directory, Manifest(zone=zone, key_check=hide.key_check, prefix=prefix))
            _same(directory, found, zone, hide.key_check, prefix)
            self.manifest = found
            self._cut = Cut(zone, hide)
            self._sweep()
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another writer in."""
        os.close(self._lock)

    def begin(self, entity: str, topic_id: str, first: Mapping[int, int], *, accept_gaps: bool = False) -> None:
        """Take up a topic: `first` is the first offset that Kafka still has of each partition.

        Raises LakeError when the topic was made anew, or when records that the lake has not read are gone.
        """
        place = self.manifest.places.get(entity, Place(topic_id))
        if place.topic_id != topic_id:
            raise LakeError(
                f"The topic {entity} was made anew since this lake read it, and its offsets mean other records: "
                "write into another directory."
            )
        spans, gaps = dict(place.spans), list(self.manifest.gaps)
        for partition, low in first.items():
            span = spans.setdefault(partition, Span(low, low))
            if low > span.next:
                gaps.append(Gap(entity, partition, span.next, low))
                spans[partition] = msgspec.structs.replace(span, next=low)
        lost = gaps[len(self.manifest.gaps) :]
        if lost and not accept_gaps:
            named = ", ".join(f"{g.partition}/{g.first}–{g.next - 1}" for g in lost)
            raise LakeError(
                f"Kafka has deleted records of {entity} before the lake read them ({named}): go on without them with "
                "--accept-gaps, which writes the gap down."
            )
        places = {**self.manifest.places, entity: Place(topic_id, spans)}
        taken = msgspec.structs.replace(self.manifest, places=places, gaps=tuple(gaps))
        if taken != self.manifest:
            self._store(taken)

    def commit(self, records: Sequence[Record], positions: Positions) -> Counter[str]:
        """Add records, in the order of their offsets within a partition, and move each partition on to its position.

        All of it or nothing. Returns the rows added to each table. Raises LakeError for a record that is in the lake
        already or when the disk refuses; then nothing has changed.
        """
        counts = self._counted(records, positions)
        self._crash("before-write")
        made = [self._written(where, table, positions) for where, table in self._cut.tables(records).items()]
        self._crash("after-write")
        self.place(made)
        manifest = self.manifest
        places = dict(manifest.places)
        for (entity, partition), after in positions.items():
            place = places[entity]
            span = place.spans[partition]
            moved = Span(span.first, after, span.rows + counts.get((entity, partition), 0))
            places[entity] = Place(place.topic_id, {**place.spans, partition: moved})
        self._store(msgspec.structs.replace(manifest, places=places, parts=(*manifest.parts, *made)))
        added: Counter[str] = Counter()
        for part in made:
            added[part.table] += part.rows
        return added

    def replace(self, old: Iterable[Part], new: Sequence[Part]) -> None:
        """Have `new` files (which stand under `_new/`) in the place of old ones that hold the same rows."""
        gone = {part.path for part in old}
        self.place(new)
        parts = [part for part in self.manifest.parts if part.path not in gone]
        retired = [*self.manifest.retired, *(Retired(path, self._clock_ms()) for path in sorted(gone))]
        self._store(msgspec.structs.replace(self.manifest, parts=(*parts, *new), retired=tuple(retired)))

    def expire(self, grace_ms: int = GRACE_MS) -> int:
        """Delete files that were merged away longer than `grace_ms` ago; returns how many."""
        until = self._clock_ms() - grace_ms
        old = [r for r in self.manifest.retired if r.at_ms <= until]
        if old:
            rest = tuple(r for r in self.manifest.retired if r.at_ms > until)
            self._store(msgspec.structs.replace(self.manifest, retired=rest))
            self._crash("before-delete")
            for gone in old:
                (self.directory / gone.path).unlink(missing_ok=True)
        return len(old)

    def new_path(self, path: str) -> Path:
        """Where a file that will be `path` is written first."""
        return self.directory / NEW / path.replace("/", "!")

    def place(self, parts: Sequence[Part]) -> None:
        """Rename written files to where they belong, durably."""
        self._crash("before-rename")
        folders = set()
        for number, part in enumerate(parts):
            target = self.directory / part.path
            if not target.parent.is_dir():
                target.parent.mkdir(parents=True)
                folders |= {target.parent.parent, target.parent.parent.parent}
            self.new_path(part.path).rename(target)
            folders.add(target.parent)
            if not number:
                self._crash("amid-rename")
        for folder in folders:
            held.sync_directory(folder)
        self._crash("after-rename")

    def _counted(self, records: Sequence[Record], positions: Positions) -> dict[tuple[str, int], int]:
        """How many records of each partition there are; all lie between where it stands and where it shall stand."""
        newest: dict[tuple[str, int], int] = {}
        counts: dict[tuple[str, int], int] = {}
        for record in records:
            key = (record.entity, record.partition)
            at = self.manifest.next_offset(*key)
            if at is None or not max(at, newest.get(key, 0)) <= record.offset < positions.get(key, 0):
                raise LakeError(
                    f"{record.entity}/{record.partition}/{record.offset} does not follow what the lake holds ({at}): "
                    "start it again."
                )
            newest[key] = record.offset + 1
            counts[key] = counts.get(key, 0) + 1
        return counts

    def _written(self, where: Where, table: pa.Table, positions: Positions) -> Part:
        first = self.manifest.next_offset(where.entity, where.partition)
        assert first is not None  # `_counted` has seen that it is there
        after = positions[where.entity, where.partition]
        path = f"{where.folder}/{held.file_name(where.partition, first, after)}"
        size = write_table(self.new_path(path), table)
        return Part(path, where.table, where.entity, where.partition, first, after, table.num_rows, size)

    def _store(self, manifest: Manifest) -> None:
        self._crash("before-manifest")
        held.store(self.directory, manifest, lambda: self._crash("amid-manifest"))
        self._crash("after-manifest")
        self.manifest = manifest

    def _sweep(self) -> None:
        """Delete what a crash has left: files that are not in the manifest, and only such as this lake could make."""
        for path in (self.directory / NEW).iterdir():
            path.unlink()
        known = {part.path for part in self.manifest.parts} | {r.path for r in self.manifest.retired}
        for name in (*(table.name for table in TABLES.values()), UNREADABLE):
            for path in sorted((self.directory / name).rglob("*.parquet")):
                if held.is_file_name(path.name) and path.relative_to(self.directory).as_posix() not in known:
                    path.unlink()


def write_table(path: Path, table: pa.Table) -> int:
    """Write a Parquet file, durably; returns its size in bytes."""
    with path.open("wb") as out:
        pq.write_table(table, out, compression="zstd")
        held.sync(out)
        return out.tell()


def _made(directory: Path, manifest: Manifest) -> Manifest:
    if any(path.name not in (_LOCK, NEW, f"{held.NAME}.part") for path in directory.iterdir()):
        raise LakeError(f"{directory} holds other files and no {held.NAME}: name an empty directory for a new lake.")
    held.store(directory, manifest)
    return manifest


def _same(directory: Path, found: Manifest, zone: str, key_check: str, prefix: str) -> None:
    if found.zone != zone:
        raise LakeError(f"The days of {directory} are those of {found.zone}, not of {zone}: write to another lake.")
    if found.prefix != prefix:
        raise LakeError(f"{directory} holds the topics {found.prefix}*, not {prefix}*: write to another lake.")
    if found.key_check != key_check:
        raise LakeError(
            f"The state key is not the one that {directory} was made with, one person would have two pseudonyms: "
            "configure that key, or write to another lake."
        )


def _locked(directory: Path) -> int:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise LakeError(f"{directory} can't be written ({error.strerror}): name another directory.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (directory / NEW).mkdir(exist_ok=True)
    except OSError as error:
        os.close(lock)
        raise LakeError(f"Another process writes {directory}: a lake has one writer.") from error
    return lock
