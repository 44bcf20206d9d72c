"""A replica in dicts: for replays, tests and registries under about five million rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from streams.contracts.blacklists import MANIFEST as LIST_MANIFEST
from streams.contracts.blacklists import BlacklistManifest, BlacklistRow
from streams.contracts.feeds import FEED_PREFIX, MANIFEST_PREFIX, Heartbeat, Manifest, RegistryValue
from streams.contracts.jobs import JobRow
from streams.contracts.lists import LIST_MARK, ListRow
from streams.contracts.policy import PolicyRow
from streams.contracts.registry import Row
from streams.contracts.reputation import SanctionRow
from streams.contracts.settings import SettingsRow
from streams.replica.changes import NOT_ROWS, Applied, Bad, Change, SkeletonsOf, Value, decode, is_mark
from streams.replica.marks import BadChanges, Marks

V = TypeVar("V")


def no_skeletons(row: Row) -> Iterable[str]:
    """For readers that ask for no lookalikes."""
    return ()


class MemoryReplica:
    """Decoded rows in dicts. See `base.Replica` for the contract."""

    def __init__(self, skeletons_of: SkeletonsOf = no_skeletons) -> None:
        self._skeletons_of = skeletons_of
        self._marks = Marks()
        self._bad = BadChanges()
        self._rows: dict[str, Row] = {}
        self._sanctions: dict[str, SanctionRow] = {}
        self._policies: dict[str, PolicyRow] = {}
        self._lists: dict[str, ListRow] = {}
        self._settings: dict[str, SettingsRow] = {}
        self._blacklisted: dict[str, BlacklistRow] = {}
        self._blacklists: dict[str, BlacklistManifest] = {}
        self._issuers: tuple[BlacklistManifest, ...] = ()
        self._jobs: dict[str, JobRow] = {}
        self._skeletons: dict[str, set[str]] = {}
        self._offsets: dict[tuple[str, int], int] = {}
        self._stamp: tuple[dict[str, str], int] | None = None
        self.revision = 0
        self.row = self._rows.get
        self.sanctions = self._sanctions.get
        self.policy = self._policies.get
        self.content_list = self._lists.get
        self.settings = self._settings.get
        self.blacklisted = self._blacklisted.get
        self.job = self._jobs.get
        self.feed = self._marks.feed
        self.manifests = self._marks.manifests

    @property
    def fault(self) -> str | None:
        return None

    @property
    def mended(self) -> str | None:
        return None

    def recover(self) -> None:
        pass

    @property
    def bad(self) -> list[Bad]:
        return list(self._bad.kept)

    @property
    def bad_count(self) -> int:
        return self._bad.count

    def blacklists(self) -> tuple[BlacklistManifest, ...]:
        return self._issuers

    def lookalikes(self, skeleton: str) -> tuple[str, ...]:
        return tuple(sorted(self._skeletons.get(skeleton, ())))

    def held(self, key: str, partition: int) -> RegistryValue | None:
        if key.startswith((FEED_PREFIX, MANIFEST_PREFIX)):
            return self._marks.held(key, partition)
        return self._rows.get(key)

    def apply(self, changes: Iterable[Change]) -> list[Applied]:
        applied: list[Applied] = []
        for change in changes:
            place = (change.entity, change.partition)
            if change.offset < self._offsets.get(place, 0):
                continue
            self._offsets[place] = change.offset + 1
            try:
                new = None if change.value is None else decode(change.entity, change.key, change.value)
            except ValueError as error:
                self._bad.note(change, str(error))
                continue
            old = self._put(change, new)
            self.revision += not is_mark(change)
            applied.append(Applied(change.entity, change.partition, change.key, old, new))
        return applied

    def _put(self, change: Change, new: Value | None) -> Value | None:
        key = change.key
        if change.entity == "sanctions":
            return _swap(self._sanctions, key, new if isinstance(new, SanctionRow) else None)
        if change.entity == "settings":
            return _swap(self._settings, key, new if isinstance(new, SettingsRow) else None)
        if change.entity == "blacklists" and key.startswith(LIST_MANIFEST):
            held = _swap(self._blacklists, key, new if isinstance(new, BlacklistManifest) else None)
            self._issuers = tuple(self._blacklists[name] for name in sorted(self._blacklists))
            return held
        if change.entity == "blacklists":
            return _swap(self._blacklisted, key, new if isinstance(new, BlacklistRow) else None)
        if change.entity == "jobs":
            return _swap(self._jobs, key, new if isinstance(new, JobRow) else None)
        if change.entity == "policy" and LIST_MARK in key:
            return _swap(self._lists, key, new if isinstance(new, ListRow) else None)
        if change.entity == "policy":
            return _swap(self._policies, key, new if isinstance(new, PolicyRow) else None)
        if is_mark(change):
            mark = new if isinstance(new, Heartbeat | Manifest) else None
            return self._marks.put(key, change.partition, mark)
        row = None if isinstance(new, NOT_ROWS) else new
        old = _swap(self._rows, key, row)
        before = set() if old is None else set(self._skeletons_of(old))
        after = set() if row is None else set(self._skeletons_of(row))
        for skeleton in before - after:
            self._skeletons[skeleton].discard(key)
        for skeleton in after - before:
            self._skeletons.setdefault(skeleton, set()).add(key)
        return old

    def next_offsets(self) -> dict[tuple[str, int], int]:
        return dict(self._offsets)

    def usable(self, topic_ids: Mapping[str, str], now_ms: int, max_age_ms: int) -> bool:
        if self._stamp is None:
            return False
        held, at_ms = self._stamp
        return held == dict(topic_ids) and now_ms - at_ms <= max_age_ms

    @property
    def layout_differs(self) -> bool:
        return False

    def stamp(self, topic_ids: Mapping[str, str], now_ms: int) -> None:
        self._stamp = (dict(topic_ids), now_ms)

    def wipe(self) -> None:
        for held in (
            self._rows, self._sanctions, self._policies, self._lists, self._settings, self._blacklisted,
            self._blacklists, self._jobs, self._skeletons, self._offsets,
        ):  # fmt: skip
            held.clear()
        self.revision += 1
        self._issuers = ()
        self._marks.clear()
        self._stamp = None

    def close(self) -> None:
        self.wipe()


def _swap(held: dict[str, V], key: str, value: V | None) -> V | None:
    old = held.pop(key, None)
    if value is not None:
        held[key] = value
    return old
