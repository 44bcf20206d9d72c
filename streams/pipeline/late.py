"""Late enforcement: a change that alters what would have been decided at a time already processed."""

from __future__ import annotations

from collections.abc import Iterable

from streams.contracts.base import Entry
from streams.contracts.feeds import Beat, Heartbeat
from streams.replica.changes import Applied, changed_at_ms

NEVER_MS = 2**53


def alters_from_ms(change: Applied) -> int:
    """The earliest event time at which a reader's answer differs after the change, in ms; NEVER_MS if at none."""
    old, new = change.old, change.new
    if new is None or old == new:
        return NEVER_MS
    if isinstance(new, Heartbeat):
        return _fresh_from(old.beats if isinstance(old, Heartbeat) else (), new.beats)
    after: tuple[Entry, ...] | None = getattr(new, "timeline", None)
    if after is None:
        return changed_at_ms(new)
    before: tuple[Entry, ...] = getattr(old, "timeline", ())
    return min((_entry_from(entry, before) for entry in after if entry not in before), default=NEVER_MS)


def _entry_from(entry: Entry, before: Iterable[Entry]) -> int:
    begins = max(entry.from_ms, entry.recorded_at_ms)
    held = next((e for e in before if _name(e) == _name(entry)), None)
    if held is None:
        return begins
    # Only an end may change in an entry that is held: what differs begins where the earlier of both ends is.
    ends = [e.to_ms for e in (held, entry) if e.to_ms is not None]
    return max(begins, min(ends, default=begins))


def _name(entry: Entry) -> tuple[int, str | None]:
    """Sanctions stand side by side and may share a version."""
    return entry.version, getattr(entry, "sanction_id", None)


def _fresh_from(old: Iterable[Beat], new: Iterable[Beat]) -> int:
    """Where coverage begins that was not there: a beat that prolongs another alters nothing before that one's end."""
    held = sorted(old, key=lambda b: b.recorded_at_ms)
    found = NEVER_MS
    for beat in new:
        at = beat.recorded_at_ms
        for other in held:
            if other.recorded_at_ms <= at < other.fresh_until_ms:
                at = other.fresh_until_ms
        if at < beat.fresh_until_ms:
            found = min(found, at)
    return found
