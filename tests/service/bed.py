"""The real agents' test bed: topics under a prefix, workers with kill orders, and reading everything back."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition

from streams.cli.kafka import send
from streams.contracts.base import Record
from streams.contracts.decisions import Progress
from streams.pipeline.settings import Connection
from streams.pipeline.topics import create_topics
from tests.agents.drill import until

ROOT = Path(__file__).parents[2]
PARTITIONS = {"messages": 2, "registry": 2, "reputation": 2, "single": 1}
AT = 1_765_944_000_000

#: (component, entity) of agents whose progress tells that the bed has settled.
Road = Sequence[tuple[str, str]]


@dataclass
class Bed:
    """Topics under a prefix, settings for workers, and reading back. codes: how the workers ended, in order."""

    bootstrap: str
    prefix: str
    state: Path
    road: Road = ()
    codes: list[int] = field(default_factory=list)

    @classmethod
    def made(cls, bootstrap: str, name: str, state: Path, road: Road) -> Bed:
        """A bed with its topics."""
        bed = cls(bootstrap, f"{name}-{uuid.uuid4().hex[:8]}.", state, road)
        create_topics(bed.connection, PARTITIONS)  # type: ignore[arg-type]  # the groups, spelt out
        return bed

    @property
    def connection(self) -> Connection:
        return Connection(self.bootstrap, self.prefix)

    def send(self, entity: str, records: Iterable[tuple[str, Record]]) -> None:
        """Records under their keys, acknowledged on return."""
        send(self.connection, entity, records)

    def garbage(self, entity: str, key: str) -> None:
        """A record that is none, `{`, acknowledged on return."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "partitioner": "murmur2_random"})
        producer.produce(self.connection.topic(entity), b"{", key)
        assert producer.flush(10) == 0

    def environment(self, state: str) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("DUALBLOCK_")}
        return inherited | {"PYTHONPATH": str(ROOT)} | self.settings(state)

    def settings(self, state: str) -> dict[str, str]:
        """As environment variables."""
        return {
            "DUALBLOCK_BOOTSTRAP": self.bootstrap,
            "DUALBLOCK_PREFIX": self.prefix,
            "DUALBLOCK_STATE_DIR": str(self.state / state),
            "DUALBLOCK_INSTANCE": "t0",
            "DUALBLOCK_ALLOW_DEMO_KEYS": "true",
            **{f"DUALBLOCK_PARTITIONS__{k.upper()}": str(v) for k, v in PARTITIONS.items()},
        }

    def worker(self, order: str, state: str = "disk") -> subprocess.Popen[bytes]:
        """A worker with its kill order, `-` for none; who starts it ends it."""
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", str(Path(__file__).with_name("agents_worker.py")), order],
            env=self.environment(state),
        )

    @contextmanager
    def started(self, order: str = "-", state: str = "disk") -> Iterator[subprocess.Popen[bytes]]:
        """The same; gone at the end, whatever happened."""
        process = self.worker(order, state)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def kill(self, orders: Iterable[str]) -> None:
        """One worker after the other, each until it dies where it was told."""
        for order in orders:
            with self.started(order) as worker:
                self.codes.append(worker.wait(90))

    def settle(self, state: str = "disk") -> None:
        """A worker without an order, until every agent has come to the end of what it reads; then it is stopped."""
        with self.running(state):
            self.wait(self.settled, "the agents did not settle")

    @contextmanager
    def running(self, state: str = "disk") -> Iterator[None]:
        """A worker without an order at work; stopped at the end, which must go well."""
        with self.started(state=state) as worker:
            yield
            worker.terminate()
            self.codes.append(worker.wait(30))
            assert self.codes[-1] == 0

    @staticmethod
    def wait(condition: Callable[[], object], complaint: str, seconds: float = 120) -> None:
        """Until the condition holds."""
        for _ in until(seconds, complaint):
            if condition():
                break

    def settled(self) -> bool:
        """Whether every agent of the road has come to the end of what it reads."""
        progress = [msgspec.json.decode(v, type=Progress) for _, _, v in self.read("progress")]
        for component, entity in self.road:
            topic = f"{self.prefix}{entity}.v1"
            at = {p.partition: p.next_offset for p in progress if (p.component, p.topic) == (component, topic)}
            if any(at.get(p, 0) < end for p, end in self.ends(entity).items()):
                return False
        return True

    def read(self, entity: str) -> list[tuple[int, bytes, bytes]]:
        """(partition, key, value) of everything in an entity's topic."""
        return self.read_topic(f"{self.prefix}{entity}.v1")

    def read_topic(self, topic: str) -> list[tuple[int, bytes, bytes]]:
        """The same of a topic by its full name."""
        reader = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": f"{self.prefix}reader", "enable.partition.eof": True}
        )
        partitions = list(reader.list_topics(topic, 10).topics[topic].partitions)
        reader.assign([TopicPartition(topic, p, 0) for p in partitions])
        found: list[tuple[int, bytes, bytes]] = []
        ends = 0
        while ends < len(partitions):
            message = reader.poll(10)
            assert message is not None, f"{topic} can't be read to its end"
            if message.error():
                ends += 1
            else:
                found.append((message.partition() or 0, message.key() or b"", message.value() or b""))
        reader.close()
        return found

    def ends(self, entity: str) -> dict[int, int]:
        """Records of each partition (no transactions here, so this is where it ends)."""
        partitions = [p for p, _, _ in self.read(entity)]
        return {p: partitions.count(p) for p in partitions}
