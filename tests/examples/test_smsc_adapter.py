"""The reference adapter on a real broker: acts once, whatever comes late, twice or not at all."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from examples.smsc_adapter.adapter import DEFAULT, Adapter, decision_id
from streams.contracts.messages import Message
from streams.engine import decide
from streams.engine.intake import read_message

HOUR_MS = 3_600_000
EVENT = {
    "event_id": "e1", "event_time_ms": 1_765_944_000_000, "leg": "termination", "channel": "mt", "traffic_class": "a2p",
    "sender": {"address": "15881234"}, "recipient": "821055501234", "content": {"text": "hello"},
}  # fmt: skip


class Recorder:
    def __init__(self) -> None:
        self.acts: list[tuple[str, str]] = []

    def act(self, decision_id: str, event_id: str, action: str, label: str | None) -> None:
        self.acts.append((event_id, action))


class Scene:
    """An adapter, the gate's side of the topics, and a clock that only the test moves."""

    def __init__(self, bootstrap: str, prefix: str, ledger: Path) -> None:
        self.kafka: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap}
        self.prefix, self.ledger = f"{prefix}.", ledger
        self.smsc, self.now_ms = Recorder(), 1_765_944_000_000
        admin = AdminClient(self.kafka)
        for made in admin.create_topics([NewTopic(self.topic(e), 2, 1) for e in ("messages", "decisions")]).values():
            made.result(30)
        self.gate = Producer({**self.kafka, "transactional.id": f"{prefix}-gate"})
        self.gate.init_transactions(30)
        self.adapter = self.start()

    def topic(self, entity: str) -> str:
        return f"{self.prefix}{entity}.v1"

    def start(self) -> Adapter:
        self.adapter = Adapter(
            self.kafka, self.smsc, str(self.ledger), name="smsc1", prefix=self.prefix, now_ms=lambda: self.now_ms
        )
        return self.adapter

    def decide(self, event_id: str, verdict: str, action: str, *, abort: bool = False) -> None:
        """Write a decision as the gate does, in a transaction of its own."""
        found = decision_id("smsc1", "termination", event_id)
        value = {"decision_id": found, "event_id": event_id, "leg": "termination", "verdict": verdict, "action": action}
        self.gate.begin_transaction()
        self.gate.produce(self.topic("decisions"), json.dumps(value).encode(), b"kr:15881234")
        self.gate.flush(10)  # the record is in the log either way
        (self.gate.abort_transaction if abort else self.gate.commit_transaction)(30)

    def row(self, event_id: str) -> tuple[Any, ...]:
        """(acted, action, verdict, late) as the ledger file has it."""
        with sqlite3.connect(self.ledger) as db:
            found = db.execute("SELECT acted, action, verdict, late FROM ledger WHERE event_id = ?", (event_id,))
            row: tuple[Any, ...] = found.fetchone()
        db.close()
        return row

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, (self.smsc.acts, "the adapter did not come so far")
            self.adapter.turn()

    def reread(self) -> None:
        """Turn until everything written before this moment was taken."""
        self.adapter.hold(f"marker-{time.monotonic_ns()}", "termination", self.now_ms + HOUR_MS)
        marker = self._last_held()
        self.decide(marker, "ALLOW", "DELIVER")
        self.until(lambda: (marker, "DELIVER") in self.smsc.acts)
        self.smsc.acts.remove((marker, "DELIVER"))

    def _last_held(self) -> str:
        with sqlite3.connect(self.ledger) as db:
            found = db.execute("SELECT event_id FROM ledger ORDER BY rowid DESC LIMIT 1").fetchone()
        db.close()
        return str(found[0])


@pytest.fixture
def scene(kafka: str, topics: str, tmp_path: Path) -> Iterator[Scene]:
    held = Scene(kafka, topics, tmp_path / "ledger.sqlite")
    yield held
    held.adapter.close()
    del held.adapter, held.gate  # their clients would outlive the broker and complain


def test_a_decision_in_time_is_acted_on_once_however_often_it_comes(scene: Scene) -> None:
    scene.adapter.hold("e1", "termination", scene.now_ms + HOUR_MS)
    for _ in range(3):
        scene.decide("e1", "BLOCK", "REJECT")
    scene.reread()
    assert scene.smsc.acts == [("e1", "REJECT")]
    assert scene.row("e1") == ("decision", "REJECT", "BLOCK", 0)


def test_a_decision_after_the_timer_is_noted_and_not_acted_on(scene: Scene) -> None:
    scene.adapter.hold("e1", "termination", scene.now_ms + 3000)
    scene.adapter.turn()
    assert scene.smsc.acts == []
    scene.now_ms += 3000
    scene.adapter.turn()
    assert scene.row("e1") == ("default", "DELIVER", None, 0)
    scene.decide("e1", "BLOCK", "REJECT")
    scene.reread()
    assert scene.smsc.acts == [("e1", "DELIVER")]
    assert scene.row("e1") == ("default", "DELIVER", "BLOCK", 1)


def test_a_decision_of_an_aborted_transaction_is_never_seen(scene: Scene) -> None:
    scene.adapter.hold("e1", "termination", scene.now_ms + HOUR_MS)
    scene.decide("e1", "BLOCK", "REJECT", abort=True)
    scene.decide("e1", "ALLOW", "DELIVER")
    scene.reread()
    assert scene.smsc.acts == [("e1", "DELIVER")]
    assert scene.row("e1")[2] == "ALLOW"


def test_a_decision_on_somebody_else_s_message_is_left_alone(scene: Scene) -> None:
    scene.decide("another's", "BLOCK", "REJECT")
    scene.reread()
    assert scene.smsc.acts == []


@pytest.mark.parametrize("leg", ["origination", "termination"])
def test_without_a_decision_each_leg_does_what_suits_it(scene: Scene, leg: str) -> None:
    scene.adapter.hold("e1", leg, scene.now_ms)
    scene.adapter.turn()
    assert scene.smsc.acts == [("e1", DEFAULT[leg])]


def test_a_restart_goes_on_with_what_was_held_and_repeats_nothing(scene: Scene) -> None:
    for event in ("e1", "e2"):
        scene.adapter.hold(event, "termination", scene.now_ms + HOUR_MS)
    scene.decide("e1", "BLOCK", "REJECT")
    scene.reread()
    scene.adapter.close()
    scene.decide("e2", "ALLOW", "DELIVER")
    scene.start()
    assert scene.adapter.waiting() == 1
    scene.reread()
    assert scene.smsc.acts == [("e1", "REJECT"), ("e2", "DELIVER")]


def test_what_it_submits_is_an_event_that_the_gate_can_read(scene: Scene) -> None:
    scene.adapter.submit(EVENT, "kr:15881234")
    consumer = Consumer({**scene.kafka, "group.id": "nobody", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(scene.topic("messages"), p, 0) for p in range(2)])
    try:
        record = consumer.poll(30)
        assert record is not None and record.error() is None
        message, flags = read_message(record.value() or b"")
    finally:
        consumer.close()
    assert isinstance(message, Message) and flags == ()
    assert (message.producer, message.ingested_at_ms, message.deadline_ms) == (
        "smsc1",
        scene.now_ms,
        scene.now_ms + 3000,
    )


def test_the_id_is_the_one_that_the_gate_gives() -> None:
    ids = ("smsc1", "termination", "smsc1-20251217-000042")
    assert decision_id(*ids) == decide.decision_id(*ids)
