"""Writing to `policy`: what stands there is read, one row and its history written, in one transaction."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import KafkaException, Producer

from streams.cli.kafka import Held, view_of
from streams.contracts.base import Record, encoder
from streams.pipeline.errors import TopicError, kafka_error
from streams.pipeline.settings import Connection

#: Two versions of a content list fit in.
_MAX_BYTES = 2 * 1_048_576


def publish(connection: Connection, place: str, row: Callable[[Held], tuple[str, Record] | None]) -> bool:
    """Write what `row` makes of what is held: a key and its value, or None for nothing; answers whether it wrote.

    A second publisher of the jurisdiction at the same time is refused. Raises TopicError, and what `row` raises.
    """
    topics = [connection.topic(entity) for entity in ("policy", "policy.history")]
    producer = Producer(
        {
            **connection.base(),
            "transactional.id": f"{connection.prefix}policy-publish-{place}",
            "transaction.timeout.ms": 10_000,
            "partitioner": "murmur2_random",
            "message.max.bytes": _MAX_BYTES,
        }
    )
    try:
        producer.init_transactions(30)  # before it is read: from here on an older publisher can't commit
        made = row(view_of(connection, ("policy",)))
        if made is None:
            return False
        key, value = made
        producer.begin_transaction()
        for topic in topics:
            producer.produce(topic, encoder().encode(value), key.encode())
        producer.commit_transaction(30)
    except KafkaException as exception:
        raise TopicError(f"The policy was not published: {kafka_error(exception).str()}. Run it again.") from exception
    return True
