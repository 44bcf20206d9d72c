"""A broker that is gone does not hold the drill."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import cast

import pytest
from confluent_kafka import Message, Producer

from streams.broker.settings import HOST, free_port
from streams.drill.feeder import Feeder, close, settings, stands
from streams.drill.world import World
from streams.engine.policy import Policies
from streams.packs import shipped
from streams.pipeline.orphan import LastingProducer
from streams.pipeline.settings import Connection
from streams.replay.history import Record


def test_closing_does_not_wait_for_what_nobody_takes() -> None:
    gone = Producer(settings(Connection(f"{HOST}:{free_port()}", "drill-test.")))
    gone.produce("drill-test.messages.v1", b"x")
    pool = ThreadPoolExecutor(1)
    closing = pool.submit(close, gone, 0.2)
    try:
        assert closing.result(30) == 1
    except TimeoutError:
        gone.purge()  # or the thread would hold the run
        raise
    finally:
        pool.shutdown()


def test_a_stuck_client_says_where_its_records_stand() -> None:
    gone = LastingProducer(settings(Connection(f"{HOST}:{free_port()}", "drill-test.")))
    gone.produce("drill-test.messages.v1", b"x")
    until = time.monotonic() + 60
    while not gone.orphan.said and time.monotonic() < until:
        gone.poll(0.1)
    close(gone, 0)
    told = stands(gone.orphan.said)
    assert "bootstrap" in told and "idempotence" in told and "drill-test.messages.v1[-1] of leader -1" in told
    assert stands("") == "it never said"


def test_what_was_acknowledged_without_its_offset_is_found_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """As offset 0 it took the place of the first event, which then was judged by another's bytes."""
    connection = Connection(f"{HOST}:{free_port()}", "drill-test.")
    feeder = Feeder(connection, World(1, 0), Policies(shipped(), "kr"), rate=1)
    for number, raw, offset in ((0, b"first", 0), (1, b"again", None)):
        where = cast("Message", SimpleNamespace(partition=lambda: 0, offset=lambda o=offset: o))
        feeder._delivered(number, raw, None, where)
    log = [Record(0, 0, b"", b"first", 0), Record(0, 7, b"", b"again", 0)]
    monkeypatch.setattr("streams.drill.reader.read", lambda *_: log)
    assert feeder.stop() == {(0, 0): b"first", (0, 7): b"again"}
