"""Tally: distinct reporters of a subject per window, as a state that merges.

Adding a vote or a delta is commutative and idempotent for votes (a set with minima), and guarded by offsets for
deltas, so duplicates and redeliveries change nothing and the order within an epoch does not matter.
"""

from __future__ import annotations

from bisect import insort
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from streams.contracts.reputation import Finding, Traffic, Vote
from streams.engine.deltas import Applied, note
from streams.engine.epochs import epoch_of
from streams.engine.pack import Pack

FIVE_MINUTES, HOUR, DAY = 300_000, 3_600_000, 86_400_000
#: Voters kept exactly for a bucket; beyond that the bucket is saturated and only a person escalates.
MAX_VOTERS = 4096
#: Ten days of window, seven of lateness, one to spare.
KEEP_MS = 18 * DAY
RECENT_MS = 2 * HOUR

#: Beyond 1000 years from 1970 no calendar is asked; day numbers go on in UTC.
CALENDAR_MS = 1000 * 365 * DAY
DAY_ONE = datetime(1970, 1, 1, tzinfo=UTC).toordinal()

#: Between a basis and the jurisdiction whose rules judged the reported messages, in the name of a ballot.
ABROAD = "@"
WINDOWS = ("1h", "24h", "10d")
_UNIT = {"1h": "m", "24h": "h", "10d": "d"}


class Tally(msgspec.Struct, kw_only=True):
    """The state of one subject; a value of the tally table (JSON).

    A ballot is the votes of one basis on messages that one jurisdiction judged: `count`, `rate` for the carrier's own,
    `count@in` and the like for others. Each is held against the thresholds of its jurisdiction, never added to another.

    voters: ballot → unit → bucket → voter → [effective epoch, weight in permille]; unit m (5 minutes), h (hour), d
    (day). withdrawn: findings that were emitted and no longer follow, because a vote of an earlier epoch came later.
    epochs: ballot → epochs in which votes count. judged: the last epoch judged by rate.
    delivered: unit → bucket → messages; recent: epoch → messages, of the last two hours, so that a judgement that
    comes late leaves out what came after its epoch. applied: decisions partition → [next offset applied, epochs that
    the delta ending there was applied for]; one transaction of the meter may have a delta for each of two epochs.
    abroad, recent_abroad: jurisdiction → the same of messages that another jurisdiction judged.
    closed_at: offset (in the subject's partition of traffic) of the watermark that had it judged last.
    cleared: sanction → epoch of the decision that overturned or lifted it; votes up to then are spent after it.
    sources: voter → report source, for sources whose share the pack caps; of several the first by name.
    """

    subject: str
    voters: dict[str, dict[str, dict[int, dict[str, list[int]]]]] = {}
    epochs: dict[str, list[int]] = {}
    delivered: dict[str, dict[int, int]] = {}
    recent: dict[int, int] = {}
    abroad: dict[str, dict[str, dict[int, int]]] = {}
    recent_abroad: dict[str, dict[int, int]] = {}
    applied: Applied = {}
    findings: list[Finding] = []
    withdrawn: list[Finding] = []
    judged: int = -(2**53)
    closed_at: int = -1
    cleared: dict[str, int] = {}
    sources: dict[str, str] = {}
    newest_ms: int = -(2**53)


def ballot_of(basis: str, jurisdiction: str | None) -> str:
    """The name of a ballot. jurisdiction: None for the carrier's own."""
    return basis if jurisdiction is None else basis + ABROAD + jurisdiction


def effective_epoch(vote: Vote, pack: Pack) -> int:
    """The epoch in which a vote counts: its ingest epoch; by rate never before the message's epoch is metered."""
    at = epoch_of(vote.ingested_at_ms, pack.epoch_ms)
    return at if vote.basis == "count" else max(at, epoch_of(vote.message_at_ms, pack.epoch_ms) + 1)


