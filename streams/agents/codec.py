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


def decoded(delivery: Delivery, decoder: msgspec.json.Decoder[R], reason: str) -> R:
    """The record of a delivery. Raises Refused with `reason`."""
    if delivery.value is None:
        raise Refused(reason, "the record has no value")
    try:
        return decoder.decode(delivery.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(reason, str(error)) from error


def output(topic: str, key: str, record: Record) -> Output:
    """A record to be sent under its key."""
    return Output(topic, key.encode("utf-8", "replace"), _encode(record))


def encoded(record: Record) -> bytes:
    """The record's canonical bytes."""
    return _encode(record)
