"""Taking a partner's list: its entries become rows that end when they expire, are delisted, or the list goes stale.

A list is taken whole or not at all. What is older than the list held never counts again, so that an old snapshot can't
list anew what was delisted since. What was held and still is on the list keeps its entry, with a later end.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from streams.contracts.base import encoder, read
from streams.contracts.blacklists import (
    BlacklistEntry,
    BlacklistFile,
    BlacklistItem,
    BlacklistManifest,
    BlacklistRow,
    Trust,
    row_key,
)
from streams.engine.registry import KEEP_MS

FORMAT = "dualblock-blacklist/1"
#: How far the issuer's clock may be ahead of ours.
SKEW_MS = 300_000
_FILE = msgspec.json.Decoder(BlacklistFile)


class BlacklistRefused(ValueError):
    """A list that can't be taken. `reason` is a code."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Taken(NamedTuple):
    """What taking a list comes to: the rows that change, and the manifest. listed, delisted: how many subjects newly
    are on the list, or no longer."""

    rows: tuple[BlacklistRow, ...]
    manifest: BlacklistManifest
    listed: int
    delisted: int


def digest_of(entries: Iterable[BlacklistItem]) -> str:
    """What a list's entries come to, in whatever order they stand."""
    ordered = sorted(entries, key=lambda item: item.subject)
    return hashlib.sha256(encoder().encode(ordered)).hexdigest()


def read_list(payload: bytes) -> BlacklistFile:
    """A list from its signed bytes, checked whole. Raises BlacklistRefused."""
    try:
        found = read(_FILE, payload)
    except ValueError as error:
        raise BlacklistRefused("NOT_A_LIST", f"it is no list: {error}") from error
    named = Counter([*(item.subject for item in found.entries), *found.removed])
    if twice := [name for name, count in named.items() if count > 1]:
        raise BlacklistRefused("NOT_A_LIST", f"it names {len(twice)} subjects twice, {twice[0]} first")
    if found.fresh_until_ms <= found.issued_at_ms:
        raise BlacklistRefused("NOT_A_LIST", "it is stale from the start")
    if found.base is None and (found.removed or digest_of(found.entries) != found.digest):
        raise BlacklistRefused("NOT_A_LIST", "a snapshot's digest must be that of its entries, and it removes nothing")
    if found.base is not None and found.base >= found.sequence:
        raise BlacklistRefused("NOT_A_LIST", f"it changes {found.base}, which does not come before {found.sequence}")
    return found


def delta(before: BlacklistFile, after: BlacklistFile) -> BlacklistFile:
    """What leads from one snapshot to a later one."""
    held = {item.subject: item for item in before.entries}
    named = {item.subject for item in after.entries}
    return msgspec.structs.replace(
        after,
        base=before.sequence,
        entries=tuple(item for item in after.entries if held.get(item.subject) != item),
        removed=tuple(sorted(held.keys() - named)),
    )


def take(
    file: BlacklistFile,
    manifest: BlacklistManifest | None,
    rows: Mapping[str, BlacklistRow],
    trust: Trust | None,
    now_ms: int,
    at_ms: int,
) -> Taken | None:
    """Take a list at wall time `now_ms`, to count from `at_ms` on; None where it is held already. Raises
    BlacklistRefused.

    manifest, rows: what is held of this issuer, rows by key. trust: None for the level at which its lists were taken
    until now, in shadow at first.
    """
    level = trust or (manifest.trust if manifest is not None else "shadow")
    same = manifest is not None and file.sequence == manifest.seq and file.digest == manifest.digest
    if same and manifest is not None and level == manifest.trust:
        return None
    _may_take(file, manifest, same, now_ms, at_ms)
    wanted = {item.subject: item for item in file.entries}
    if file.base is not None:
        held = (_item(row, file.issuer, at_ms) for row in rows.values())
        wanted = {item.subject: item for item in held if item is not None and item.subject not in file.removed} | wanted
    taking = _Taking(file, level, now_ms, at_ms)
    for subject in sorted(wanted.keys() | {_subject(key, file.issuer) for key in rows}):
        taking.one(subject, rows.get(row_key(file.issuer, subject)), wanted.get(subject))
    made = BlacklistManifest(
        issuer=file.issuer,
        seq=file.sequence,
        digest=file.digest,
        trust=level,
        since_ms=at_ms if manifest is None else manifest.since_ms,
        recorded_at_ms=now_ms,
        fresh_until_ms=file.fresh_until_ms,
        entries=len(wanted),
        persons_key=file.persons_key,
    )
    return Taken(tuple(taking.rows), made, taking.listed, taking.delisted)


