"""The demo's day, 2025-12-17 in Seoul, cut into epochs of half an hour, and ten days before. Times in ms, UTC."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from random import Random

EPOCH_MS = 1_800_000
BREAKER_MS = 300_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_FROM_MS = 1_765_897_200_000  # 2025-12-17T00:00+09:00, an epoch border
DAY_TO_MS = DAY_FROM_MS + 24 * HOUR_MS
HISTORY_FROM_MS = DAY_FROM_MS - 240 * HOUR_MS
REGISTRY_AT_MS = HISTORY_FROM_MS - EPOCH_MS  # the base import is over one epoch before the first report
DATE = "20251217"

# Messages per hour of the day, relative; a carrier's night is quiet.
_HOURLY = (6, 4, 3, 3, 3, 5, 10, 20, 32, 40, 42, 42, 40, 40, 41, 42, 42, 44, 45, 42, 38, 32, 24, 14)
_CUMULATED = tuple(accumulate(_HOURLY))


def at(hour: float) -> int:
    """A time of the demo's day, by the clock in Seoul: `at(13.5)` is half past one in the afternoon."""
    return DAY_FROM_MS + round(hour * HOUR_MS)


def epoch_start(index: int) -> int:
    """Start of the day's epoch 0..48."""
    return DAY_FROM_MS + index * EPOCH_MS


def spread(rng: Random, count: int, from_ms: int, to_ms: int) -> list[int]:
    """`count` rising times in [from_ms, to_ms): one somewhere in each of `count` equal parts."""
    step = (to_ms - from_ms) / max(count, 1)
    return [min(from_ms + int((i + rng.random()) * step), to_ms - 1) for i in range(count)]


def rhythm(rng: Random, count: int) -> list[int]:
    """`count` rising times over the demo's day, as many by day and as few by night as people send."""
    total = _CUMULATED[-1]
    times: list[int] = []
    for i in range(count):
        weight = (i + rng.random()) / count * total
        hour = min(bisect_right(_CUMULATED, weight), 23)
        share = (weight - (_CUMULATED[hour] - _HOURLY[hour])) / _HOURLY[hour]
        times.append(min(at(hour) + int(share * HOUR_MS), DAY_TO_MS - 1))
    return times


def ingest(rng: Random, event_ms: int) -> int:
    """When the record of a message is written: 0..500 ms later, in the same epoch."""
    return min(event_ms + int(rng.random() * 501), event_ms // EPOCH_MS * EPOCH_MS + EPOCH_MS - 1)
