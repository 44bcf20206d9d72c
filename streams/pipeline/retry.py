"""Repaired dead letters go back to their input, each once.

Delivery guarantee: the record and the note that it went back are one transaction. A crash, a second call, or two calls
at the same time put nothing back twice. The note is the committed offset of the group `<prefix>dead-retry`: everything
below it went back, and of what lies above it the offset's metadata says which.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from streams.engine.intake import InvalidEvent, read_message
from streams.pipeline.errors import PipelineError, attempt
from streams.pipeline.settings import Connection, LoopSettings
from streams.pipeline.step import Output
from streams.pipeline.transaction import Transaction

#: What a broker keeps beside an offset (offset.metadata.max.bytes, default).
METADATA_BYTES = 4096
_TIMEOUT_S = 10.0
_BATCH = 200
_EVENT_ID = re.compile(rb'"event_id"\s*:\s*"([^"\\]{1,256})"')


class Unreadable(ValueError):
    """The bytes are still no event; the text says why."""


class DeadLetter(NamedTuple):
    """One to put back. value: as it came, or as it was repaired. original: as it came."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes
    original: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """What of one partition went back: all below `base`, and `base + n` for each bit n of `above`."""

    base: int = 0
    above: int = 0

    def __contains__(self, offset: int) -> bool:
        return offset < self.base or bool(self.above >> (offset - self.base) & 1)

    def add(self, offset: int) -> Done:
        """With `offset`; the base moves up where nothing is missing any more."""
        if offset in self:
            return self
        base, above = self.base, self.above | 1 << (offset - self.base)
        while above & 1:
            base, above = base + 1, above >> 1
        return Done(base, above)

    def metadata(self) -> str:
        """`above` as text. Raises PipelineError when it is more than Kafka keeps."""
        packed = zlib.compress(self.above.to_bytes((self.above.bit_length() + 7) // 8, "little"), 9)
        text = base64.b64encode(packed).decode() if self.above else ""
        if len(text) > METADATA_BYTES:
            raise PipelineError(
                f"Too many letters before it are still there: put those from {self.base} on back first."
            )
        return text

    @classmethod
    def of(cls, offset: int, metadata: str | None) -> Done:
        """As it was committed. Raises PipelineError."""
        try:
            above = zlib.decompress(base64.b64decode(metadata, validate=True)) if metadata else b""
        except (ValueError, zlib.error) as error:
            raise PipelineError(f"The offset's metadata was not written by us: {error}.") from error
        return cls(max(offset, 0), int.from_bytes(above, "little"))


def event_id_of(raw: bytes) -> str | None:
    """The event id in bytes that need be no event, nor whole, if there is one."""
    try:
        found = json.loads(raw).get("event_id")
    except (ValueError, RecursionError, AttributeError):
        seen = _EVENT_ID.search(raw)
        found = seen[1].decode("utf-8", "replace") if seen else None
    return found if isinstance(found, str) and 0 < len(found) <= 256 else None


def retried(letter: DeadLetter, topic: str) -> bytes:
    """The event as it goes back: a new event_id, the same at every try, and `retry_of` the first one's.

    topic: of the dead letters. Fields that we don't know stay. Raises Unreadable.
    """
    try:
        first = read_message(letter.value)[0]
        data = json.loads(letter.value)
    except (ValueError, RecursionError) as invalid:  # a field that we don't know may hold anything
        raise Unreadable(str(invalid)) from invalid
    place = f"{topic}/{letter.partition}/{letter.offset}"
    data["retry_of"] = first.retry_of or event_id_of(letter.original) or first.event_id
    data["event_id"] = f"retry-{sha256(place.encode()).hexdigest()[:24]}"
    # ASCII, so that half an emoji stays the escape that it was.
    raw = json.dumps(data, separators=(",", ":")).encode("ascii")
    try:
        read_message(raw)
    except InvalidEvent as invalid:
        raise Unreadable(str(invalid)) from invalid
    return raw


class PutBack:
    """One call's worth, under the only transactional id that may: a call that still runs elsewhere is shut out.

    `crash` is called at named points; a test kills the process there. All methods raise PipelineError.
    """

    def __init__(self, connection: Connection, entity: str, crash: Callable[[str], None] = lambda point: None) -> None:
        self._entity = entity
        self._topic = connection.topic(f"{entity}.dead")
        self._settings = LoopSettings(connection, f"{connection.prefix}dead-retry", entity)
        self._tx = Transaction(self._settings)
        self._crash = crash
        self._done: dict[int, Done] = {}
        self._consumer: Consumer | None = None

    def start(self, partitions: Iterable[int]) -> dict[int, Done]:
        """What went back before. Whatever another call left open is undone first, so that this is the last word."""
        self._tx.start()
        config = {**self._settings.connection.base(), "group.id": self._settings.group}
        consumer = self._consumer = Consumer(
            {**config, "client.id": "dead-retry", "enable.auto.commit": False, "isolation.level": "read_committed"}
        )
        places = [TopicPartition(self._topic, partition) for partition in sorted(partitions)]
        for place in attempt("committed", lambda: consumer.committed(places, _TIMEOUT_S), 0.0):
            self._done[place.partition] = Done.of(place.offset, place.metadata)
        return dict(self._done)

    def run(self, letters: Iterable[DeadLetter]) -> Iterator[tuple[DeadLetter, str | None]]:
        """Put back what has not gone back yet; each letter once its transaction is committed, and why it was refused.

        Letters that went back before are left out.
        """
        held: list[tuple[DeadLetter, bytes]] = []
        for letter in letters:
            if letter.offset in self._done.get(letter.partition, Done()):
                continue
            try:
                held.append((letter, retried(letter, self._topic)))
            except Unreadable as error:
                yield letter, str(error)
            if len(held) >= _BATCH:
                yield from self._commit(held)
                held = []
        if held:
            yield from self._commit(held)

    def _commit(self, held: list[tuple[DeadLetter, bytes]]) -> list[tuple[DeadLetter, None]]:
        """Write and note in one transaction. Nothing is read meanwhile: an open one is ended by its timeout."""
        assert self._consumer is not None
        done: dict[int, Done] = {}
        for letter, value in held:
            self._tx.write([Output(self._entity, letter.key, value)])
            before = done.get(letter.partition) or self._done.get(letter.partition, Done())
            done[letter.partition] = before.add(letter.offset)
        self._crash("after-produce")
        places = [TopicPartition(self._topic, p, d.base, metadata=d.metadata()) for p, d in sorted(done.items())]
        self._tx.send_offsets(places, self._consumer.consumer_group_metadata())
        self._crash("after-send-offsets")
        self._tx.commit()
        self._crash("after-commit")
        self._done |= done
        return [(letter, None) for letter, _ in held]

    def close(self) -> None:
        """Undo what is open."""
        self._tx.close()
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
