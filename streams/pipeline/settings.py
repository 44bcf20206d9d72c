"""Client settings of the loop and the replicator, and the reason for each one that is not the default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.contracts.topics import topic_name

Config = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach Kafka. `security`: librdkafka settings such as security.protocol and sasl.*, for every client."""

    bootstrap: str
    prefix: str = "dualblock."
    security: Mapping[str, str] = field(default_factory=dict)

    def topic(self, entity: str) -> str:
        """The name of an entity's topic."""
        return topic_name(entity, self.prefix)

    def base(self) -> Config:
        """Settings of every client."""
        return {
            "bootstrap.servers": self.bootstrap,
            "socket.keepalive.enable": True,
            "topic.metadata.refresh.interval.ms": 60_000,
            # Re-bootstrap (the default, KIP-899) forgets every broker each time that none is connected, moves all
            # partitions away and back, and in a bad network hardly anything is sent meanwhile: docs/reliability.md.
            "metadata.recovery.strategy": "none",
            # Then this is how long a broker that is back may wait to be seen (default 10 s).
            "reconnect.backoff.max.ms": 1000,
            **self.security,
        }


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """instance: static id of this worker, e.g. `gate-0`: its transactional id, group instance id and name in logs.

    A successor with the same id is served at once; under a new one readers wait out the dead one's transaction.
    """

    connection: Connection
    group: str
    instance: str
    batch: int = 2000
    session_timeout_ms: int = 10_000
    transaction_timeout_ms: int = 10_000
    #: Longest wait for a transactional call that may be repeated, and for a commit in a rebalance.
    deadline_s: float = 8.0
    #: Longest wait for a record: how late a change outside of the input (replica, stop) is noticed.
    poll_s: float = 0.02
    #: A retriable coordinator error (CONCURRENT_TRANSACTIONS under small transactions) is asked again after this.
    retry_backoff_ms: int = 20

    def consumer(self) -> Config:
        """The input's consumer: offsets live in the producer's transactions, uncommitted records are not seen."""
        return {
            **self.connection.base(),
            "client.id": self.instance,
            "group.id": self.group,
            "group.instance.id": f"{self.group}-{self.instance}",
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": self.session_timeout_ms,
            "heartbeat.interval.ms": min(3000, self.session_timeout_ms // 3),
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            # Partition ends are how the loop knows that waiting for more only costs latency. An end is noticed when a
            # fetch comes back empty, so an empty fetch must not wait half a second (the default).
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,
            # Full queue: look again soon (the default second is a hole in the throughput).
            "fetch.queue.backoff.ms": 20,
            "queued.min.messages": 4 * self.batch,
            "queued.max.messages.kbytes": 65_536,
        }

    def producer(self) -> Config:
        """The transactional producer. Who waits for its answer in vain takes a new one."""
        return {
            **self.connection.base(),
            "client.id": self.instance,
            "transactional.id": f"{self.group}-{self.instance}",
            "transaction.timeout.ms": self.transaction_timeout_ms,
            "partitioner": "murmur2_random",  # as the Java clients and aiokafka do
            "delivery.report.only.error": True,
            "compression.type": "lz4",
            "linger.ms": 5,
            # Batches fit the ordinary topics; a single dead letter may be as large as its own topic allows.
            "batch.size": 900_000,
            "message.max.bytes": 9 * 1_048_576,
            "queue.buffering.max.messages": 200_000,
            "retry.backoff.ms": self.retry_backoff_ms,
        }


def replica_consumer(connection: Connection, name: str) -> Config:
    """Reads compacted topics by explicit assignment. The group id is required and unused."""
    return {
        **connection.base(),
        "client.id": f"replica-{name}",
        "group.id": f"replica-{name}",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # An offset that is gone means that the replica must be built again, never that records may be skipped.
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 50,
        "fetch.queue.backoff.ms": 20,
        "queued.min.messages": 20_000,
        "queued.max.messages.kbytes": 65_536,
    }


def progress_producer(connection: Connection, name: str) -> Config:
    """Writes what a replica has applied; outside of any transaction."""
    return {
        **connection.base(),
        "client.id": f"replica-{name}",
        "partitioner": "murmur2_random",
        "enable.idempotence": True,
        "linger.ms": 0,
        "delivery.report.only.error": True,
        # What is older has been corrected; then the writer takes a new client.
        "message.timeout.ms": 30_000,
    }
