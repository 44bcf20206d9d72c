"""A replica on the local disk (RocksDB): for a national registry, and for a warm start."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import cast

import msgspec
from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, Rdict, WriteBatch

from streams.cache import Miss, TwoGenerations
from streams.contracts.base import read
from streams.contracts.blacklists import MANIFEST as LIST_MANIFEST
from streams.contracts.blacklists import BlacklistManifest, BlacklistRow
from streams.contracts.feeds import FEED_PREFIX, MANIFEST_PREFIX, Heartbeat, Manifest, RegistryValue
from streams.contracts.jobs import JobRow
from streams.contracts.lists import ListRow
from streams.contracts.policy import PolicyRow
from streams.contracts.registry import Row
from streams.contracts.reputation import SanctionRow
from streams.contracts.settings import SettingsRow
from streams.replica.changes import NOT_ROWS, Applied, Bad, Change, Entity, SkeletonsOf, Value, decode, is_mark
from streams.replica.disk import DiskError, clear, is_damage
from streams.replica.marks import BadChanges, Marks
from streams.replica.memory import no_skeletons

# The first byte of a key says what it is. One column family: point reads only, and one write is one batch anyway.
_PREFIX: dict[Entity, str] = {
    "registry": "r", "sanctions": "s", "policy": "p", "settings": "w", "blacklists": "b", "jobs": "j",
}  # fmt: skip
_LISTS = _PREFIX["blacklists"] + LIST_MANIFEST
_CONSENT = "consent:"  # how keys of rows begin that are one recipient's
_MARK = b"m"  # m<partition, 4 bytes><key> → heartbeat or manifest
_SKELETON = "k"  # k<skeleton> → JSON list of row keys, sorted
_OFFSET = b"o"  # o<partition, 4 bytes><entity> → JSON number
_STAMP = b"t"  # JSON [topic ids, wall time in ms]

#: A job's row holds up to 64 KiB: those in use are cached apart, at most twice so many.
JOBS_HELD = 500

_KEYS = msgspec.json.Decoder(tuple[str, ...])
_STAMPED = msgspec.json.Decoder(tuple[dict[str, str], int])
_INT = msgspec.json.Decoder(int)

#: Another layout of keys or values is another replica: an older directory is wiped, not read.
LAYOUT = "1-" + sha256(msgspec.json.encode(msgspec.json.schema_components((Row, *NOT_ROWS)))).hexdigest()[:16]


def _options(block_cache_bytes: int) -> Options:
    table = BlockBasedOptions()
    table.set_bloom_filter(10, False)  # full filter, 10 bits: a missing row costs half a microsecond
    table.set_block_cache(Cache(block_cache_bytes))
    table.set_block_size(16 * 1024)
    table.set_cache_index_and_filter_blocks(True)
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_size(32 * 1024 * 1024)
    options.set_keep_log_file_num(2)
    return options


class RocksReplica:
    """Rows in RocksDB under `path`, the hot ones decoded in memory. See `base.Replica` for the contract.

    One process may have a path open. `cache_rows`: decoded rows (and known absences) held, up to twice this.
    """

    def __init__(
        self,
        path: str,
        skeletons_of: SkeletonsOf = no_skeletons,
        *,
        block_cache_bytes: int = 256 * 1024 * 1024,
        cache_rows: int = 100_000,
    ) -> None:
        self._path = path
        self._skeletons_of = skeletons_of
        self._block_cache_bytes = block_cache_bytes
        self._cache: TwoGenerations[str, Value | None] = TwoGenerations(cache_rows)
        self._jobs: TwoGenerations[str, Value | None] = TwoGenerations(JOBS_HELD)
        self._skeleton_cache: TwoGenerations[str, tuple[str, ...]] = TwoGenerations(cache_rows)
        self._marks = Marks()
        self._bad = BadChanges()
        self._blacklists: dict[str, BlacklistManifest] = {}  # few, so always in memory
        self._issuers: tuple[BlacklistManifest, ...] = ()
        self._offsets: dict[tuple[str, int], int] = {}
        self.revision = 0
        self._open = True
        self._fault: str | None = None
        self._mended: str | None = None
        self._db = self._opened()
        self.feed = self._marks.feed
        self.manifests = self._marks.manifests

    def _opened(self) -> Rdict:
        """The database, loaded; built anew when what is on the disk is damaged. Raises DiskError."""
        damage = ""
        try:
            Path(self._path).mkdir(parents=True, exist_ok=True)
            self._db = Rdict(self._path, _options(self._block_cache_bytes))
            self._load()
        except Exception as error:  # rocksdict has no narrower one
            if not is_damage(error):
                raise DiskError(self._path, str(error)) from error
            damage = str(error)
        if damage:  # not before the exception is gone: its frames hold an iterator, and that the lock
            # A replica can always be read again from its topics.
            self._mended = damage
            self.wipe()
        return self._db

    def _load(self) -> None:
        self._forget()
        try:
            for partition, key, value in self._scan(_MARK):
                self._marks.put(key, partition, _mark(decode("registry", key, value)))
            for partition, entity, value in self._scan(_OFFSET):
                self._offsets[entity, partition] = _INT.decode(value)
            for raw, value in self._under(_LISTS.encode()):
                key = raw[1:].decode()
                self._note_list(key, decode("blacklists", key, value))
        except ValueError as error:
            # Written under another layout.
            self._mended = f"what was kept is laid out otherwise: {error}"
            self.wipe()

    def _scan(self, prefix: bytes) -> list[tuple[int, str, bytes]]:
        return [(int.from_bytes(raw[1:5], "big"), raw[5:].decode(), value) for raw, value in self._under(prefix)]

    def _under(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        # A list, so that no iterator lives on: one that does keeps the directory locked after close.
        found: list[tuple[bytes, bytes]] = []
        rows = self._db.iter()
        rows.seek(prefix)
        while rows.valid():
            raw = cast("bytes", rows.key())
            if not raw.startswith(prefix):
                break
            found.append((raw, cast("bytes", rows.value())))
            rows.next()
        rows.status()  # raises: an iterator that meets a damaged block just ends
        del rows  # an exception below would keep it, and it the lock
        return found

    @property
    def fault(self) -> str | None:
        return self._fault

    @property
    def mended(self) -> str | None:
        return self._mended

    def recover(self) -> None:
        damage, self._fault = self._fault is not None and is_damage(Exception(self._fault)), None
        with contextlib.suppress(Exception):  # what the fault was, once more
            self._db.close()
        if damage:
            self._mended = "damaged under us"
            clear(self._path)
        try:
            self._opened()
        except DiskError as error:
            self._fault = str(error)
            raise

    def _read(self, key: bytes) -> bytes | None:
        try:
            return cast("bytes | None", self._db.get(key))
        except Exception as error:
            self._fault = str(error)
            raise

    @property
    def bad(self) -> list[Bad]:
        return list(self._bad.kept)

    @property
    def bad_count(self) -> int:
        return self._bad.count

    def row(self, key: str) -> Row | None:
        # What belongs to one recipient is not remembered, here and below: recipients hardly ever come twice, most have
        # no row, and RocksDB says so in half a microsecond.
        read = self._read_row if key.startswith(_CONSENT) else self._get
        return cast("Row | None", read("registry", key))

    def sanctions(self, subject: str) -> SanctionRow | None:
        return cast("SanctionRow | None", self._get("sanctions", subject))

    def policy(self, jurisdiction: str) -> PolicyRow | None:
        return cast("PolicyRow | None", self._get("policy", jurisdiction))

    def content_list(self, key: str) -> ListRow | None:
        return cast("ListRow | None", self._get("policy", key))

    def settings(self, recipient: str) -> SettingsRow | None:
        return cast("SettingsRow | None", self._read_row("settings", recipient))

    def blacklisted(self, key: str) -> BlacklistRow | None:
        return cast("BlacklistRow | None", self._get("blacklists", key))

    def blacklists(self) -> tuple[BlacklistManifest, ...]:
        return self._issuers

    def _note_list(self, key: str, value: Value | None) -> None:
        if isinstance(value, BlacklistManifest):
            self._blacklists[key] = value
        else:
            self._blacklists.pop(key, None)
        self._issuers = tuple(self._blacklists[name] for name in sorted(self._blacklists))

    def job(self, key: str) -> JobRow | None:
        return cast("JobRow | None", self._get("jobs", key))

    def lookalikes(self, skeleton: str) -> tuple[str, ...]:
        found = self._skeleton_cache.get(skeleton)
        if isinstance(found, Miss):
            raw = self._read((_SKELETON + skeleton).encode())
            found = () if raw is None else _KEYS.decode(raw)
            self._skeleton_cache.put(skeleton, found)
        return found

    def held(self, key: str, partition: int) -> RegistryValue | None:
        if key.startswith((FEED_PREFIX, MANIFEST_PREFIX)):
            return self._marks.held(key, partition)
        return self.row(key)

    def _get(self, entity: Entity, key: str) -> Value | None:
        name = _PREFIX[entity] + key
        cache = self._jobs if entity == "jobs" else self._cache
        value = cache.get(name)
        if isinstance(value, Miss):
            value = self._read_row(entity, key)
            cache.put(name, value)
        return value

    def _read_row(self, entity: Entity, key: str) -> Value | None:
        raw = self._read((_PREFIX[entity] + key).encode())
        return None if raw is None else decode(entity, key, raw)

    def apply(self, changes: Iterable[Change]) -> list[Applied]:
        pending = _Pending()
        for change in changes:
            place = (change.entity, change.partition)
            if change.offset < pending.offsets.get(place, self._offsets.get(place, 0)):
                continue
            pending.offsets[place] = change.offset + 1
            try:
                new = None if change.value is None else decode(change.entity, change.key, change.value)
            except ValueError as error:
                self._bad.note(change, str(error))
                continue
            self._take(pending, change, new)
        if not pending.offsets:
            return []
        for (entity, partition), offset in pending.offsets.items():
            pending.batch.put(_at(_OFFSET, partition, entity), msgspec.json.encode(offset))
        for skeleton, keys in pending.skeletons.items():
            _put(pending.batch, (_SKELETON + skeleton).encode(), msgspec.json.encode(sorted(keys)) if keys else None)
        try:
            self._db.write(pending.batch)
        except Exception as error:
            self._fault = str(error)
            raise
        self._settle(pending)
        return pending.applied

    def _take(self, pending: _Pending, change: Change, new: Value | None) -> None:
        key = change.key
        old: Value | None
        if is_mark(change):
            place = (key, change.partition)
            old = pending.marks[place] if place in pending.marks else self._marks.held(*place)
            pending.marks[place] = _mark(new)
            _put(pending.batch, _at(_MARK, change.partition, key), change.value)
        else:
            name = _PREFIX[change.entity] + key
            old = pending.rows[name] if name in pending.rows else self._get(change.entity, key)
            pending.rows[name] = new
            _put(pending.batch, name.encode(), change.value)
            if change.entity == "registry":
                self._reskeleton(pending, key, cast("Row | None", old), cast("Row | None", new))
        pending.applied.append(Applied(change.entity, change.partition, key, old, new))

    def _reskeleton(self, pending: _Pending, key: str, old: Row | None, new: Row | None) -> None:
        before = set() if old is None else set(self._skeletons_of(old))
        after = set() if new is None else set(self._skeletons_of(new))
        for skeleton in before ^ after:
            keys = pending.skeletons.setdefault(skeleton, set(self.lookalikes(skeleton)))
            if skeleton in after:
                keys.add(key)
            else:
                keys.discard(key)

    def _settle(self, pending: _Pending) -> None:
        """After the write: what is held in memory follows."""
        self._offsets.update(pending.offsets)
        self.revision += bool(pending.rows)
        for name, value in pending.rows.items():
            self._cache.drop(name)
            if name.startswith(_LISTS):
                self._note_list(name[1:], value)
            self._jobs.drop(name)
        for skeleton in pending.skeletons:
            self._skeleton_cache.drop(skeleton)
        for (key, partition), mark in pending.marks.items():
            self._marks.put(key, partition, mark)

    def next_offsets(self) -> dict[tuple[str, int], int]:
        return dict(self._offsets)

    def usable(self, topic_ids: Mapping[str, str], now_ms: int, max_age_ms: int) -> bool:
        raw = self._read(_STAMP)
        if raw is None:
            return False
        try:
            held, at_ms = read(_STAMPED, raw)
        except ValueError:
            return False  # stamped by another version
        return held == {**topic_ids, "~layout": LAYOUT} and now_ms - at_ms <= max_age_ms

    @property
    def layout_differs(self) -> bool:
        raw = self._read(_STAMP)
        return raw is not None and _STAMPED.decode(raw)[0].get("~layout") != LAYOUT

    def stamp(self, topic_ids: Mapping[str, str], now_ms: int) -> None:
        try:
            self._db.put(_STAMP, msgspec.json.encode(({**topic_ids, "~layout": LAYOUT}, now_ms)))
        except Exception as error:
            self._fault = str(error)

    def wipe(self) -> None:
        with contextlib.suppress(Exception):  # a damaged one may not even close
            self._db.close()
        clear(self._path)
        try:
            self._db = Rdict(self._path, _options(self._block_cache_bytes))
        except Exception as error:
            raise DiskError(self._path, str(error)) from error
        self._forget()

    def _forget(self) -> None:
        self.revision += 1
        self._cache.clear()
        self._jobs.clear()
        self._skeleton_cache.clear()
        self._marks.clear()
        self._blacklists.clear()
        self._issuers = ()
        self._offsets.clear()

    def close(self) -> None:
        if self._open:
            self._open = False
            with contextlib.suppress(Exception):  # after a failed write: it says so once more
                self._db.close()


class _Pending:
    """One batch being put together: later changes of it must see the earlier ones."""

    def __init__(self) -> None:
        self.batch = WriteBatch(raw_mode=True)
        self.offsets: dict[tuple[str, int], int] = {}
        self.rows: dict[str, Value | None] = {}
        self.marks: dict[tuple[str, int], Heartbeat | Manifest | None] = {}
        self.skeletons: dict[str, set[str]] = {}
        self.applied: list[Applied] = []


def _mark(value: Value | None) -> Heartbeat | Manifest | None:
    return value if isinstance(value, Heartbeat | Manifest) else None


def _at(prefix: bytes, partition: int, name: str) -> bytes:
    return prefix + partition.to_bytes(4, "big") + name.encode()


def _put(batch: WriteBatch, key: bytes, value: bytes | None) -> None:
    if value is None:
        batch.delete(key)
    else:
        batch.put(key, value)
