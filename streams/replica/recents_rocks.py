"""Deliveries and outcomes by person on the local disk (RocksDB). A delivery is one blind put: nothing is read for it.

Keys, by their first byte:
    d<partition, 2><person, 10><time, 8><hash of the event id, 6>  → a delivery (MessagePack, without the person)
    w<person or group, 10><hash of the outcome id, 8>              → an outcome
    c<partition, 2>                                                → marks
    o<partition, 2><entity>                                        → next offset
    t                                                              → topic ids
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import cast

import msgspec
from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, Rdict, WriteBatch

from streams.contracts.appeals import Outcome
from streams.contracts.recent import Delivery
from streams.replica.disk import DiskError, clear, is_damage
from streams.replica.recents import HORIZON_MS, KEPT, OUTCOME, RECENT, Marks, Place, Taken

_MARKS = msgspec.json.Decoder(Marks)
_INT = msgspec.json.Decoder(int)
_IDS = msgspec.json.Decoder(dict[str, str])
_DELIVERY = msgspec.msgpack.Decoder(Delivery)
_PERSON = 10
_D_PREFIX = 3 + _PERSON
_D_LENGTH = _D_PREFIX + 8 + 6
_NOBODY = "~"


def _options(block_cache_bytes: int) -> Options:
    table = BlockBasedOptions()
    table.set_block_cache(Cache(block_cache_bytes))
    table.set_block_size(16 * 1024)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_size(64 * 1024 * 1024)
    options.set_keep_log_file_num(2)
    return options


class RocksRecents:
    """Under `path`, which one process may have open. See `recents.Recents` for the contract."""

    def __init__(self, path: str, *, block_cache_bytes: int = 64 * 1024 * 1024) -> None:
        """A damaged store is built anew: it can be read again from its topics. Raises DiskError."""
        self._path, self._block_cache_bytes = path, block_cache_bytes
        self._marks: dict[int, Marks] = {}
        self._offsets: dict[Place, int] = {}
        self._cursor = b"d"
        self._pack = msgspec.msgpack.Encoder().encode
        damage = False
        try:
            self._open()
        except Exception as error:  # rocksdict has no narrower one
            if not is_damage(error) and not isinstance(error, ValueError):
                raise DiskError(path, str(error)) from error
            damage = True
        if damage:  # not before the exception is gone: its frames hold an iterator, and that the lock
            with contextlib.suppress(Exception):
                self._db.close()
            clear(path)
            self._open()

    def _open(self) -> None:
        Path(self._path).mkdir(parents=True, exist_ok=True)
        self._db = Rdict(self._path, _options(self._block_cache_bytes))
        self._marks = {int.from_bytes(k[1:3], "big"): _MARKS.decode(v) for k, v in self._scan(b"c")}
        self._offsets = {
            (k[3:].decode(), int.from_bytes(k[1:3], "big")): _INT.decode(v) for k, v in self._scan(b"o")
        }  # fmt: skip

    def _scan(self, prefix: bytes, from_key: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        rows = self._db.iter()
        rows.seek(from_key or prefix)
        while rows.valid():
            key = cast("bytes", rows.key())
            if not key.startswith(prefix):
                break
            yield key, cast("bytes", rows.value())
            rows.next()
        rows.status()  # raises: an iterator that meets a damaged block just ends

    def take(self, records: Iterable[Taken]) -> int:
        """See `Recents`. Raises DiskError; then nothing was taken."""
        batch, offsets, touched, bad = WriteBatch(raw_mode=True), dict[Place, int](), dict[int, Marks](), 0
        for record in records:
            place = (record.entity, record.partition)
            if record.offset < offsets.get(place, self._offsets.get(place, 0)):
                continue
            offsets[place] = record.offset + 1
            try:
                if record.entity == "outcomes":
                    outcome = OUTCOME.decode(record.value)
                    batch.put(_outcome_key(outcome), record.value)
                else:
                    self._recent(batch, record, touched)
            except (ValueError, RecursionError):
                bad += 1
        if not offsets:
            return 0
        for (entity, partition), offset in offsets.items():
            batch.put(_offset_key(entity, partition), msgspec.json.encode(offset))
        for partition, marks in touched.items():
            batch.put(b"c" + partition.to_bytes(2, "big"), msgspec.json.encode(marks))
        try:
            self._db.write(batch)
        except Exception as error:
            raise DiskError(self._path, str(error)) from error
        self._offsets.update(offsets)
        self._marks.update(touched)
        return bad

    def _recent(self, batch: WriteBatch, record: Taken, touched: dict[int, Marks]) -> None:
        recent, partition = RECENT.decode(record.value), record.partition
        marks = touched.get(partition)
        if marks is None:
            held = self._marks.get(partition)
            marks = touched[partition] = Marks() if held is None else msgspec.convert(msgspec.to_builtins(held), Marks)
        pack, newest, place = self._pack, marks.newest_ms, b"d" + partition.to_bytes(2, "big")
        for delivery in recent.deliveries:
            at_ms = delivery.event_time_ms
            key = b"%s%s%s%s" % (
                place, _person(delivery.recipient), _time(at_ms),
                blake2b(delivery.event_id.encode("utf-8", "replace"), digest_size=6).digest(),
            )  # fmt: skip
            batch.put(key, pack(msgspec.structs.replace(delivery, recipient=_NOBODY)))
            if at_ms > newest:
                newest = at_ms
        marks.newest_ms = newest
        marks.take(recent.marks, recent.holes)

    def deliveries(self, recipient: str, partition: int) -> list[Delivery]:
        """See `Recents`."""
        prefix = b"d" + partition.to_bytes(2, "big") + _person(recipient)
        found: list[Delivery] = []
        rows = self._db.iter()
        rows.seek_for_prev(prefix + b"\xff" * (_D_LENGTH - _D_PREFIX))
        while rows.valid() and len(found) < KEPT and cast("bytes", rows.key()).startswith(prefix):
            kept = _DELIVERY.decode(cast("bytes", rows.value()))
            found.append(msgspec.structs.replace(kept, recipient=recipient))
            rows.prev()
        rows.status()
        return sorted(found, key=lambda d: (d.event_time_ms, d.event_id), reverse=True)

    def outcomes(self, reporter: str) -> list[Outcome]:
        """See `Recents`."""
        found = [OUTCOME.decode(value) for _, value in self._scan(b"w" + _person(reporter))]
        return sorted((o for o in found if o.reporter == reporter), key=lambda o: (o.recorded_at_ms, o.outcome_id))

    def marks(self, partition: int) -> Marks:
        """See `Recents`."""
        return self._marks.get(partition, Marks())

    def next_offsets(self) -> dict[Place, int]:
        """See `Recents`."""
        return dict(self._offsets)

    def wipe(self, place: Place) -> None:
        """See `Recents`."""
        entity, partition = place
        batch = WriteBatch(raw_mode=True)
        if entity == "outcomes":
            gone = [held for held in self._offsets if held[0] == entity]
            batch.delete_range(b"w", b"x")
        else:
            gone, number = [place], partition.to_bytes(2, "big")
            batch.delete_range(b"d" + number, b"d" + (partition + 1).to_bytes(2, "big"))
            batch.delete(b"c" + number)
        for _, held in gone:
            batch.delete(_offset_key(entity, held))
        self._db.write(batch)
        for held_place in gone:
            self._offsets.pop(held_place, None)
        if entity != "outcomes":
            self._marks.pop(partition, None)

    def sweep(self, most: int) -> int:
        """See `Recents`."""
        batch, dropped = WriteBatch(raw_mode=True), 0
        last, kept = b"", deque[bytes]()
        for seen, (key, _) in enumerate(self._scan(b"d", self._cursor)):
            if key[:_D_PREFIX] != last:
                if seen >= most:  # only between two people
                    self._cursor = key
                    break
                last = key[:_D_PREFIX]
                kept.clear()
            oldest = self.marks(int.from_bytes(key[1:3], "big")).newest_ms - HORIZON_MS
            kept.append(key)
            if key[_D_PREFIX : _D_PREFIX + 8] < _time(oldest) or len(kept) > KEPT:
                batch.delete(kept.popleft())
                dropped += 1
        else:
            self._cursor = b"d"
        if dropped:
            self._db.write(batch)
        return dropped

    def compact(self) -> None:
        """Give the disk back what was swept. Takes as long as the store is large."""
        self._db.flush()
        self._db.compact_range(None, None)

    def topic_ids(self) -> dict[str, str]:
        """As they were stamped; empty for a new store."""
        held = cast("bytes | None", self._db.get(b"t"))
        return {} if held is None else _IDS.decode(held)

    def stamp(self, topic_ids: Mapping[str, str]) -> None:
        """Remember which topics this is a view of."""
        self._db.put(b"t", msgspec.json.encode(dict(topic_ids)))

    def close(self) -> None:
        """See `Recents`."""
        with contextlib.suppress(Exception):
            self._db.close()


def _person(key: str) -> bytes:
    if len(key) == 21 and key[0] == "~":
        with contextlib.suppress(ValueError):
            return bytes.fromhex(key[1:])
    return blake2b(key.encode("utf-8", "replace"), digest_size=_PERSON).digest()


def _time(at_ms: int) -> bytes:
    return (at_ms + 2**62).to_bytes(8, "big")


def _offset_key(entity: str, partition: int) -> bytes:
    return b"o" + partition.to_bytes(2, "big") + entity.encode()


def _outcome_key(outcome: Outcome) -> bytes:
    named = blake2b(outcome.outcome_id.encode("utf-8", "replace"), digest_size=8).digest()
    return b"w" + _person(outcome.reporter) + named