def add_vote(state: Tally, vote: Vote, pack: Pack) -> int:
    """Unite a vote with the state (in place). Returns the epoch in which it counts."""
    epoch = effective_epoch(vote, pack)
    voter = f"g:{vote.group}" if vote.group is not None else vote.reporter
    at = vote.reported_at_ms if vote.basis == "count" else vote.message_at_ms
    _prune(state, max(vote.ingested_at_ms, vote.reported_at_ms), pack)
    stored, ballot = False, ballot_of(vote.basis, vote.jurisdiction)
    for unit in _UNIT.values():
        buckets = state.voters.setdefault(ballot, {}).setdefault(unit, {})
        number = bucket_of(at, unit, pack.time_zone)
        if number < bucket_of(_oldest(state), unit, pack.time_zone):
            continue  # as it would be forgotten by the next prune: the same vote again must leave the same state
        bucket = buckets.setdefault(number, {})
        held = bucket.get(voter)
        if held is not None:
            held[0], held[1] = min(held[0], epoch), min(held[1], vote.weight_permille)
        elif len(bucket) < MAX_VOTERS:
            bucket[voter] = [epoch, vote.weight_permille]
        stored = stored or voter in bucket
    if stored and vote.source is not None and vote.source in pack.source_permille:
        state.sources[voter] = min(vote.source, state.sources.get(voter, vote.source))
    epochs = state.epochs.setdefault(ballot, [])
    if epoch not in epochs and epoch >= epoch_of(_oldest(state), pack.epoch_ms):
        insort(epochs, epoch)
    return epoch


