"""Decode and encode records for agents: bytes that are no record are the sender's fault, never ours."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.errors import Refused
from streams.contracts.base import Record, encoder

R = TypeVar("R")
_encode = encoder().encode
#: Records hold times within 2**53 ms, and what an agent derives lies a while behind what it was told.
FAR_MS = 2**52


def decoded(delivery: Delivery, decoder: msgspec.json.Decoder[R], reason: str) -> R:
    """The record of a delivery. Raises Refused with `reason`."""
    if delivery.value is None:
        raise Refused(reason, "the record has no value")
    try:
        record = decoder.decode(delivery.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(reason, str(error)) from error
    for name in _times(record):
        near(getattr(record, name), name)
    return record


def keyed(delivery: Delivery, key: str, why: str) -> bytes:
    """The key that its record gives a delivery. Raises Refused("KEY_MISMATCH"), with `why`, if it stands elsewhere."""
    found = key.encode("utf-8", "replace")
    if delivery.key != found:
        raise Refused("KEY_MISMATCH", why)
    return found


def near(at_ms: int | None, name: str) -> int:
    """A time that leaves room for what is derived from it. Raises Refused("TIME_OUT_OF_RANGE")."""
    if at_ms is not None and abs(at_ms) > FAR_MS:
        raise Refused("TIME_OUT_OF_RANGE", f"{name} is {at_ms} ms, not within 2**52 of 1970")
    return at_ms or 0


def _times(record: object) -> list[str]:
    return [name for name in getattr(record, "__struct_fields__", ()) if name.endswith("_ms")]


def output(topic: str, key: str, record: Record) -> Output:
    """A record to be sent under its key."""
    return Output(topic, key.encode("utf-8", "replace"), _encode(record))


def encoded(record: Record) -> bytes:
    """The record's canonical bytes."""
    return _encode(record)
