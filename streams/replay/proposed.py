"""New rules laid over today's: rows and a policy as if they had been in force for as long as anybody looks back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from streams.contracts.base import Entry
from streams.contracts.feeds import Beat, Heartbeat, Manifest, RegistryValue
from streams.contracts.policy import PolicyEntry, PolicyRow
from streams.contracts.registry import AllowRow, BlockRow, Row, TimelineRow
from streams.engine.registry import RowRefused, merge
from streams.engine.skeleton import skeletons_of
from streams.engine.timeline import all_current, current
from streams.errors import InputError
from streams.replay.drive import Refused
from streams.replay.lines import check_files, read_lines
from streams.replay.records import read_control
from streams.replica.memory import MemoryReplica

ALWAYS = -(2**53)
NEVER = 2**53


@dataclass(frozen=True, slots=True)
class Rules:
    """What one side of a backtest decides by, beside what both read: a policy, and rows that replace those held."""

    policy: PolicyRow | None
    rows: Mapping[str, Row] = field(default_factory=dict)
    feeds: Mapping[str, Heartbeat] = field(default_factory=dict)
    manifests: tuple[Manifest, ...] = ()


class Lens:
    """A replica seen through rules; what they do not speak of is the replica's own. Changes go to the replica."""

    def __init__(self, base: MemoryReplica, rules: Rules) -> None:
        self._base, self._rules = base, rules
        self._skeletons: dict[str, list[str]] = {}
        for key, row in rules.rows.items():
            for skeleton in skeletons_of(row):
                self._skeletons.setdefault(skeleton, []).append(key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._base, name)

    def row(self, key: str) -> Row | None:
        found = self._rules.rows.get(key)
        return found if found is not None else self._base.row(key)

    def policy(self, jurisdiction: str) -> PolicyRow | None:
        return self._rules.policy  # a backtest is of one jurisdiction

    def feed(self, name: str) -> Heartbeat | None:
        return self._rules.feeds.get(name) or self._base.feed(name)

    def manifests(self, feed: str) -> tuple[Manifest, ...]:
        own = tuple(m for m in self._rules.manifests if m.feed == feed)
        return own or self._base.manifests(feed)

    def lookalikes(self, skeleton: str) -> tuple[str, ...]:
        kept = [key for key in self._base.lookalikes(skeleton) if key not in self._rules.rows]
        return tuple(sorted([*kept, *self._skeletons.get(skeleton, ())]))


def pinned(entry: PolicyEntry | None, jurisdiction: str) -> PolicyRow | None:
    """A policy as if it had counted always. None: none is published, and the shipped pack only observes."""
    if entry is None:
        return None
    always = msgspec.structs.replace(entry, from_ms=ALWAYS, to_ms=None, recorded_at_ms=ALWAYS, end_recorded_at_ms=None)
    return PolicyRow(jurisdiction=jurisdiction, timeline=(always,))


def in_force(row: PolicyRow | None, now_ms: int) -> PolicyEntry | None:
    """The policy that counts now."""
    return current(row.timeline, now_ms) if row is not None else None


def read_rules(policy: PolicyRow | None, names: Iterable[str], as_of_ms: int) -> Rules:
    """The rules of a new policy and files of new rows, as they stand at a time (or when they have taken effect, if that
    is later). Raises InputError for the first line that a registrar would refuse: half a proposal proves nothing."""
    rows: dict[str, Row] = {}
    feeds: dict[str, Heartbeat] = {}
    manifests: list[Manifest] = []
    names = tuple(names)
    check_files([names])

    def refused(letter: Refused) -> None:
        raise InputError(f"{letter.place} is no row of a registry ({letter.reason}): correct it, or leave it out.")

    for name in names:
        for timed in read_control("registry", read_lines(name), refused):
            value: Any = timed.record
            try:
                held = merge(_held(value, rows, feeds), value)
            except RowRefused as error:
                raise InputError(f"{timed.place} would be refused ({error}): correct it, or leave it out.") from error
            if isinstance(value, Heartbeat):
                beats = (Beat(recorded_at_ms=ALWAYS, fresh_until_ms=NEVER),)
                feeds[value.feed] = msgspec.structs.replace(value, beats=beats)
            elif isinstance(value, Manifest):
                manifests.append(msgspec.structs.replace(value, from_ms=ALWAYS))
            elif held is not None:
                rows[value.key] = held  # type: ignore[assignment]  # a row merged with a row is a row
    dated = {key: dated_back(row, as_of_ms) for key, row in rows.items()}
    return Rules(policy, dated, feeds, tuple(manifests))


def _held(value: RegistryValue, rows: Mapping[str, Row], feeds: Mapping[str, Heartbeat]) -> RegistryValue | None:
    return rows.get(value.key) if isinstance(value, BlockRow | TimelineRow) else None


def dated_back(row: Row, as_of_ms: int) -> Row:
    """A row that says, of every time, what it says at `as_of_ms`; later, where it takes effect only then."""
    if isinstance(row, BlockRow):
        return BlockRow(key=row.key, current=msgspec.structs.replace(row.current, as_of_ms=ALWAYS))
    timeline: tuple[Entry, ...] = row.timeline
    at_ms = max(as_of_ms, *(max(e.from_ms, e.recorded_at_ms) for e in timeline))
    found: list[Entry] = all_current(timeline, at_ms) if isinstance(row, AllowRow) else []
    if not isinstance(row, AllowRow) and (one := current(timeline, at_ms)) is not None:
        found = [one]
    stands: Callable[[Entry], Entry] = lambda e: msgspec.structs.replace(  # noqa: E731 - one expression, two uses
        e, from_ms=ALWAYS, to_ms=None, recorded_at_ms=ALWAYS, end_recorded_at_ms=None
    )
    kept = tuple(map(stands, found)) or (msgspec.structs.replace(stands(timeline[-1]), to_ms=ALWAYS),)
    return msgspec.structs.replace(row, timeline=kept)
