"""A step that copies records, and what the tests of the loop need to run it on a real broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.pipeline.gate import ENTITIES
from streams.pipeline.loop import Loop
from streams.pipeline.settings import Connection, LoopSettings
from streams.pipeline.step import Input, InvalidRecord, Output


class Toy:
    """Writes `<partition>:<offset>:<value>` to `out` for a record of `in`, and counts, undone by an abort."""

    name = "toy"
    input = "in"

    def __init__(self, instance: str = "0") -> None:
        self.headers = [("by", instance.encode())]
        self.newest_ms: dict[int, int] = {}
        self.seeded_ms: dict[int, int] = {}
        self.calls: list[str] = []
        self.sum = self.open = 0
        self.ready = True
        self.speak: Sequence[Output] = ()
        self.handled: list[tuple[int, int]] = []

    def catch_up(self) -> bool:
        if not self.ready:
            time.sleep(0.01)
        return self.ready

    def handle(self, record: Input) -> Sequence[Output]:
        value = record.value or b""
        if value.startswith(b"bad"):
            raise InvalidRecord("BAD", "starts with bad")
        if value.startswith(b"bug"):
            raise RuntimeError("a bug")
        self.open += 1
        self.handled.append((record.partition, record.offset))
        self.newest_ms[record.partition] = max(self.newest_ms.get(record.partition, 0), 1000 + record.offset)
        size = int(value[4:]) if value.startswith(b"big:") else 0
        out = b"%d:%d:%s" % (record.partition, record.offset, value) + b"x" * size
        return [Output("out", record.key, out, record.partition, self.headers)]

    def fallback(self, record: Input, reason: str) -> Sequence[Output]:
        return [Output("out", record.key, b"fallback:%d:%d" % (record.partition, record.offset), record.partition)]

    def flush(self, positions: Mapping[int, int], ended: frozenset[int], now_ms: int) -> Iterable[Output]:
        self.calls.append("flush")
        return ()

    def committed(self) -> None:
        self.calls.append("committed")
        self.sum, self.open = self.sum + self.open, 0

    def aborted(self) -> None:
        self.calls.append("aborted")
        self.open = 0

    def assigned(self, partitions: Iterable[int]) -> None:
        numbers = sorted(partitions)
        self.seeded_ms.update({n: self.newest_ms[n] for n in numbers})
        self.calls.append(f"assigned {numbers}")

    def revoked(self, partitions: Iterable[int]) -> None:
        self.calls.append(f"revoked {sorted(partitions)}")

    def idle(self, ended: frozenset[int], now_ms: int) -> Sequence[Output]:
        spoken, self.speak = self.speak, ()
        return spoken

    def close(self) -> None:
        self.calls.append("close")


def settings(kafka: str, prefix: str, instance: str = "0", **more: Any) -> LoopSettings:
    more = {"session_timeout_ms": 6000, **more}
    return LoopSettings(Connection(kafka, f"{prefix}."), f"{prefix}-toy", instance, **more)


def create(kafka: str, prefix: str, **partitions: int) -> None:
    """Topics `<prefix>.<entity>.v1`; `_` in a name stands for a dot. With messages comes what a gate reads beside."""
    beside = dict.fromkeys(ENTITIES, 1) if "messages" in partitions else {}
    new = []
    for name, count in {"progress": 1, **beside, **partitions}.items():
        entity = name.replace("_", ".")
        size = 8 * 1_048_576 if entity.endswith(".dead") else 1_048_588
        new.append(NewTopic(f"{prefix}.{entity}.v1", count, 1, config={"max.message.bytes": str(size)}))
    admin = AdminClient({"bootstrap.servers": kafka})
    for future in admin.create_topics(new).values():
        future.result(30)


def feed(kafka: str, topic: str, records: Iterable[tuple[int, bytes]], **config: Any) -> None:
    """(partition, value) pairs; the key is the value's beginning."""
    producer = Producer(
        {
            "bootstrap.servers": kafka,
            "linger.ms": 5,
            "message.max.bytes": 9_000_000,
            "enable.idempotence": True,
            **config,
        }
    )
    for partition, value in records:
        producer.produce(topic, value, value[:20], partition)
        producer.poll(0)
    assert producer.flush(30) == 0


def produce(kafka: str, topic: str, records: Iterable[tuple[int, str | None, bytes | None]]) -> None:
    """(partition, key, value) triples."""
    producer = Producer({"bootstrap.servers": kafka, "linger.ms": 5})
    for partition, key, value in records:
        producer.produce(topic, value, key, partition)
    assert producer.flush(30) == 0


def read(kafka: str, topic: str, committed: bool = True) -> list[Message]:
    """All records of a topic up to the end of each partition; of aborted transactions too, unless `committed`."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "reader",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 20,
            "isolation.level": "read_committed" if committed else "read_uncommitted",
        }
    )
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
    open_, found, until = set(partitions), [], time.monotonic() + 30
    while open_ and time.monotonic() < until:
        for message in consumer.consume(1000, 0.05):
            error = message.error()
            if error is None:
                found.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                open_.discard(message.partition())
    consumer.close()
    assert not open_, f"no end seen of partitions {open_} of {topic}"
    return found


def until(condition: Callable[[], object], seconds: float = 20.0, why: str = "") -> None:
    """Wait for it; fail when it doesn't come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, why or "it did not come"
        time.sleep(0.02)


@contextmanager
def running(loop: Loop) -> Iterator[list[BaseException]]:
    """The loop in a thread; stopped and joined at the end. Yields the list of what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            loop.run()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield raised
    finally:
        loop.stop()
        thread.join(30)
        assert not thread.is_alive()
