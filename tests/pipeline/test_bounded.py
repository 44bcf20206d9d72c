"""A call that does not come back is left behind."""

from __future__ import annotations

import threading
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from streams.pipeline.bounded import Bounded, NotBack
from streams.pipeline.errors import UnknownOutcome
from streams.pipeline.step import Output
from streams.pipeline.transaction import Transaction
from tests.pipeline.toy import create, read, settings


def test_it_is_left_behind_and_the_next_one_is_made() -> None:
    bounded, held, made = Bounded(), threading.Event(), list[str]()
    bounded(lambda: made.append("first"), 5)
    with pytest.raises(NotBack):
        bounded(held.wait, 0.1)
    bounded(lambda: made.append("second"), 5)
    assert made == ["first", "second"]
    held.set()
    bounded.close()
    bounded.close()


def test_what_it_raises_comes_out() -> None:
    bounded = Bounded()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            bounded(lambda: 1 // 0, 5)
    bounded.close()


class Deaf(Producer):
    """Never comes back from send_offsets_to_transaction, the first one that is made."""

    made = 0

    def __init__(self, config: dict[str, object]) -> None:
        super().__init__(config)
        Deaf.made += 1
        self.number = Deaf.made

    def send_offsets_to_transaction(self, *given: object) -> None:
        if self.number == 1:
            time.sleep(30)
        super().send_offsets_to_transaction(*given)


def test_the_transaction_goes_on_with_a_new_producer(kafka: str, topics: str, monkeypatch: pytest.MonkeyPatch) -> None:
    create(kafka, topics, **{"in": 1, "out": 1})
    monkeypatch.setattr("streams.pipeline.transaction._GRACE_S", 0.1)
    client = settings(kafka, topics, deadline_s=5.0)
    consumer = Consumer(client.consumer())
    places = [TopicPartition(f"{topics}.in.v1", 0, 7)]
    tx = Transaction(client, Deaf)
    tx.start()
    object.__setattr__(client, "deadline_s", 0.5)
    tx.write([Output("out", None, b"lost", 0)])
    with pytest.raises(UnknownOutcome, match="has not come back"):
        tx.send_offsets(places, consumer.consumer_group_metadata())
    object.__setattr__(client, "deadline_s", 5.0)
    tx.renew()
    tx.write([Output("out", None, b"kept", 0)])
    tx.send_offsets(places, consumer.consumer_group_metadata())
    tx.commit()
    tx.close()
    consumer.close()
    assert [m.value() for m in read(kafka, f"{topics}.out.v1")] == [b"kept"]