def add_traffic(state: Tally, delta: Traffic, pack: Pack) -> bool:
    """Add a meter delta (in place). False for a redelivery, which changes nothing."""
    if not note(state.applied, delta, delta.jurisdiction):
        return False
    units, recent = _delivered_to(state, delta.jurisdiction)
    at = delta.epoch * pack.epoch_ms
    _prune(state, at, pack)
    for unit in _UNIT.values():
        buckets = units.setdefault(unit, {})
        bucket = bucket_of(at, unit, pack.time_zone)
        if bucket >= bucket_of(_oldest(state), unit, pack.time_zone):
            buckets[bucket] = buckets.get(bucket, 0) + delta.delivered
    recent[delta.epoch] = recent.get(delta.epoch, 0) + delta.delivered
    oldest = max(recent) - max(4, RECENT_MS // pack.epoch_ms)
    for epoch in [n for n in recent if n < oldest]:
        del recent[epoch]
    return True


def _delivered_to(state: Tally, jurisdiction: str | None) -> tuple[dict[str, dict[int, int]], dict[int, int]]:
    if jurisdiction is None:
        return state.delivered, state.recent
    return state.abroad.setdefault(jurisdiction, {}), state.recent_abroad.setdefault(jurisdiction, {})


def reporters(
    state: Tally, ballot: str, window: str, end_ms: int, through: int, after: int, pack: Pack, critical: int
) -> tuple[int, int]:
    """(distinct voters, their weight in permille): see `voters`. A source with a share in the pack makes up at most so
    much of `critical` (permille): reports through one door alone can warn, and block only with others."""
    united = voters(state, ballot, window, end_ms, through, after, pack.time_zone)
    by_source: dict[str, int] = {}
    for voter, weight in united.items():
        source = state.sources.get(voter, "")
        by_source[source] = by_source.get(source, 0) + weight
    shares = pack.source_permille
    found = sum(min(w, -(-critical * shares[s] // 1000)) if s in shares else w for s, w in by_source.items())
    return len(united), found


def voters(
    state: Tally, ballot: str, window: str, end_ms: int, through: int, after: int, time_zone: str
) -> dict[str, int]:
    """Voter → weight in permille: the union over the window's buckets that ends at `end_ms`, of votes that count in an
    epoch with `after < epoch <= through`. Several votes of one voter: the smallest weight."""
    united: dict[str, int] = {}
    for bucket in _in_window(state.voters.get(ballot, {}), window, end_ms, time_zone):
        for voter, (epoch, weight) in bucket.items():
            if after < epoch <= through:
                united[voter] = min(weight, united.get(voter, weight))
    return united


def delivered(state: Tally, window: str, end_ms: int, pack: Pack, jurisdiction: str | None = None) -> int:
    """Messages judged by a jurisdiction (None: the carrier's own) and delivered in the window that ends at `end_ms`, a
    border between epochs."""
    unit, zone = _UNIT[window], pack.time_zone
    held, recent = state.delivered, state.recent
    if jurisdiction is not None:
        held, recent = state.abroad.get(jurisdiction, {}), state.recent_abroad.get(jurisdiction, {})
    last = bucket_of(end_ms - 1, unit, zone)
    after = sum(
        count
        for epoch, count in recent.items()
        if epoch * pack.epoch_ms >= end_ms and bucket_of(epoch * pack.epoch_ms, unit, zone) <= last
    )
    inside: list[int] = _in_window(held, window, end_ms, zone)
    return sum(inside) - after


def _in_window(units: dict[str, dict[int, Any]], window: str, end_ms: int, time_zone: str) -> list[Any]:
    unit = _UNIT[window]
    last = bucket_of(end_ms - 1, unit, time_zone)
    span = {"m": 12, "h": 24, "d": 10}[unit]
    return [value for bucket, value in units.get(unit, {}).items() if last - span < bucket <= last]


def bucket_of(at_ms: int, unit: str, time_zone: str) -> int:
    """The number of the bucket that holds a time; days are those of the pack's time zone."""
    if unit == "m":
        return at_ms // FIVE_MINUTES
    if unit == "h":
        return at_ms // HOUR
    return _day(at_ms // HOUR, time_zone) if _whole_hours(time_zone) else _day_exact(at_ms, time_zone)


@lru_cache(maxsize=1 << 14)
def _day(hour: int, time_zone: str) -> int:
    return _day_exact(hour * HOUR, time_zone)


@lru_cache(maxsize=256)
def _whole_hours(time_zone: str) -> bool:
    """Whether the zone never splits an hour between days (all but a few zones)."""
    zone = ZoneInfo(time_zone)
    offsets = (datetime(2025, month, 15, tzinfo=zone).utcoffset() for month in (1, 7))
    return all(o is not None and o.total_seconds() % 3600 == 0 for o in offsets)


def _day_exact(at_ms: int, time_zone: str) -> int:
    if abs(at_ms) > CALENDAR_MS:
        return DAY_ONE + at_ms // DAY
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(time_zone)).toordinal()


def _oldest(state: Tally) -> int:
    """From when on a tally remembers, in ms: whole days, so that it forgets the same in whatever order it learns."""
    return state.newest_ms // DAY * DAY - KEEP_MS


def _prune(state: Tally, now_ms: int, pack: Pack) -> None:
    """Forget what no window can reach any more. By event time, so that a replay forgets the same."""
    if now_ms <= state.newest_ms:
        return
    before = state.newest_ms // DAY
    state.newest_ms = now_ms
    if now_ms // DAY == before:
        return
    oldest = _oldest(state)
    every: list[Any] = [*state.voters.values(), state.delivered, *state.abroad.values()]
    for units in every:
        for unit, buckets in units.items():
            limit = bucket_of(oldest, unit, pack.time_zone)
            for bucket in [b for b in buckets if b < limit]:
                del buckets[bucket]
    for ballot, epochs in state.epochs.items():
        state.epochs[ballot] = [n for n in epochs if n >= epoch_of(oldest, pack.epoch_ms)]
    if state.sources:
        left = {v for units in state.voters.values() for buckets in units.values() for b in buckets.values() for v in b}
        state.sources = {voter: source for voter, source in state.sources.items() if voter in left}
    state.findings = [f for f in state.findings if f.to_ms is None or f.to_ms >= oldest]
    state.withdrawn = [f for f in state.withdrawn if f.from_ms >= oldest]
    state.cleared = {name: n for name, n in state.cleared.items() if n >= epoch_of(oldest, pack.epoch_ms)}
