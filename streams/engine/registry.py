"""Merge what a feed says into what is held under a key. One road in, one writer: the registrar."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import msgspec

from streams.contracts.base import Entry
from streams.contracts.feeds import Heartbeat, Manifest, RegistryValue
from streams.contracts.registry import (
    AccountEntry,
    AllowEntry,
    BlockRow,
    ConsentRow,
    KeyEntry,
    KeyRow,
    NetworkRow,
    SenderEntry,
    SenderRow,
    TimelineRow,
)
from streams.engine.blocks import check_states
from streams.engine.feeds import merge_heartbeat
from streams.engine.skeleton import ACCOUNT

#: Reports are judged with the rows as of up to ten days ago; two days are left for lateness.
KEEP_MS = 12 * 86_400_000


class RowRefused(ValueError):
    """A feed's row that contradicts what is held. `reason` is a code for the dead letter."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def merge(held: RegistryValue | None, new: RegistryValue) -> RegistryValue | None:
    """The value that stands under the key afterwards, or None when nothing changed. Raises RowRefused."""
    if held is not None and type(held) is not type(new):
        raise RowRefused("KIND_CHANGED", f"{type(held).__name__} is held, not {type(new).__name__}")
    merged: RegistryValue
    if isinstance(new, BlockRow | TimelineRow) and not new.key.startswith(_prefix(new)):
        raise RowRefused("WRONG_KEY", f"a {_prefix(new)}… row under {new.key}")
    if isinstance(new, Heartbeat):
        merged = merge_heartbeat(held if isinstance(held, Heartbeat) else None, new, KEEP_MS)
    elif isinstance(new, Manifest):
        if isinstance(held, Manifest) and held.feed != new.feed:
            raise RowRefused("GENERATION_TAKEN", f"{new.generation} is a generation of {held.feed}")
        merged = new
    elif isinstance(new, BlockRow):
        merged = _merge_block(held if isinstance(held, BlockRow) else None, new)
    else:
        if isinstance(new, NetworkRow):
            _validate_address(new.key)
        if isinstance(new, ConsentRow) and ">~" not in new.key:
            raise RowRefused("RECIPIENT_IN_CLEAR", "a consent names its recipient by pseudonym: owner>~…")
        if isinstance(new, KeyRow):
            _validate_key(held if isinstance(held, KeyRow) else None, new)
        if isinstance(new, SenderRow) and ACCOUNT not in new.key and any(entry.owner_keys for entry in new.timeline):
            raise RowRefused("OWNER_KEYS_OF_A_NUMBER", "of senders only accounts (…:ott:…) have them; give its `owner`")
        merged = _merge_row(held, new)  # type: ignore[arg-type]  # same type as `new`, checked above
    return None if merged == held else merged


def recorded_at(value: RegistryValue) -> int:
    """When a feed's value was written down, in ms: the newest of its changes."""
    if isinstance(value, Heartbeat):
        return max((b.recorded_at_ms for b in value.beats), default=0)
    if isinstance(value, Manifest):
        return value.from_ms
    if isinstance(value, BlockRow):
        return value.current.as_of_ms
    return max((e.end_recorded_at_ms or e.recorded_at_ms for e in value.timeline), default=0)


def counts_from(value: RegistryValue) -> int:
    """The earliest event time at which a change may alter a reader's answer, in ms (for late enforcement)."""
    if isinstance(value, Heartbeat | Manifest | BlockRow):
        return recorded_at(value)
    ends = [e.to_ms for e in value.timeline if e.end_recorded_at_ms is not None and e.to_ms is not None]
    begins = [max(e.from_ms, e.recorded_at_ms) for e in value.timeline if e.end_recorded_at_ms is None]
    return min((*ends, *begins), default=2**53)


def _prefix(row: TimelineRow | BlockRow) -> str:
    return f"{type(row).__struct_config__.tag}:"


def _merge_block(held: BlockRow | None, new: BlockRow) -> BlockRow:
    for part in (new.current, new.previous):
        if part is not None:
            try:
                check_states(part.states)
            except ValueError as error:
                raise RowRefused("BAD_BLOCK", str(error)) from error
    if held is None:
        return new
    if new.current in (held.current, held.previous):
        return held
    if new.current.as_of_ms <= held.current.as_of_ms:
        raise RowRefused("OLD_GENERATION", f"{new.current.generation} is not newer than {held.current.generation}")
    return BlockRow(key=new.key, current=new.current, previous=held.current)


