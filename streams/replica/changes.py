"""What goes into a replica (`Change`), what comes back (`Applied`), and how a value is decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import msgspec

from streams.contracts.base import read
from streams.contracts.blacklists import MANIFEST as LIST_MANIFEST
from streams.contracts.blacklists import BlacklistManifest, BlacklistRow, manifest_key
from streams.contracts.feeds import (
    FEED_PREFIX,
    MANIFEST_PREFIX,
    Heartbeat,
    Manifest,
    RegistryValue,
    decode_registry,
    key_of,
)
from streams.contracts.jobs import JobRow
from streams.contracts.lists import LIST_MARK, ListRow
from streams.contracts.policy import PolicyRow
from streams.contracts.registry import BlockRow, Row
from streams.contracts.reputation import SanctionRow
from streams.contracts.settings import SettingsRow

Entity = Literal["registry", "policy", "sanctions", "settings", "blacklists", "jobs"]
NotARow = (
    Heartbeat | Manifest | PolicyRow | ListRow | SanctionRow | SettingsRow | BlacklistRow | BlacklistManifest | JobRow
)
Value = Row | NotARow
#: What stands on topics beside registry rows.
NOT_ROWS = (
    Heartbeat, Manifest, PolicyRow, ListRow, SanctionRow, SettingsRow, BlacklistRow, BlacklistManifest, JobRow,
)  # fmt: skip
#: Gives the skeletons under which a registry row is found as a lookalike; empty for most rows. Pure.
SkeletonsOf = Callable[[Row], Iterable[str]]

_JOB = msgspec.json.Decoder(JobRow)
_CONTENT = msgspec.json.Decoder(ListRow)
_POLICY = msgspec.json.Decoder(PolicyRow)
_SANCTIONS = msgspec.json.Decoder(SanctionRow)
_BLACKLISTED = msgspec.json.Decoder(BlacklistRow)
_BLACKLIST = msgspec.json.Decoder(BlacklistManifest)
_SETTINGS = msgspec.json.Decoder(SettingsRow)


class Change(NamedTuple):
    """One record of a compacted topic. `value` None is a tombstone."""

    entity: Entity
    partition: int
    offset: int
    key: str
    value: bytes | None


def is_mark(change: Change) -> bool:
    """Whether it is a feed's word about its rows, a heartbeat or a manifest, and no row."""
    return change.entity == "registry" and change.key.startswith((FEED_PREFIX, MANIFEST_PREFIX))


class Applied(NamedTuple):
    """A change that counted. `old` and `new` are the rows before and after; None where there is none.

    For heartbeats and manifests they are those of this partition alone.
    """

    entity: Entity
    partition: int
    key: str
    old: Value | None
    new: Value | None


class Bad(NamedTuple):
    """A change that could not be read; what was held under its key before is still held."""

    entity: Entity
    partition: int
    offset: int
    key: str
    reason: str


def decode(entity: Entity, key: str, value: bytes) -> Value:
    """The value under a key.

    Raises ValueError when it is no such value, or another key's.
    """
    if entity == "registry":
        row: RegistryValue = decode_registry(key, value)
        named = key_of(row)
    elif entity == "sanctions":
        sanctions = read(_SANCTIONS, value)
        if sanctions.subject == key:
            return sanctions
        named = sanctions.subject
    elif entity == "settings":
        settings = _SETTINGS.decode(value)
        if settings.recipient == key:
            return settings
        named = settings.recipient
    elif entity == "blacklists":
        if key.startswith(LIST_MANIFEST):
            manifest = read(_BLACKLIST, value)
            if manifest_key(manifest.issuer) == key:
                return manifest
            named = manifest_key(manifest.issuer)
        else:
            listed = read(_BLACKLISTED, value)
            if listed.key == key:
                return listed
            named = listed.key
    elif entity == "jobs":
        job = read(_JOB, value)
        if job.key == key:
            return job
        named = job.key
    elif LIST_MARK in key:
        content = read(_CONTENT, value)
        if content.key == key:
            return content
        named = content.key
    else:
        policy = read(_POLICY, value)
        if policy.jurisdiction == key:
            return policy
        named = policy.jurisdiction
    if entity != "registry" or named != key:
        raise msgspec.ValidationError("the value names another key")
    return row


def changed_at_ms(value: Value | None) -> int:
    """The latest time at which something in a value was written down, in ms; 0 for nothing."""
    if value is None:
        return 0
    if isinstance(value, Heartbeat):
        return max((beat.recorded_at_ms for beat in value.beats), default=0)
    if isinstance(value, Manifest):
        return value.from_ms
    if isinstance(value, BlacklistManifest):
        return value.recorded_at_ms
    if isinstance(value, BlockRow):
        return value.current.as_of_ms
    if isinstance(value, ListRow):
        return value.current.published_ms
    return max((max(e.recorded_at_ms, e.end_recorded_at_ms or 0) for e in value.timeline), default=0)
