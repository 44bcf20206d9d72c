"""Targets: what is read back from disks. A replica's marks, offsets and stamp; the lake's manifest and its rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import msgspec

from streams.lake import manifest
from streams.lake.errors import LakeError
from streams.lake.hide import Hide
from streams.lake.rows import Cut
from streams.lake.tables import TABLES as LAKE_TABLES
from streams.lake.tables import UNREADABLE, Record
from streams.replica.rocks import LAYOUT, RocksReplica
from tests.engine.kit import KEYS, policies
from tests.fuzz.promise import DEEP, EXAMPLES, Target, examples

_TOPIC_IDS = {"registry": "id"}
_WHERE = {"mark": b"m\0\0\0\0~feed:x", "offset": b"o\0\0\0\0registry", "stamp": b"t", "key": b"m\0\0\0\0"}


@cache
def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="dualblock-fuzz-"))


@cache
def _replica() -> RocksReplica:
    return RocksReplica(str(_scratch() / "replica"), block_cache_bytes=1 << 20)


def _loaded(kind: str, raw: bytes) -> None:
    """Anything may stand on a disk that another version wrote: it is loaded, or wiped and read from its topics."""
    replica = _replica()
    where = _WHERE[kind] + (raw if kind == "key" else b"")
    replica._db.put(where, raw)
    replica._load()
    usable = replica.usable(_TOPIC_IDS, 10, 10)
    assert usable in (False, kind == "stamp" and _topics_of(raw) == _topics_of(_STAMP))
    replica.feed("x")
    replica._db.delete(where)
    replica._load()
    assert replica.next_offsets() == {}


def _topics_of(stamp: bytes) -> object:
    try:
        return msgspec.json.decode(stamp)[0]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def _manifest(raw: bytes) -> None:
    folder = _scratch()
    (folder / manifest.NAME).write_bytes(raw)
    try:
        held = manifest.load(folder)
    except LakeError:
        return
    assert held is not None
    manifest.store(folder, held)
    assert manifest.load(folder) == held


@cache
def _cut() -> Cut:
    return Cut("Asia/Seoul", Hide(KEYS, policies().default.pack.grammar))


def _row(entity: str, raw: bytes) -> None:
    """Each record is one row, in its table or among what can't be read."""
    made = _cut().tables([Record(entity, 3, 7, 10, raw), Record(entity, 3, 8, 11, None)])
    assert sum(table.num_rows for table in made.values()) == 2
    assert all(place.table in (LAKE_TABLES[entity].name, UNREADABLE) for place in made)


_STAMP = b'[{"registry":"id","~layout":"%s"},5]' % LAYOUT.encode()
_FILE = f"votes/date=2025-12-17/{manifest.file_name(0, 0, 5)}"
_HELD = manifest.Manifest(
    zone="Asia/Seoul",
    key_check="~x",
    prefix="dualblock.",
    places={"votes": manifest.Place("id", {0: manifest.Span(0, 5)})},
    parts=(manifest.Part(_FILE, "votes", "votes", 0, 0, 5, 5, 9),),
)


def _rows(entity: str) -> Target:
    check: Callable[[bytes], None] = partial(_row, entity)
    topic = entity.removesuffix(".history")
    return Target(f"lake-{entity}", check, examples(topic))


TARGETS: tuple[Target, ...] = (
    Target("replica-disk-mark", partial(_loaded, "mark"), (examples("feeds")[-1],)),
    Target("replica-disk-offset", partial(_loaded, "offset"), (b"7",), json=False),
    Target("replica-disk-stamp", partial(_loaded, "stamp"), (_STAMP,), found=(b"5", b'{"layout":1}', b"\xff")),
    Target("replica-disk-key", partial(_loaded, "key"), (b"registry",), json=False, found=(b"\xf1",)),
    Target("lake-manifest", _manifest, (msgspec.json.encode(_HELD),), found=(b'{"\x80":', DEEP)),
    *(_rows(entity) for entity in LAKE_TABLES if (EXAMPLES / f"{entity.removesuffix('.history')}.json").exists()),
)