def _merge_row(held: TimelineRow | None, new: TimelineRow) -> TimelineRow:
    if not new.timeline:
        raise RowRefused("EMPTY_TIMELINE", "end the entries instead")
    entries: dict[int, Entry] = {e.version: e for e in held.timeline} if held is not None else {}
    newest = max((_changed(e) for e in entries.values()), default=-(2**53))
    for entry in sorted(new.timeline, key=lambda e: e.version):
        same = entries.get(entry.version)
        _validate(entry)
        if same is None and entries and entry.version < max(entries) and _forgotten(entry, newest):
            continue  # an import tells the whole story again
        if same is not None:
            entries[entry.version] = _end(same, entry)
        elif entries and entry.version < max(entries):
            raise RowRefused("OLD_VERSION", f"version {entry.version}, but {max(entries)} is held")
        else:
            entries[entry.version] = entry
    return msgspec.structs.replace(new, timeline=tuple(_prune(sorted(entries.values(), key=lambda e: e.version))))


def _end(held: Entry, new: Entry) -> Entry:
    """The same entry again, or its end: an end keeps recorded_at and version and is never before the change."""
    if new == held or (new.to_ms is None and new.end_recorded_at_ms is None and _alike(new, held)):
        return held  # again, perhaps as it was before it ended
    changed_at = new.end_recorded_at_ms if new.end_recorded_at_ms is not None else new.to_ms
    if not _alike(new, held):
        raise RowRefused("VERSION_REUSED", f"version {new.version} says something else; give the change a new version")
    if changed_at is None or (new.to_ms is not None and new.to_ms < changed_at):
        raise RowRefused("END_IN_THE_PAST", f"version {new.version}: to_ms is before the change was recorded")
    if held.to_ms is not None and held.to_ms < changed_at:
        raise RowRefused("ALREADY_ENDED", f"version {new.version} ended before this change")
    return msgspec.structs.replace(new, end_recorded_at_ms=changed_at)


def _alike(one: Entry, other: Entry) -> bool:
    """Whether two entries say the same but for their end."""
    end: dict[str, Any] = {"to_ms": other.to_ms, "end_recorded_at_ms": other.end_recorded_at_ms}
    if isinstance(one, SenderEntry) and isinstance(other, SenderEntry):
        end["dropped_by"] = other.dropped_by
    return msgspec.structs.replace(one, **end) == other


def _validate(entry: Entry) -> None:
    if entry.to_ms is not None and entry.to_ms < entry.from_ms:
        raise RowRefused("ENDS_BEFORE_IT_BEGINS", f"version {entry.version}")
    if isinstance(entry, AllowEntry) and entry.rank == "protected" and entry.to_ms is None:
        raise RowRefused("ALLOW_WITHOUT_END", f"version {entry.version}: a protected sender needs a to_ms")
    if isinstance(entry, AllowEntry) and entry.rank == "emergency" and not entry.routes:
        raise RowRefused("ALLOW_WITHOUT_ROUTE", f"version {entry.version}: an emergency allow names its relays")
    if isinstance(entry, AccountEntry):
        for network in entry.networks:
            try:
                ip_network(network, strict=False)
            except ValueError as error:
                raise RowRefused("BAD_NETWORK", str(error)) from error


def _validate_address(key: str) -> None:
    """A reader looks for the whole address, then for its first 10 to 3 digits: other rows would never be found."""
    digits = key.removeprefix("network:gt:")
    if digits == key or not (digits.isascii() and digits.isdigit()) or not 3 <= len(digits) <= 15:
        raise RowRefused("BAD_ADDRESS", f"{key}: write network:gt: and 3 to 15 digits of a global title")


def _validate_key(held: KeyRow | None, new: KeyRow) -> None:
    """A key id is one key for ever: under another, what the old one signed would verify as somebody else's."""
    account, slash, kid = new.key.removeprefix("key:").partition("/")
    if not account or not slash or not kid or "/" in kid:
        raise RowRefused("WRONG_KEY", f"{new.key} is no key:<account>/<kid>")
    known: list[KeyEntry] = [*(held.timeline if held is not None else ()), *new.timeline]
    if any((entry.alg, entry.jwk) != (known[0].alg, known[0].jwk) for entry in known):
        raise RowRefused("KEY_CHANGED", f"{new.key} is another key already: give the new one an id of its own")
    for entry in new.timeline:
        kind = ("EC", "P-256") if entry.alg == "ES256" else ("OKP", "Ed25519")
        if (entry.jwk.kty, entry.jwk.crv) != kind or (entry.jwk.y is None) == (entry.alg == "ES256"):
            raise RowRefused("BAD_KEY", f"{entry.alg} takes a key of {' '.join(kind)}")


def _changed(entry: Entry) -> int:
    return max(entry.recorded_at_ms, entry.end_recorded_at_ms or entry.recorded_at_ms)


def _forgotten(entry: Entry, newest_ms: int) -> bool:
    """Whether its end was recorded more than 12 days before the newest change."""
    return entry.to_ms is not None and max(entry.to_ms, _changed(entry)) < newest_ms - KEEP_MS


def _prune(entries: list[Entry]) -> list[Entry]:
    """Drop what is forgotten; the last one always stays."""
    newest = max(_changed(e) for e in entries)
    return [e for e in entries if e is entries[-1] or not _forgotten(e, newest)]
