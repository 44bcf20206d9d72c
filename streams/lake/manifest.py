"""The manifest: which offsets of which topics are in the lake, and in which files. What it does not name is not there.

It is one file, replaced whole by a rename. So offsets and files are committed together, by one system call.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from streams.lake.errors import LakeError

NAME = "manifest.json"
FORMAT = 1
_FILE = re.compile(r"p(\d{4,})-(\d{12,})-(\d{12,})\.parquet")


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The offsets of a partition that are in the lake: `[first, next)`. rows: records found there."""

    first: int
    next: int
    rows: int = 0


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A topic that the lake reads. topic_id: Kafka's own; a topic made anew under the same name has another."""

    topic_id: str
    spans: dict[int, Span] = {}


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file. `path` is relative to the lake; its rows are those of its day and leg in `[first, next)`."""

    path: str
    table: str
    entity: str
    partition: int
    first: int
    next: int
    rows: int
    bytes: int

    @property
    def folder(self) -> str:
        """Its directory, relative to the lake."""
        return self.path.rpartition("/")[0]


class Gap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Offsets that Kafka had deleted before the lake read them, accepted by a person."""

    entity: str
    partition: int
    first: int
    next: int


class Retired(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that was merged into another; kept for a while for who is reading it."""

    path: str
    at_ms: int


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """zone: whose days the dates are. key_check: tells whether the state key is still the one of the first day."""

    zone: str
    key_check: str
    prefix: str
    format: int = FORMAT
    places: dict[str, Place] = {}
    parts: tuple[Part, ...] = ()
    retired: tuple[Retired, ...] = ()
    gaps: tuple[Gap, ...] = ()

    def next_offset(self, entity: str, partition: int) -> int | None:
        """The offset to read next, or None where the lake has nothing of the partition yet."""
        place = self.places.get(entity)
        span = place.spans.get(partition) if place is not None else None
        return span.next if span is not None else None


def file_name(partition: int, first: int, after: int) -> str:
    """A file says which offsets it may hold: `p0003-000000009100-000000009350.parquet`."""
    return f"p{partition:04d}-{first:012d}-{after:012d}.parquet"


def is_file_name(name: str) -> bool:
    """Whether a file's name is one of ours."""
    return _FILE.fullmatch(name) is not None


def load(directory: Path) -> Manifest | None:
    """The manifest of a lake, or None where there is none. Raises LakeError when it can't be read."""
    path = directory / NAME
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LakeError(f"{path} can't be read ({error.strerror}): name a lake with --lake.") from error
    try:
        held = msgspec.json.decode(raw, type=Manifest)
    except (ValueError, RecursionError) as error:
        raise LakeError(f"{path} is no manifest of a lake ({error}): restore it from a backup.") from error
    if held.format != FORMAT:
        raise LakeError(f"{path} has format {held.format}, this version reads {FORMAT}: use the version that wrote it.")
    return held


def require(directory: Path) -> Manifest:
    """The manifest of a lake that must be there. Raises LakeError."""
    held = load(directory)
    if held is None:
        raise LakeError(f"{directory} is no lake (it has no {NAME}): make one with `dualblock lake write`.")
    return held


def store(directory: Path, manifest: Manifest, amid: Callable[[], None] = lambda: None) -> None:
    """Replace the manifest, durably. Raises OSError; the old one stands then. `amid` is called before the rename."""
    part = directory / f"{NAME}.part"
    with part.open("wb") as out:
        out.write(msgspec.json.encode(manifest))
        sync(out)
    amid()
    part.replace(directory / NAME)
    sync_directory(directory)


def sync(file: Any) -> None:
    """Have what was written to a file on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """Have a directory's entries on the disk."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
