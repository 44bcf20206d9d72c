"""Rate limits: a bucket of tokens for each name, refilled evenly; names that rest are forgotten."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

#: Names remembered at once; the one that rested longest goes first, and a forgotten name has a full bucket.
MAX_NAMES = 10_000


class _Bucket(NamedTuple):
    tokens: float
    at_s: float


class Buckets:
    """So many per second for each name, and so many at once."""

    def __init__(self, per_s: float, burst: float, max_names: int = MAX_NAMES) -> None:
        self._per_s, self._burst, self._max_names = per_s, burst, max_names
        self._held: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, name: str, cost: float, now_s: float) -> float:
        """0 when `cost` tokens were there and are taken; else the seconds to wait until they would be, none taken.

        A cost over the burst is let through by a full bucket and leaves a debt: it must be possible at all.
        """
        held = self._held.pop(name, _Bucket(self._burst, now_s))
        tokens = min(self._burst, held.tokens + max(0.0, now_s - held.at_s) * self._per_s)
        needed = min(cost, self._burst)
        enough = tokens >= needed
        self._held[name] = _Bucket(tokens - cost if enough else tokens, now_s)
        while len(self._held) > self._max_names:
            self._held.popitem(last=False)
        return 0.0 if enough else (needed - tokens) / self._per_s
