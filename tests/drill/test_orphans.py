"""The drill's own clients go on with new ones when theirs have forgotten Kafka (streams/pipeline/orphan.py)."""

from __future__ import annotations

import uuid
from collections import Counter

import pytest
from confluent_kafka import Producer

from streams.drill.feeder import Feeder, settings
from streams.drill.reader import Follower, read
from streams.drill.world import World
from streams.engine.policy import Policies
from streams.packs import shipped
from streams.pipeline.errors import RestartNeeded
from streams.pipeline.orphan import OrphanWatch
from streams.pipeline.settings import Connection
from streams.pipeline.topics import create_topics
from streams.replay.history import Record
from tests.pipeline.toy import until


class Kept(Follower):
    """Follows `messages`."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, connection.topic("messages"))
        self.records: list[Record] = []
        self._thread.start()

    def take(self, record: Record, seen_ms: int) -> None:
        self.records.append(record)


@pytest.fixture
def connection(kafka: str) -> Connection:
    made = Connection(kafka, f"orphans-{uuid.uuid4().hex[:8]}.")
    create_topics(made, {"messages": 2, "registry": 1, "reputation": 1, "single": 1})
    return made


@pytest.fixture
def orphaned(monkeypatch: pytest.MonkeyPatch) -> list[OrphanWatch]:
    """Each client is told that it has forgotten Kafka at its second look; for two of them it is true."""
    over: list[OrphanWatch] = []
    looks = Counter[OrphanWatch]()

    def look(watch: OrphanWatch, said: str) -> None:
        looks[watch] += 1

    def check(watch: OrphanWatch) -> None:
        if looks[watch] == 2 and len(over) < 2:
            over.append(watch)
        if watch in over:
            raise RestartNeeded("in a test")

    monkeypatch.setattr("streams.pipeline.orphan.EVERY_MS", 300)
    monkeypatch.setattr(OrphanWatch, "look", look)
    monkeypatch.setattr(OrphanWatch, "check", check)
    return over


def test_a_reader_goes_on_where_it_stood(connection: Connection, orphaned: list[OrphanWatch]) -> None:
    kept, writing = Kept(connection), Producer(settings(connection))
    try:
        for number in range(40):
            writing.produce(connection.topic("messages"), b"%d" % number)
            writing.flush(10)
            until(lambda: len(kept.records) == number + 1 and len(orphaned) >= min(2, number // 10))  # noqa: B023  # asked in this turn
        assert sorted(int(r.value) for r in kept.records) == list(range(40)) and len(orphaned) == 2
    finally:
        kept.stop()


def test_a_feeder_sends_again_what_nobody_acknowledged(connection: Connection, orphaned: list[OrphanWatch]) -> None:
    feeder = Feeder(connection, World(1, 0), Policies(shipped(), "kr"), rate=200).start()
    until(lambda: len(orphaned) == 2 and sum(feeder.fed.values()) > 300)
    sent = feeder.stop()
    log = {(r.partition, r.offset): r.value for r in read(connection, connection.topic("messages"))}
    assert sent == log and len(set(log.values())) >= 300
