"""Late enforcement: a change that alters what would have been decided at a time already processed."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from streams.contracts.base import Entry
from streams.contracts.feeds import Beat, Heartbeat
from streams.contracts.jobs import JobEntry
from streams.contracts.lists import ListRow
from streams.contracts.reputation import AppealState, SanctionEntry
from streams.replica.changes import Applied, changed_at_ms

NEVER_MS = 2**53


def alters_from_ms(change: Applied) -> int:
    """The earliest event time at which a reader's answer differs after the change, in ms; NEVER_MS if at none."""
    old, new = change.old, change.new
    if new is None or old == new:
        return NEVER_MS
    if isinstance(new, ListRow):
        return NEVER_MS  # what a decision reads of it is pinned by the policy
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
    if isinstance(held, JobEntry) and isinstance(entry, JobEntry) and held.reused_at_ms != entry.reused_at_ms:
        return min(t for t in (held.reused_at_ms, entry.reused_at_ms) if t is not None)
    # Only an end may change in an entry that is held, and what an appeal suspends: what differs begins where the
    # earlier of both ends is.
    ends = [e.to_ms for e in (held, entry) if e.to_ms is not None]
    end_ms = max(begins, min(ends, default=begins))
    if isinstance(held, SanctionEntry) and isinstance(entry, SanctionEntry) and held.appeals != entry.appeals:
        same = held == msgspec.structs.replace(entry, appeals=held.appeals)
        return min(_paused_from(held.appeals, entry.appeals), NEVER_MS if same else end_ms)
    return end_ms


def _paused_from(before: tuple[AppealState, ...], after: tuple[AppealState, ...]) -> int:
    """Where a suspension begins or ends that did not before."""
    held = {a.appeal_id: (a.paused_from_ms, a.paused_to_ms) for a in before}
    found = NEVER_MS
    for appeal in after:
        old_from, old_to = held.get(appeal.appeal_id, (None, None))
        if old_from != appeal.paused_from_ms:
            found = min(found, *(t for t in (old_from, appeal.paused_from_ms) if t is not None))
        elif old_to != appeal.paused_to_ms:
            found = min(found, *(t for t in (old_to, appeal.paused_to_ms) if t is not None))
    return found


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
