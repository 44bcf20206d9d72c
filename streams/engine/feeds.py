"""Who vouches for what, and since when: freshness and completeness of a feed at an event's time."""

from __future__ import annotations

from typing import NamedTuple

from streams.contracts.feeds import Beat, Heartbeat, Manifest
from streams.engine.view import View


class Absence(NamedTuple):
    """What "no row" means for a word at e: proved (since the manifest's time) or not (and why)."""

    proved: bool
    why: str
    since_ms: int = -(2**53)


def fresh(view: View, feed: str | None, e_ms: int) -> bool:
    """Whether the feed had a heartbeat with `recorded_at_ms <= e < fresh_until_ms`."""
    if feed is None:
        return False
    heartbeat = view.feed(feed)
    return heartbeat is not None and any(b.recorded_at_ms <= e_ms < b.fresh_until_ms for b in heartbeat.beats)


def absence(view: View, feeds: dict[str, str], word: str | None, e_ms: int) -> Absence:
    """Closed world: "no row" is a fact only if (a) pack and feed both declare the feed complete for the word,
    (b) its heartbeat is fresh at e, and (c) the replica holds every part of a generation that counts at e."""
    feed = feeds.get(word) if word is not None else None
    if word is None or feed is None:
        return Absence(False, "no feed declared complete")
    heartbeat = view.feed(feed)
    if heartbeat is None or word not in heartbeat.complete_for:
        return Absence(False, f"{feed} is not complete for {word}")
    if not fresh(view, feed, e_ms):
        return Absence(False, f"{feed} is stale")
    since = generation_since(view.manifests(feed), e_ms)
    if since is None:
        return Absence(False, f"{feed} has no complete generation here")
    return Absence(True, feed, since)


def generation_since(manifests: tuple[Manifest, ...], e_ms: int) -> int | None:
    """`from_ms` of the newest generation that counts at e and whose manifests are all here, or None."""
    parts: dict[str, set[int]] = {}
    best: int | None = None
    for manifest in manifests:
        held = parts.setdefault(manifest.generation, set())
        held.add(manifest.partition)
        whole = len(held) >= manifest.partitions and manifest.from_ms <= e_ms
        if whole and (best is None or manifest.from_ms > best):
            best = manifest.from_ms
    return best


def merge_beats(held: tuple[Beat, ...], new: tuple[Beat, ...], keep_ms: int) -> tuple[Beat, ...]:
    """Overlapping beats as one; those that ended more than `keep_ms` before the newest are dropped, and those that
    ended before they began."""
    merged: list[Beat] = []
    for beat in sorted(filter(_lasts, (*held, *new)), key=lambda b: (b.recorded_at_ms, b.fresh_until_ms)):
        last = merged[-1] if merged else None
        if last is not None and beat.recorded_at_ms <= last.fresh_until_ms:
            if beat.fresh_until_ms > last.fresh_until_ms:
                merged[-1] = Beat(recorded_at_ms=last.recorded_at_ms, fresh_until_ms=beat.fresh_until_ms)
        else:
            merged.append(beat)
    newest = max((b.recorded_at_ms for b in merged), default=0)
    return tuple(b for b in merged if b.fresh_until_ms >= newest - keep_ms)


def merge_heartbeat(held: Heartbeat | None, new: Heartbeat, keep_ms: int) -> Heartbeat:
    """The feed's record after a heartbeat; what it is complete for is what the beat that reaches furthest says.

    So an older heartbeat that comes again changes nothing. Two that reach as far: what both agree on.
    """
    if held is None:
        return Heartbeat(feed=new.feed, beats=merge_beats((), new.beats, keep_ms), complete_for=new.complete_for)
    reaches, held_reaches = _reaches(new), _reaches(held)
    words = new.complete_for if reaches > held_reaches else held.complete_for
    if reaches == held_reaches:
        words = tuple(word for word in words if word in new.complete_for)
    return Heartbeat(feed=new.feed, beats=merge_beats(held.beats, new.beats, keep_ms), complete_for=words)


def _reaches(heartbeat: Heartbeat) -> int:
    return max((beat.fresh_until_ms for beat in heartbeat.beats if _lasts(beat)), default=-(2**53))


def _lasts(beat: Beat) -> bool:
    return beat.recorded_at_ms < beat.fresh_until_ms
