"""A recipient's request becomes an entry of the recipient's timeline; an erasure empties it."""

from __future__ import annotations

import msgspec

from streams.contracts.settings import SettingsEntry, SettingsRequest, SettingsRow
from streams.engine.registry import KEEP_MS


def settle(row: SettingsRow | None, request: SettingsRequest) -> SettingsRow:
    """The recipient's row after a request. The same requests give the same row in any order and any number of times.

    The version of an entry is the time at which it was recorded: of two that count, the later wish wins.
    """
    held = SettingsRow(recipient=request.recipient) if row is None else row
    erased_ms = held.erased_at_ms
    if request.wishes is None:
        erased_ms = request.recorded_at_ms if erased_ms is None else max(erased_ms, request.recorded_at_ms)
    entries = {e.request_id: e for e in held.timeline}
    if request.wishes is not None:
        entries[request.request_id] = SettingsEntry(
            request_id=request.request_id,
            wishes=request.wishes,
            from_ms=max(request.from_ms or request.recorded_at_ms, request.recorded_at_ms),
            recorded_at_ms=request.recorded_at_ms,
            version=max(request.recorded_at_ms, 0),
        )
    # Of two requests recorded in one millisecond the greater id wins, everywhere.
    left = [e for e in entries.values() if erased_ms is None or e.recorded_at_ms > erased_ms]
    ordered = sorted(left, key=lambda e: (e.version, e.request_id))
    return SettingsRow(recipient=request.recipient, timeline=_ended(ordered), erased_at_ms=erased_ms)


def _ended(ordered: list[SettingsEntry]) -> tuple[SettingsEntry, ...]:
    """Each entry ends where a later one begins; those that ended long before the newest change are dropped."""
    made: list[SettingsEntry] = []
    begins: int | None = None  # the earliest begin of all later versions
    for entry in reversed(ordered):
        if begins is not None and begins <= entry.from_ms:
            continue  # overtaken before it ever counted
        made.append(msgspec.structs.replace(entry, to_ms=begins))
        begins = entry.from_ms
    newest_ms = max((e.recorded_at_ms for e in made), default=0)
    kept = [e for e in reversed(made) if e.to_ms is None or e.to_ms >= newest_ms - KEEP_MS]
    return tuple(kept)
