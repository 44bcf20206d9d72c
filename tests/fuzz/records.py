"""Targets: every record on a topic, by its contract."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from streams.contracts.base import encoder
from streams.contracts.feeds import FEED_PREFIX, MANIFEST_PREFIX, decode_registry
from streams.contracts.topics import RECORDS
from tests.fuzz.promise import EXAMPLES, NOT_A_RECORD, Target, examples, kept

_FEEDS = examples("feeds")


def _seeds(entity: str) -> tuple[bytes, ...]:
    found = examples(entity) if (EXAMPLES / f"{entity}.json").exists() else _rows()
    assert found, entity
    return found


def _rows() -> tuple[bytes, ...]:
    return tuple(raw for raw in _FEEDS if b'"timeline"' in raw or b'"kind"' in raw)


def _record(entity: str, record: Any) -> Target:
    decode: Callable[[bytes], object] = msgspec.json.Decoder(record).decode
    return Target(f"record-{entity}", kept(decode, encoder().encode, *NOT_A_RECORD), _seeds(entity))


def _registry(name: str, key: str, seeds: tuple[bytes, ...]) -> Target:
    return Target(name, kept(partial(decode_registry, key), encoder().encode, *NOT_A_RECORD), seeds)


TARGETS: tuple[Target, ...] = (
    *(_record(entity, record) for entity, record in RECORDS.items() if entity != "feeds"),
    _registry("registry-row", "sender:kr:15881234", _rows()),
    _registry("registry-heartbeat", FEED_PREFIX + "x", tuple(raw for raw in _FEEDS if b'"beats"' in raw)),
    _registry("registry-manifest", MANIFEST_PREFIX + "x", tuple(raw for raw in _FEEDS if b'"sha256"' in raw)),
)
