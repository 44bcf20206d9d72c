"""Dead letters: the original bytes, and the facts about them in headers."""

import hashlib
from dataclasses import dataclass
from time import time

from streams.agents.emit import Output
from streams.agents.errors import Refused

HEAD_BYTES = 64 * 1024
TEXT_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Delivery:
    """One record as Kafka delivered it. `timestamp_ms` is the broker's append time, never the event's own time."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


def reason_of(error: Exception) -> str:
    """A Refused's own code, else HANDLER_FAILED."""
    return error.reason if isinstance(error, Refused) else "HANDLER_FAILED"


def dead_letter(topic: str, record: Delivery, error: Exception, *, version: str, max_record_bytes: int) -> Output:
    """The record for the dead-letter topic: key and value as they came.

    Headers, UTF-8: `reason` (a Refused's own code, else HANDLER_FAILED), `exception` (type and text, cut at 1 KiB),
    `topic`, `partition`, `offset`, `at_ms` (wall clock), `version`. A record that does not fit `max_record_bytes` is
    replaced by its first 64 KiB, with `sha256` and `size` (bytes) of the whole in two more headers.
    """
    text = f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:TEXT_BYTES]
    headers = [
        ("reason", reason_of(error).encode()),
        ("exception", text.decode("utf-8", "ignore").encode()),
        ("topic", record.topic.encode()),
        ("partition", str(record.partition).encode()),
        ("offset", str(record.offset).encode()),
        ("at_ms", str(int(time() * 1000)).encode()),
        ("version", version.encode()),
    ]
    letter = Output(topic, record.key, record.value, headers)
    if letter.size_bytes() <= max_record_bytes:
        return letter
    whole = record.value or b""
    headers += [("sha256", hashlib.sha256(whole).hexdigest().encode()), ("size", str(len(whole)).encode())]
    return Output(topic, (record.key or b"")[:HEAD_BYTES], whole[:HEAD_BYTES], headers)
