"""Heartbeats and manifests, which stand in every partition under the same key, and the list of bad changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from streams.contracts.feeds import Beat, Heartbeat, Manifest
from streams.replica.changes import Bad, Change

BAD_KEPT = 1000


def union(heartbeats: Iterable[Heartbeat]) -> Heartbeat | None:
    """One heartbeat out of those of all partitions: every beat, overlapping and touching ones merged.

    What the feed is complete for is taken from the newest; where several are newest, what they agree on.
    """
    held = [heartbeat for heartbeat in heartbeats if heartbeat.beats]
    if not held:
        return None
    merged: list[Beat] = []
    for beat in sorted({b for h in held for b in h.beats}, key=lambda b: (b.recorded_at_ms, b.fresh_until_ms)):
        if merged and beat.recorded_at_ms <= merged[-1].fresh_until_ms:
            last = merged[-1]
            until = max(last.fresh_until_ms, beat.fresh_until_ms)
            merged[-1] = Beat(recorded_at_ms=last.recorded_at_ms, fresh_until_ms=until)
        else:
            merged.append(beat)
    newest = max(b.recorded_at_ms for h in held for b in h.beats)
    latest = [h for h in held if any(b.recorded_at_ms == newest for b in h.beats)]
    agreed = set(latest[0].complete_for).intersection(*(h.complete_for for h in latest[1:]))
    return Heartbeat(feed=held[0].feed, beats=tuple(merged), complete_for=tuple(sorted(agreed)))


class Marks:
    """Heartbeats by (feed, partition) and manifests by (generation, partition): few, so always in memory."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int], Heartbeat | Manifest] = {}
        self._feeds: dict[str, Heartbeat | None] = {}
        self._manifests: dict[str, tuple[Manifest, ...]] = {}

    def put(self, key: str, partition: int, value: Heartbeat | Manifest | None) -> Heartbeat | Manifest | None:
        """Hold a value, or drop it (None). Answers what was held before."""
        old = self._held.pop((key, partition), None)
        if value is not None:
            self._held[key, partition] = value
        for changed in (old, value):
            if isinstance(changed, Heartbeat):
                self._feeds.pop(changed.feed, None)
            elif changed is not None:
                self._manifests.pop(changed.feed, None)
        return old

    def held(self, key: str, partition: int) -> Heartbeat | Manifest | None:
        return self._held.get((key, partition))

    def feed(self, name: str) -> Heartbeat | None:
        if name not in self._feeds:
            found = [v for v in self._held.values() if isinstance(v, Heartbeat) and v.feed == name]
            self._feeds[name] = union(found)
        return self._feeds[name]

    def manifests(self, feed: str) -> tuple[Manifest, ...]:
        if feed not in self._manifests:
            found = sorted(
                (v.generation, partition, v)
                for (_, partition), v in self._held.items()
                if isinstance(v, Manifest) and v.feed == feed
            )
            self._manifests[feed] = tuple(v for *_, v in found)
        return self._manifests[feed]

    def clear(self) -> None:
        self._held.clear()
        self._feeds.clear()
        self._manifests.clear()


class BadChanges:
    """The last bad changes and the count of all."""

    def __init__(self) -> None:
        self.kept: deque[Bad] = deque(maxlen=BAD_KEPT)
        self.count = 0

    def note(self, change: Change, reason: str) -> None:
        self.kept.append(Bad(change.entity, change.partition, change.offset, change.key, reason))
        self.count += 1
