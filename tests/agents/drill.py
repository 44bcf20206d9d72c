"""The toy worker's test bed: topics, records in transactions, processes, and reading everything back."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

ROOT = Path(__file__).parents[2]
COMPACT = {"cleanup.policy": "compact"}


class Drill:
    """One prefix on the broker and one data directory; workers are started and awaited one at a time."""

    def __init__(self, bootstrap: str, prefix: str, data: Path) -> None:
        self.bootstrap, self.prefix, self.data = bootstrap, prefix, data
        self.base = {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 0}
        self.producer = Producer(self.base)
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        plain = [NewTopic(f"{prefix}.{name}", 2, 1) for name in ("in", "more", "side", "ping", "pong", "out", "dead")]
        compact = [NewTopic(f"{prefix}.progress.v1", 1, 1, config=COMPACT)]
        for made in self.admin.create_topics([*plain, *compact]).values():
            made.result()

    def send(self, topic: str, key: str, event: dict[str, Any] | bytes, partition: int | None = None) -> None:
        """Outside any transaction, acknowledged on return."""
        value = event if isinstance(event, bytes) else json.dumps(event).encode()
        where = {} if partition is None else {"partition": partition}
        self.producer.produce(f"{self.prefix}.{topic}", key=key, value=value, **where)
        assert self.producer.flush(10) == 0

    def burst(self, topic: str, events: list[dict[str, Any]]) -> None:
        """Many, outside any transaction, acknowledged on return."""
        for event in events:
            self.producer.produce(f"{self.prefix}.{topic}", key=event["key"], value=json.dumps(event))
        assert self.producer.flush(10) == 0

    def transactions(self, topic: str, batches: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """One transaction per batch, every fifth aborted; the committed events come back."""
        producer = Producer(
            self.base | {"transactional.id": f"{self.prefix}.{topic}", "transaction.timeout.ms": 10_000}
        )
        producer.init_transactions(20)
        committed = []
        for number, batch in enumerate(batches, 1):
            producer.begin_transaction()
            for event in batch:
                producer.produce(f"{self.prefix}.{topic}", key=event["key"], value=json.dumps(event))
            if number % 5:
                producer.commit_transaction(20)
                committed += batch
            else:
                producer.flush(20)
                producer.abort_transaction(20)
        return committed

    def worker(
        self, *, kill: tuple[str, str] | None = None, disk: str = "disk", instance: str = "agents-0", slow_s: float = 0
    ) -> "Worker":
        """Start a toy worker; `kill`: crash point and the event from which it counts; `slow_s`: slow events' time."""
        where = {"bootstrap": self.bootstrap, "prefix": self.prefix, "dir": str(self.data / disk), "instance": instance}
        return Worker(where | {"kill": kill, "slow_s": slow_s})

    def read(self, topic: str, isolation: str = "read_committed") -> list[Message]:
        """Everything in the topic now, partition by partition."""
        name = f"{self.prefix}.{topic}"
        reader = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"{self.prefix}.reader",
                "enable.partition.eof": True,
                "isolation.level": isolation,
                "fetch.wait.max.ms": 10,
            }
        )
        partitions = list(reader.list_topics(name, 10).topics[name].partitions)
        reader.assign([TopicPartition(name, number, 0) for number in partitions])
        found, ends = [], 0
        while ends < len(partitions):
            message = reader.poll(10)
            assert message is not None, f"{name} can't be read to its end"
            if message.error():
                ends += 1
            else:
                found.append(message)
        reader.close()
        return found

    def ends(self, topic: str) -> dict[int, int]:
        """Per partition the offset after its last committed data record."""
        return {message.partition(): message.offset() + 1 for message in self.read(topic)}

    def progress(self, component: str, topic: str) -> dict[int, int]:
        """The last published `next_offset` per partition."""
        records = [json.loads(message.value()) for message in self.read("progress.v1")]
        mine = [r for r in records if (r["component"], r["topic"]) == (component, f"{self.prefix}.{topic}")]
        return {record["partition"]: record["next_offset"] for record in mine}

    def await_progress(self, component: str, *topics: str, timeout_s: float = 20) -> None:
        """Until the component's progress has reached the end of the data of all `topics`."""
        for topic in topics:
            ends = self.ends(topic)
            for _ in until(timeout_s, f"progress of {component} on {topic} did not reach {ends}"):
                if self.progress(component, topic) == ends:
                    break

    def committed(self, topic: str) -> dict[int, int]:
        """The group's committed offsets; partitions without one are left out."""
        reader = Consumer({"bootstrap.servers": self.bootstrap, "group.id": f"{self.prefix}.agents"})
        asked = [TopicPartition(f"{self.prefix}.{topic}", number) for number in (0, 1)]
        found = reader.committed(asked, timeout=10)
        reader.close()
        return {at.partition: at.offset for at in found if at.offset >= 0}


class Worker:
    """A toy worker process. It may end by itself only through its kill order."""

    def __init__(self, orders: dict[str, Any]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(Path(__file__).with_name("toy_worker.py")), json.dumps(orders)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )

    def ready(self) -> dict[str, list[str]]:
        """Wait until it consumes; its table as recovered comes back."""
        line = self._line()
        assert line.startswith("ready "), line
        table: dict[str, list[str]] = json.loads(line.removeprefix("ready "))
        return table

    def said(self, word: str) -> None:
        assert self._line() == word

    def ended(self, timeout_s: float = 30) -> int:
        code = self.process.wait(timeout_s)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; the exit code."""
        self.process.send_signal(number)
        return self.ended()

    def kill(self) -> None:
        """Whatever state it is in."""
        if self.process.poll() is None:
            self.process.kill()
            self.ended()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


def until(timeout_s: float, complaint: str) -> Iterator[None]:
    """Yields until the caller breaks off; fails with `complaint` when time is up."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        yield
        time.sleep(0.02)
    raise AssertionError(complaint)
