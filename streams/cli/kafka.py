"""Reading topics to their end and writing a few records: what the commands need of Kafka."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from streams.contracts.base import Record, encoder
from streams.contracts.blacklists import BlacklistRow
from streams.contracts.registry import Row
from streams.contracts.reputation import SanctionRow
from streams.engine.skeleton import skeletons_of
from streams.errors import InputError
from streams.pipeline.errors import TopicError, kafka_error
from streams.pipeline.settings import Connection
from streams.pipeline.topics import describe
from streams.replica.changes import Change, Entity
from streams.replica.memory import MemoryReplica

R = TypeVar("R", bound=Record)
_BATCH = 5000
_TIMEOUT_S = 30.0


class Letter(NamedTuple):
    """A record as Kafka holds it."""

    entity: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]
    append_ms: int = 0  # the broker's time


class Held(MemoryReplica):
    """What compacted topics hold, with all rows to go through."""

    def rows(self) -> list[Row]:
        """Every registry row that is no heartbeat or manifest."""
        return list(self._rows.values())

    def sanction_rows(self) -> list[SanctionRow]:
        """Every subject's sanctions."""
        return list(self._sanctions.values())

    def blacklist_rows(self, issuer: str | None = None) -> dict[str, BlacklistRow]:
        """Every row of one issuer's list, or of all, by key."""
        prefix = "" if issuer is None else issuer + ":"
        return {key: row for key, row in self._blacklisted.items() if key.startswith(prefix)}


def consumer_of(connection: Connection) -> Consumer:
    """A consumer of committed records that belongs to no group and commits nothing."""
    return Consumer(
        {
            **connection.base(),
            "client.id": "dualblock-cli",
            "group.id": f"dualblock-cli-{uuid.uuid4().hex[:8]}",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,
        }
    )


def read_to_end(
    connection: Connection, entities: Sequence[str], since_ms: int | None = None
) -> Iterator[Letter]:  # fmt: skip
    """All committed records of these entities' topics, up to where each partition ends now; from `since_ms` on (the
    broker's time), if given.

    Raises TopicError when a topic is missing or Kafka falls silent.
    """
    places = {(e, p) for e, (_, count) in describe(connection, entities).items() for p in range(count)}
    entity_of = {connection.topic(e): e for e in entities}
    consumer = consumer_of(connection)
    try:
        for topic in entity_of:  # or the client asks for leaders in its own time, half a second later
            consumer.list_topics(topic, timeout=_TIMEOUT_S)
        at = OFFSET_BEGINNING if since_ms is None else since_ms
        starts = [TopicPartition(connection.topic(e), p, at) for e, p in sorted(places)]
        consumer.assign(starts if since_ms is None else consumer.offsets_for_times(starts, timeout=_TIMEOUT_S))
        while places:
            batch = _fetch(consumer)
            for message in batch:
                entity, partition = entity_of[message.topic() or ""], message.partition() or 0
                error = message.error()
                if error is None:
                    yield letter_of(entity, message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    places.discard((entity, partition))
                else:
                    raise TopicError(f"{message.topic()} can't be read: {error.str()}.")
    finally:
        consumer.close()


def _fetch(consumer: Consumer) -> list[Message]:
    first = consumer.poll(_TIMEOUT_S)
    if first is None:
        raise TopicError(f"Kafka has said nothing for {_TIMEOUT_S:g} s: look at the broker, then run this again.")
    return [first, *consumer.consume(_BATCH, 0)]


def records(connection: Connection, entity: str, type_: type[R]) -> Iterator[R]:
    """Every record of an entity, decoded. Raises TopicError, and InputError at one that can't be read."""
    decode = msgspec.json.Decoder(type_).decode
    for letter in read_to_end(connection, (entity,)):
        try:
            yield decode(letter.value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            where = f"{connection.topic(entity)}/{letter.partition} at {letter.offset}"
            raise InputError(f"{where} can't be read: {error}.") from error


def read_one(connection: Connection, topic: str, partition: int, offset: int) -> Letter | None:
    """The committed record at an offset, or None when there is none. Raises TopicError."""
    consumer = consumer_of(connection)
    place = TopicPartition(topic, partition, offset)
    try:
        low, high = consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)
        if not low <= offset < high:
            return None
        consumer.assign([place])
        message = _fetch(consumer)[0]
        if message.error() is not None or message.offset() != offset:
            return None
        return letter_of(topic, message)
    except KafkaException as exception:
        raise TopicError(f"{topic}/{partition} can't be read: {kafka_error(exception).str()}.") from exception
    finally:
        consumer.close()


def letter_of(entity: str, message: Message) -> Letter:
    """A consumed message as a letter."""
    headers: dict[str, str] = {}
    given: Any = message.headers()
    for name, held in given or ():
        headers[name] = held.decode("utf-8", "replace") if isinstance(held, bytes) else str(held)
    return Letter(
        entity, message.partition() or 0, message.offset() or 0, message.key(), message.value(), headers,
        message.timestamp()[1],
    )  # fmt: skip


def view_of(connection: Connection, entities: Sequence[Entity], only: Collection[str] | None = None) -> Held:
    """What stands on compacted topics now, in memory; `only`: under these keys, whatever else there is. Raises
    TopicError."""
    view = Held(skeletons_of)
    batch: list[Change] = []
    for letter in read_to_end(connection, entities):
        entity: Entity = letter.entity  # type: ignore[assignment]  # one of those asked for
        key = (letter.key or b"").decode("utf-8", "replace")
        if only is not None and key not in only:
            continue
        batch.append(Change(entity, letter.partition, letter.offset, key, letter.value))
        if len(batch) >= _BATCH:
            view.apply(batch)
            batch.clear()
    view.apply(batch)
    return view


def send(connection: Connection, entity: str, records: Iterable[tuple[str, Record]]) -> int:
    """Write records, each under its key, and wait until Kafka has them all; answers how many.

    Raises TopicError when Kafka did not take one: then some may be there, and the same call writes them again.
    """
    encode = encoder().encode
    return send_raw(connection, entity, ((key, encode(record)) for key, record in records))


def send_raw(connection: Connection, entity: str, records: Iterable[tuple[str, bytes]]) -> int:
    """`send` for values that are bytes already, such as what somebody signed."""
    failed: list[str] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failed.append(error.str())

    producer = Producer({**connection.base(), "partitioner": "murmur2_random", "enable.idempotence": True})
    count = 0
    for key, record in records:
        producer.produce(connection.topic(entity), record, key.encode("utf-8", "replace"), on_delivery=delivered)
        producer.poll(0)
        count += 1
    left = producer.flush(_TIMEOUT_S)
    if left or failed:
        why = failed[0] if failed else "no answer"
        raise TopicError(f"{left + len(failed)} of {count} records did not reach {entity} ({why}): run this again.")
    return count
