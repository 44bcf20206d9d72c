"""How many of our consumers forget every broker when a single one leaves, and that each of them notices.

    python -m bench.orphans [--clients N] [--restarts N] [--write]

They ask for metadata every 10 ms, some thousand times as often as they do in the field: docs/reliability.md says why.
"""

from __future__ import annotations

import threading
import time

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.command import parser, told
from streams.broker import LocalBroker
from streams.pipeline.errors import RestartNeeded
from streams.pipeline.orphan import LastingConsumer
from streams.pipeline.settings import Connection, replica_consumer

_TOPIC, _MAX_SECONDS, _SETTLED_S = "orphans", 1800, 12.0
_OFTEN = {"topic.metadata.refresh.interval.ms": 10, "topic.metadata.refresh.fast.interval.ms": 10, "log_level": 0}


def follow(connection: Connection, noticed: list[float], ended: threading.Event) -> None:
    """One consumer, until it notices."""
    consumer = LastingConsumer({**replica_consumer(connection, "bench"), **_OFTEN})
    consumer.assign([TopicPartition(_TOPIC, 0, 0)])
    try:
        while not ended.is_set():
            consumer.consume(100, 0.1)
    except RestartNeeded:
        noticed.append(time.monotonic())
    consumer.close()


def measured(clients: int, restarts: int) -> list[str]:
    """The result as lines."""
    lines, noticed, ended = list[str](), list[float](), threading.Event()
    with LocalBroker(max_seconds=_MAX_SECONDS) as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        admin.create_topics([NewTopic(_TOPIC, 1, 1)])[_TOPIC].result(30)
        connection = Connection(broker.bootstrap)
        threads = [threading.Thread(target=follow, args=(connection, noticed, ended)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        time.sleep(_SETTLED_S / 2)
        for number in range(1, restarts + 1):
            if not clients:
                break
            begun = time.monotonic()
            broker.restart()
            time.sleep(_SETTLED_S)
            after = sorted(at - begun for at in noticed if at > begun)
            when = f", noticed after {after[0]:.1f} to {after[-1]:.1f} s" if after else ""
            lines.append(f"restart {number}  {len(after)} of {clients} forgot{when}")
            clients -= len(after)
        ended.set()
        for thread in threads:
            thread.join(30)
    return lines


def main(arguments: list[str] | None = None) -> list[str]:
    """Run as a command; prints and returns the lines."""
    made = parser("orphans", "Consumers that forget their brokers.", {"clients": 30, "restarts": 3})
    given = made.parse_args(arguments)
    return told("orphans", given, arguments, measured(given.clients, given.restarts))


if __name__ == "__main__":
    main()
