"""The authorities' feeds: number blocks, manifests that make the base import whole, and heartbeats."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from streams.contracts.base import encoder
from streams.contracts.feeds import Beat, Heartbeat, Manifest, RegistryValue
from streams.contracts.registry import AccountRow, BlockRow, ConsentRow, KeyRow, RelayRow, ResellerRow, SenderRow
from streams.demo.clock import DAY_FROM_MS, DAY_TO_MS, EPOCH_MS, MINUTE_MS, REGISTRY_AT_MS, at
from streams.demo.numbers import GENERATION, NumberBook

Timed = tuple[int, RegistryValue]  # (ingest time in ms, value)

VOIP_STALE_MS, VOIP_BACK_MS = at(13), at(14)
FEEDS: dict[str, tuple[str, ...]] = {
    "kr-number-status": ("kr:mobile",),
    "kr-voip-status": ("kr:voip",),
    "kr-service-status": ("kr:service",),
    "kr-sender-registry": ("kr:sender",),
    "kr-certification": ("kr:relay", "kr:reseller", "kr:account"),
    "kr-consent-registry": ("kr:consent",),
    "kr-signing-keys": ("kr:key",),
    "kr-bulk-jobs": ("kr:job",),
}
_BLOCKS = {
    "mobile": "kr-number-status", "fixed": "kr-number-status", "voip": "kr-voip-status",
    "representative": "kr-service-status",
}  # fmt: skip


def number_blocks(book: NumberBook) -> dict[str, list[BlockRow]]:
    """The rows of all listed blocks, by feed."""
    found: dict[str, list[BlockRow]] = {feed: [] for feed in FEEDS}
    for kind, block in book.blocks:
        if (row := block.row(REGISTRY_AT_MS)) is not None:
            found[_BLOCKS[kind]].append(row)
    return found


def feeds(rows: Sequence[Timed], book: NumberBook) -> list[Timed]:
    """Everything that enters through the feeds, by ingest time: rows first, then the manifests, then heartbeats."""
    blocks = number_blocks(book)
    timed: list[Timed] = [(REGISTRY_AT_MS, row) for held in blocks.values() for row in held]
    timed += rows
    base = [value for ms, value in rows if ms == REGISTRY_AT_MS]
    imported: dict[str, list[RegistryValue]] = {feed: [*held] for feed, held in blocks.items()}
    imported["kr-sender-registry"] += [value for value in base if isinstance(value, SenderRow)]
    imported["kr-certification"] += [value for value in base if isinstance(value, RelayRow | ResellerRow | AccountRow)]
    imported["kr-consent-registry"] += [value for value in base if isinstance(value, ConsentRow)]
    imported["kr-signing-keys"] += [value for value in base if isinstance(value, KeyRow)]
    timed += [(REGISTRY_AT_MS, _manifest(feed, values)) for feed, values in imported.items()]
    for feed, complete_for in FEEDS.items():
        for beat in _beats(stale=feed == "kr-voip-status"):
            timed.append((beat.recorded_at_ms, Heartbeat(feed=feed, beats=(beat,), complete_for=complete_for)))
    timed.sort(key=lambda item: item[0])  # stable: what was put in first stays first
    return timed


def _manifest(feed: str, values: Iterable[RegistryValue]) -> Manifest:
    encode, digest, rows = encoder().encode, hashlib.sha256(), 0
    for value in values:
        digest.update(encode(value))
        rows += 1
    return Manifest(
        generation=f"{GENERATION}-{feed}", feed=feed, from_ms=REGISTRY_AT_MS, partition=0, partitions=1, rows=rows,
        sha256=digest.hexdigest(),
    )  # fmt: skip


def _beats(*, stale: bool) -> list[Beat]:
    """One beat for the ten days, then one each epoch, fresh for an epoch and a quarter of an hour.

    stale: the feed falls silent at 13:00 and comes back at 14:00.
    """
    beats = [Beat(recorded_at_ms=REGISTRY_AT_MS, fresh_until_ms=DAY_FROM_MS + 15 * MINUTE_MS)]
    for recorded in range(DAY_FROM_MS, DAY_TO_MS, EPOCH_MS):
        until = recorded + EPOCH_MS + 15 * MINUTE_MS
        if stale and VOIP_STALE_MS <= recorded < VOIP_BACK_MS:
            continue
        if stale and recorded < VOIP_STALE_MS < until:
            until = VOIP_STALE_MS
        beats.append(Beat(recorded_at_ms=recorded, fresh_until_ms=until))
    return beats
