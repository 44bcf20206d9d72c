"""Clients that forget every broker: a defect of librdkafka, met on a real broker that leaves."""

from __future__ import annotations

import inspect
import json
import threading
from concurrent.futures import Future

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from streams.broker import LocalBroker
from streams.broker.settings import HOST, free_port
from streams.pipeline.errors import RestartNeeded
from streams.pipeline.following import Following
from streams.pipeline.held import Held
from streams.pipeline.loop import Loop
from streams.pipeline.orphan import LastingConsumer, LastingProducer, OrphanWatch
from streams.pipeline.progress import ProgressWriter
from streams.pipeline.replicator import Replicator
from streams.pipeline.settings import Config, Connection, replica_consumer
from streams.pipeline.watch import TopicWatch
from tests.pipeline.toy import create, feed, until

CLIENTS, TIMES = 30, 3
#: So often asked, one client in six or so is just asking when the broker leaves. On a slow machine none may be; what
#: the test promises holds then too.
OFTEN = {"topic.metadata.refresh.interval.ms": 10, "topic.metadata.refresh.fast.interval.ms": 10, "log_level": 0}


def told(**sources: str) -> str:
    return json.dumps({"name": "c", "brokers": {name: {"source": s, "nodeid": -1} for name, s in sources.items()}})


def test_a_client_without_brokers_is_over_at_the_second_look() -> None:
    watch = OrphanWatch()
    watch.look(told(GroupCoordinator="logical"))
    watch.check()
    watch.look(told(GroupCoordinator="logical"))
    with pytest.raises(RestartNeeded):
        watch.check()


@pytest.mark.parametrize("source", ["configured", "learned"])
def test_a_client_that_knows_whom_to_ask_is_left_alone(source: str) -> None:
    watch = OrphanWatch()
    for _ in range(3):
        watch.look(told(GroupCoordinator="logical", broker=source))
        watch.look(told(GroupCoordinator="logical"))  # one look between forgetting and learning says nothing
        watch.check()


@pytest.mark.parametrize("who", [Loop, Replicator, Following, Held])
def test_every_consumer_that_lives_long_is_watched(who: type) -> None:
    assert inspect.signature(who).parameters["make_consumer"].default is LastingConsumer


def test_whoever_polls_hears_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.pipeline.orphan.EVERY_MS", 20)
    monkeypatch.setattr(OrphanWatch, "look", lambda watch, _: setattr(watch, "_without", 2))
    away = {"bootstrap.servers": f"{HOST}:{free_port()}", "log_level": 0}
    reading, writing = LastingConsumer({**away, "group.id": "g"}), LastingProducer(away)
    for poll in (
        lambda: reading.poll(0.1), lambda: reading.consume(9, 0.1), lambda: writing.poll(0.1),
        lambda: writing.flush(0.1),
    ):  # fmt: skip
        with pytest.raises(RestartNeeded):
            until(lambda: bool(poll()))  # noqa: B023  # asked in this turn
    reading.close()


class Reading:
    """A client of the project's, in a thread of its own: up to where it read, or that it asked for a restart."""

    def __init__(self, connection: Connection, topic: str) -> None:
        self.newest, self.over = -1, False
        self._stop = threading.Event()
        self._consumer = LastingConsumer({**replica_consumer(connection, "t"), **OFTEN})
        self._consumer.assign([TopicPartition(topic, 0, 0)])
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                for message in self._consumer.consume(100, 0.05):
                    if message.error() is None:
                        self.newest = message.offset() or 0
        except RestartNeeded:
            self.over = True

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)
        self._consumer.close()


def test_what_writes_progress_takes_a_new_client_after_it_was_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Config] = []

    def producer(config: Config) -> Producer:
        made.append(config)
        return Producer({**config, "log_level": 0})

    monkeypatch.setattr("streams.pipeline.progress.Producer", producer)
    writer = ProgressWriter(Connection(f"{HOST}:{free_port()}", "t."), "r")
    for _ in range(2):
        writer.write({}, {})
    assert len(made) == 1
    made[0]["on_delivery"](KafkaError(KafkaError._MSG_TIMED_OUT), None)
    for _ in range(2):
        writer.write({}, {})
    assert len(made) == 2


def test_who_watches_topics_asks_with_a_new_client_after_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, asked = [0.0], list[object]()

    class Away:
        def describe_topics(self, *_: object, **__: object) -> dict[str, Future[object]]:
            asked.append(self)
            answer: Future[object] = Future()
            answer.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
            return {"t.registry.v1": answer}

    monkeypatch.setattr("streams.pipeline.watch.AdminClient", lambda _: Away())
    watch = TopicWatch(Connection("", "t."), ["registry"], lambda: now_s[0])
    for _ in range(4):
        now_s[0] += 10
        assert watch.other({"registry": "id"}) == {}
    assert len(asked) == 2 and asked[0] is not asked[1]


@pytest.mark.usefixtures("kafka_install")
def test_a_client_reads_on_or_asks_for_a_restart() -> None:
    with LocalBroker(max_seconds=300) as broker:
        create(broker.bootstrap, "t", t=1)
        connection, last = Connection(broker.bootstrap), 0
        clients = [Reading(connection, "t.t.v1") for _ in range(CLIENTS)]
        try:
            for _ in range(TIMES):
                feed(broker.bootstrap, "t.t.v1", [(0, b"x")])
                until(lambda: all(one.over or one.newest == last for one in clients))  # noqa: B023  # asked in this turn
                broker.restart()
                last += 1
                if any(one.over for one in clients):
                    break
            feed(broker.bootstrap, "t.t.v1", [(0, b"x")])
            until(lambda: all(one.over or one.newest == last for one in clients), 60)
        finally:
            for one in clients:
                one.stop()
