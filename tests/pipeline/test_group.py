"""What the loop promises its group, its readers and other clients."""

from __future__ import annotations

from aiokafka.partitioner import DefaultPartitioner
from confluent_kafka import Producer

from streams.pipeline.commit import CommitPolicy
from streams.pipeline.loop import Loop
from streams.pipeline.settings import Connection, progress_producer
from tests.pipeline.toy import Toy, create, feed, produce, read, running, settings, until

LATER = CommitPolicy(max_records=10**6, max_ms=60_000, at_end_ms=60_000)


def outputs(kafka: str, topics: str) -> list[bytes]:
    return sorted((m.value() or b"").split(b":")[2] for m in read(kafka, f"{topics}.out.v1"))


def test_a_stop_commits_what_was_handled(kafka: str, topics: str) -> None:
    create(kafka, topics, **{"in": 1, "out": 1, "in_dead": 1})
    feed(kafka, f"{topics}.in.v1", [(0, b"a"), (0, b"b")])
    step = Toy()
    with running(Loop(step, settings(kafka, topics), policy=LATER)):
        until(lambda: len(step.handled) == 2)
        assert outputs(kafka, topics) == []
    assert outputs(kafka, topics) == [b"a", b"b"]


def test_a_rebalance_commits_what_is_pending_before_it_lets_go(kafka: str, topics: str) -> None:
    create(kafka, topics, **{"in": 2, "out": 2, "in_dead": 2})
    sent = [(n % 2, b"%02d" % n) for n in range(20)]
    feed(kafka, f"{topics}.in.v1", sent)
    one, two = Toy(), Toy()
    with running(Loop(one, settings(kafka, topics), policy=LATER)) as first:
        until(lambda: len(one.handled) == 20)
        with running(Loop(two, settings(kafka, topics, instance="1"), policy=LATER)) as second:
            until(lambda: len(outputs(kafka, topics)) >= 20, why="the first worker didn't commit")
            until(lambda: two.seeded_ms)
    assert not first and not second
    assert outputs(kafka, topics) == [value for _, value in sent]
    assert not two.handled, "the second worker goes on where the first stopped"
    assert next(iter(two.seeded_ms.values())) == 1009


def test_input_of_an_aborted_transaction_is_not_seen(kafka: str, topics: str) -> None:
    create(kafka, topics, **{"in": 1, "out": 1, "in_dead": 1})
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topics})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(f"{topics}.in.v1", b"aborted", b"k", 0)
    producer.flush()
    producer.abort_transaction()
    produce(kafka, f"{topics}.in.v1", [(0, "k", b"after")])
    with running(Loop(Toy(), settings(kafka, topics))):
        until(lambda: outputs(kafka, topics))
    assert outputs(kafka, topics) == [b"after"]


def test_keys_go_where_other_clients_put_them(kafka: str, topics: str) -> None:
    """Faust (aiokafka) and the Java clients hash keys with murmur2; librdkafka's default agrees on a few only."""
    create(kafka, topics, **{"hashed": 7})
    transactional = {k: v for k, v in settings(kafka, topics).producer().items() if "transaction" not in k}
    partitions = list(range(7))
    for config in (transactional, progress_producer(Connection(kafka, f"{topics}."), "r")):
        producer = Producer(config)
        for n in range(100):
            producer.produce(f"{topics}.hashed.v1", b"v", b"key-%d" % n)
        producer.flush(10)
    partitioner = DefaultPartitioner()
    for message in read(kafka, f"{topics}.hashed.v1"):
        assert message.partition() == partitioner(message.key(), partitions, partitions)
