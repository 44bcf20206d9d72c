"""Writing to a compacted topic as its one writer: what stands there is read, rows and their history written, in one
transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from confluent_kafka import KafkaException, Producer

from streams.cli.kafka import Held, view_of
from streams.contracts.base import Record, encoder
from streams.pipeline.errors import TopicError, kafka_error
from streams.pipeline.settings import Connection
from streams.replica.changes import Entity

#: Two versions of a content list fit in.
_MAX_BYTES = 2 * 1_048_576
#: Well below what a producer holds by default.
_FLUSH_EVERY = 20_000


def publish(connection: Connection, place: str, row: Callable[[Held], tuple[str, Record] | None]) -> bool:
    """Write what `row` makes of the policies held: a key and its value, or None for nothing; answers whether it wrote.

    A second publisher of the jurisdiction at the same time is refused. Raises TopicError, and what `row` raises.
    """

    def rows(held: Held) -> list[tuple[str, Record]]:
        made = row(held)
        return [] if made is None else [made]

    return write(connection, "policy", place, ("policy",), rows, "The policy was not published")


def write(
    connection: Connection,
    entity: Entity,
    place: str,
    read: Sequence[Entity],
    rows: Callable[[Held], Iterable[tuple[str, Record]]],
    failed: str,
) -> bool:
    """Write what `rows` makes of the entities read to a topic and its history, all of it or nothing; answers whether
    there was anything. A second writer of the place at the same time is refused.

    failed: how the sentence begins that says so. Raises TopicError, and what `rows` raises.
    """
    topics = [connection.topic(name) for name in (entity, f"{entity}.history")]
    producer = Producer(
        {
            **connection.base(),
            "transactional.id": f"{connection.prefix}{entity}-publish-{place}",
            "transaction.timeout.ms": 60_000 if entity == "blacklists" else 10_000,
            "partitioner": "murmur2_random",
            "message.max.bytes": _MAX_BYTES,
        }
    )
    try:
        producer.init_transactions(30)  # before it is read: from here on an older publisher can't commit
        made = list(rows(view_of(connection, read)))
        if not made:
            return False
        producer.begin_transaction()
        for number, (key, value) in enumerate(made):
            for topic in topics:
                producer.produce(topic, encoder().encode(value), key.encode())
            if number % _FLUSH_EVERY == _FLUSH_EVERY - 1:
                producer.flush(30)
        producer.commit_transaction(30)
    except KafkaException as exception:
        raise TopicError(f"{failed}: {kafka_error(exception).str()}. Run it again.") from exception
    return True
