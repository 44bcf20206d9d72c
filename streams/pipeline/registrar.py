"""The registrar: the only writer of `registry`. Everything enters through `feeds`, an import as well as one change.

Delivery guarantees: row and history are written in one transaction, exactly once; a change that says nothing new is
not written. It holds a lost commit's rows back until it has read its own topic to the end, so it never merges into
less than what stands there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from streams.contracts.base import encoder
from streams.contracts.feeds import Manifest, RegistryValue, decode_registry, key_of
from streams.engine.registry import merge, recorded_at
from streams.pipeline.commit import CommitPolicy
from streams.pipeline.dead import value_limit
from streams.pipeline.overlay import Overlay
from streams.pipeline.replicator import Replicator
from streams.pipeline.step import Input, InvalidRecord, Output
from streams.replica.base import Replica
from streams.replica.changes import Applied, Entity

ENTITIES: tuple[Entity, ...] = ("registry",)
POLICY = CommitPolicy(max_records=5000, max_ms=100)


class Registrar:
    """Merges what feeds say into the rows. See `step.Step` for who calls what.

    replicator: of `registry` alone; the registrar listens to it and closes it.
    """

    name = "registrar"
    input = "feeds"

    def __init__(self, replicator: Replicator) -> None:
        self.newest_ms: dict[int, int] = {}
        self._replicator = replicator
        self._replica: Replica = replicator.replica
        self._overlay = Overlay()
        self._encode = encoder().encode
        self._limit = value_limit("registry")
        self._ours: set[int] = set()
        self._unread: set[int] = set()
        replicator.listen(self._read_back)

    def catch_up(self) -> bool:
        if self._unread and self._replicator.caught_up:
            # What stands in the partitions now must be read first, also what a predecessor's last transaction wrote.
            self._replicator.require("registry", self._unread)
            self._unread = set()
        return self._replicator.catch_up() and not self._unread

    def handle(self, record: Input) -> Sequence[Output]:
        partition, key = record.partition, _key(record)
        value = _value(key, record)
        held = self._overlay.get((partition, key)) or self._replica.held(key, partition)
        try:
            merged = merge(held, value)
        except ValueError as refused:
            raise InvalidRecord(getattr(refused, "reason", "REFUSED"), str(refused)) from refused
        if merged is not None and len(raw := self._encode(merged)) + len(key) * 4 > self._limit:
            raise InvalidRecord("ROW_TOO_LARGE", f"{len(raw)} bytes once merged; split the row or end old entries")
        self.newest_ms[partition] = max(self.newest_ms.get(partition, 0), recorded_at(value))
        if merged is None:
            return ()
        self._overlay.put((partition, key), merged)
        return [
            Output("registry", record.key, raw, partition),
            Output("registry.history", record.key, raw, partition),
        ]

    def _read_back(self, applied: Sequence[Applied]) -> None:
        if len(self._overlay):
            for one in applied:
                self._overlay.read_back((one.partition, one.key))

    def fallback(self, record: Input, reason: str) -> Sequence[Output]:
        return ()

    def flush(self, positions: Mapping[int, int], ended: frozenset[int], now_ms: int) -> Iterable[Output]:
        self._replicator.check()
        return ()

    def committed(self) -> None:
        self._overlay.committed()

    def aborted(self) -> None:
        self._overlay.aborted()
        # Its outcome may be unknown: if it was committed after all, its rows are on the topic and nowhere else.
        self._unread = set(self._ours)

    def assigned(self, partitions: Iterable[int]) -> None:
        self._ours.update(partitions)
        self._unread.update(partitions)

    def revoked(self, partitions: Iterable[int]) -> None:
        gone = set(partitions)
        self._overlay.drop(gone)
        self._ours -= gone
        self._unread -= gone

    def idle(self, ended: frozenset[int], now_ms: int) -> Sequence[Output]:
        return ()

    def close(self) -> None:
        self._replicator.close()
        self._replica.close()


def _key(record: Input) -> str:
    try:
        return (record.key or b"").decode()
    except UnicodeDecodeError as error:
        raise InvalidRecord("WRONG_KEY", str(error)) from error


def _value(key: str, record: Input) -> RegistryValue:
    if record.value is None:
        raise InvalidRecord("TOMBSTONE", "live state is never deleted: end its interval instead")
    try:
        value = decode_registry(key, record.value)
    except (ValueError, RecursionError) as error:
        raise InvalidRecord("NOT_A_ROW", str(error)) from error
    if key_of(value) != key:
        raise InvalidRecord("WRONG_KEY", f"the value names the key {key_of(value)!r}")
    if isinstance(value, Manifest) and value.partition != record.partition:
        raise InvalidRecord("WRONG_PARTITION", f"the manifest speaks of partition {value.partition}")
    return value
