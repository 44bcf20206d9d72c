"""Heartbeats and manifests: who vouches for a feed's freshness and completeness, and since when."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from streams.contracts.base import Count, Id, Ms, Record, read
from streams.contracts.registry import Row

FEED_PREFIX = "~feed:"
MANIFEST_PREFIX = "~manifest:"


class Beat(Record, frozen=True, kw_only=True):
    """The feed was alive: fresh at e when `recorded_at_ms <= e < fresh_until_ms`."""

    recorded_at_ms: Ms
    fresh_until_ms: Ms


class Heartbeat(Record, frozen=True, kw_only=True):
    """Key `~feed:<name>`, in every partition; overlapping beats are merged."""

    feed: Annotated[Id, Meta(description="name of the feed")]
    beats: Annotated[tuple[Beat, ...], Meta(description="when it was alive, overlapping ones merged")]
    complete_for: Annotated[tuple[Id, ...], Meta(description="words, e.g. kr:mobile, kr:sender")] = ()


class Manifest(Record, frozen=True, kw_only=True):
    """Key `~manifest:<generation>`, in every partition: all rows of the generation stand before it."""

    generation: Annotated[Id, Meta(description="name of the import, unique over all feeds")]
    feed: Annotated[str, Meta(description="the feed whose generation this is")] = ""
    from_ms: Ms
    partition: Annotated[int, Meta(ge=0, description="the partition that it stands in and speaks for")]
    partitions: Annotated[int, Meta(ge=1, description="how many manifests make the generation whole")] = 1
    rows: Annotated[Count, Meta(description="rows of the generation in this partition")]
    sha256: Annotated[str, Meta(description="over the values of the rows in this partition, in order")] = ""


RegistryValue = Row | Heartbeat | Manifest

_ROW: msgspec.json.Decoder[Row] = msgspec.json.Decoder(Row)
_HEARTBEAT = msgspec.json.Decoder(Heartbeat)
_MANIFEST = msgspec.json.Decoder(Manifest)


def decode_registry(key: str, value: bytes | str) -> RegistryValue:
    """The value under a key of `feeds` or `registry`.

    Raises ValueError when it is no such value.
    """
    if key.startswith(FEED_PREFIX):
        return read(_HEARTBEAT, value)
    if key.startswith(MANIFEST_PREFIX):
        return read(_MANIFEST, value)
    return read(_ROW, value)


def key_of(value: RegistryValue) -> str:
    """The record key of a registry value."""
    if isinstance(value, Heartbeat):
        return FEED_PREFIX + value.feed
    if isinstance(value, Manifest):
        return MANIFEST_PREFIX + value.generation
    return value.key