def _may_take(
    file: BlacklistFile, manifest: BlacklistManifest | None, same: bool, now_ms: int, at_ms: int
) -> None:  # fmt: skip
    if manifest is not None and not same and file.sequence <= manifest.seq:
        raise BlacklistRefused(
            "OLD_SEQUENCE",
            f"it is number {file.sequence} of {file.issuer}, and number {manifest.seq} was taken already",
        )
    if file.base is not None and not same:
        if manifest is None or file.base != manifest.seq:
            held = "none" if manifest is None else f"number {manifest.seq}"
            raise BlacklistRefused(
                "OTHER_BASE", f"it changes number {file.base}, and {held} is held: take the snapshot"
            )
        if manifest.fresh_until_ms <= at_ms:
            raise BlacklistRefused("STALE_BASE", "the list that it changes is no longer fresh: take the snapshot")
    if file.fresh_until_ms <= at_ms:
        raise BlacklistRefused("STALE", "it is no longer fresh: ask its issuer for a newer one")
    if file.issued_at_ms > now_ms + SKEW_MS:
        raise BlacklistRefused("FROM_THE_FUTURE", "it was issued later than now: one of two clocks is wrong")
    if manifest is not None and now_ms <= manifest.recorded_at_ms:
        raise BlacklistRefused("CLOCK", "the list held was taken later than now: this machine's clock is wrong")


def changed_from(before: BlacklistRow | None, after: BlacklistRow) -> int:
    """From which event time on a row answers otherwise than the one before, in ms."""
    if not after.timeline:
        return 2**53
    last = after.timeline[-1]
    same = [e for e in (before.timeline if before is not None else ()) if e.version == last.version]
    if not same:
        return max(last.from_ms, last.recorded_at_ms)
    return min(e.to_ms if e.to_ms is not None else 2**53 for e in (same[0], last))


class _Taking:
    """One list being taken, subject by subject."""

    def __init__(self, file: BlacklistFile, trust: Trust, now_ms: int, at_ms: int) -> None:
        self._file, self._trust, self._now_ms, self._at_ms = file, trust, now_ms, at_ms
        self.rows: list[BlacklistRow] = []
        self.listed = self.delisted = 0

    def one(self, subject: str, row: BlacklistRow | None, item: BlacklistItem | None) -> None:
        timeline = () if row is None else row.timeline
        standing = _open(timeline, self._at_ms)
        until_ms = None if item is None else min(item.expires_ms, self._file.fresh_until_ms)
        if item is None or until_ms is None or until_ms <= self._at_ms:
            if standing is None:
                return
            self.delisted += 1
            after = [*timeline[:-1], *self._ended(standing)]
        elif standing is not None and self._same(standing, item):
            if standing.to_ms == until_ms:
                return
            after = [
                *timeline[:-1],
                msgspec.structs.replace(standing, to_ms=until_ms, end_recorded_at_ms=self._now_ms),
            ]
        else:
            self.listed += standing is None
            before = timeline if standing is None else (*timeline[:-1], *self._ended(standing))
            after = [*before, self._entry(item, until_ms)]
        kept = [e for e in after[:-1] if e.to_ms is not None and e.to_ms >= self._now_ms - KEEP_MS]
        self.rows.append(BlacklistRow(key=row_key(self._file.issuer, subject), timeline=(*kept, *after[-1:])))

    def _ended(self, entry: BlacklistEntry) -> list[BlacklistEntry]:
        """The entry with its end at the time of the change; it stays, so that nobody takes it for never listed."""
        end_ms = max(self._at_ms, entry.from_ms)
        return [msgspec.structs.replace(entry, to_ms=end_ms, end_recorded_at_ms=self._now_ms)]

    def _same(self, entry: BlacklistEntry, item: BlacklistItem) -> bool:
        return entry.trust == self._trust and _said(entry, item.subject) == item

    def _entry(self, item: BlacklistItem, until_ms: int) -> BlacklistEntry:
        return BlacklistEntry(
            from_ms=self._at_ms,
            to_ms=until_ms,
            recorded_at_ms=self._now_ms,
            version=self._now_ms,
            trust=self._trust,
            seq=self._file.sequence,
            observed_at_ms=item.observed_at_ms,
            expires_ms=item.expires_ms,
            reason=item.reason,
            grounds=item.grounds,
            counts=item.counts,
        )


def _open(timeline: tuple[BlacklistEntry, ...], at_ms: int) -> BlacklistEntry | None:
    """The last entry, if it stands beyond a time; entries of one list follow each other."""
    last = timeline[-1] if timeline else None
    return last if last is not None and (last.to_ms is None or last.to_ms > at_ms) else None


def _item(row: BlacklistRow, issuer: str, at_ms: int) -> BlacklistItem | None:
    standing = _open(row.timeline, at_ms)
    return None if standing is None else _said(standing, _subject(row.key, issuer))


def _said(entry: BlacklistEntry, subject: str) -> BlacklistItem:
    """What the list said when the entry was made."""
    return BlacklistItem(
        subject=subject,
        observed_at_ms=entry.observed_at_ms,
        expires_ms=entry.expires_ms,
        reason=entry.reason,
        grounds=entry.grounds,
        counts=entry.counts,
    )


def _subject(key: str, issuer: str) -> str:
    return key.removeprefix(issuer + ":")
