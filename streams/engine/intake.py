"""Read an event's bytes: valid, repairable (a lone surrogate in the text), or not an event at all."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import msgspec

from streams.contracts.messages import Leg, Message
from streams.engine.scan import top_level

MAX_BYTES = 1 << 20
#: What is looked at of an event that is too large or broken, to answer it all the same.
SCAN_BYTES = 1 << 16
_DECODER = msgspec.json.Decoder(Message)
SCHEMA_VERSION = 1


class InvalidEvent(ValueError):
    """Bytes that are no event. `reason` is a code for the dead letter, the text says more."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def read_message(raw: bytes) -> tuple[Message, tuple[str, ...]]:
    """The event and what was odd about it. Raises InvalidEvent.

    A long emoji message that was cut into parts holds half a character; the text is repaired (U+FFFD), flagged and
    decided. Anywhere else a lone surrogate makes the event invalid.
    """
    if len(raw) > MAX_BYTES:
        raise InvalidEvent("TOO_LARGE", f"{len(raw)} bytes, at most {MAX_BYTES}")
    flags: tuple[str, ...] = ()
    try:
        message = _DECODER.decode(raw)
    except msgspec.ValidationError as error:
        raise InvalidEvent("NOT_AN_EVENT", str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        repaired = _repair(raw)
        if repaired is None:
            raise InvalidEvent("NOT_JSON", str(error)) from error
        message, flags = repaired, ("text_repaired",)
    if message.schema_version > SCHEMA_VERSION:
        raise InvalidEvent("UNKNOWN_VERSION", f"schema_version {message.schema_version}, at most {SCHEMA_VERSION}")
    return message, flags


def _repair(raw: bytes) -> Message | None:
    """The event with its text's lone surrogates replaced, if that is all that was wrong with it."""
    try:
        data = json.loads(raw.decode("utf-8", "surrogatepass"))  # given bytes, it would also take UTF-16
        data["content"]["text"] = data["content"]["text"].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return _DECODER.decode(json.dumps(data).encode())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


class Named(NamedTuple):
    """What can be read of an invalid event."""

    producer: str
    leg: Leg
    event_id: str
    at_ms: int


def identity(raw: bytes) -> Named | None:
    """event_id and leg of an invalid event, if they can be read: its sender is owed an answer.

    What is too large or no JSON as a whole is read as far as it goes, within its first `SCAN_BYTES`.
    """
    data: Any
    try:
        data = json.loads(raw) if len(raw) <= MAX_BYTES else top_level(raw[:SCAN_BYTES])
    except (ValueError, RecursionError):
        data = top_level(raw[:SCAN_BYTES])
    try:
        event_id, leg, producer, at = (data.get(k) for k in ("event_id", "leg", "producer", "ingested_at_ms"))
        if not 0 < len(event_id.encode()) <= 256:
            return None
        if not isinstance(producer, str) or not producer.encode():
            producer = "unknown"
    except (ValueError, AttributeError):
        return None
    if leg not in ("origination", "termination"):
        return None
    return Named(producer, leg, event_id, at if type(at) is int and abs(at) <= 2**53 else 0)
