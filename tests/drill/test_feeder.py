"""A broker that is gone does not hold the drill."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from streams.broker.settings import HOST, free_port
from streams.drill.feeder import close, producer, stands
from streams.pipeline.settings import Connection


def test_closing_does_not_wait_for_what_nobody_takes() -> None:
    gone = producer(Connection(f"{HOST}:{free_port()}", "drill-test."))
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
    said: list[str] = []
    gone = producer(Connection(f"{HOST}:{free_port()}", "drill-test."), said.append)
    gone.produce("drill-test.messages.v1", b"x")
    until = time.monotonic() + 60
    while not said and time.monotonic() < until:
        gone.poll(0.1)
    close(gone, 0)
    told = stands(said[0])
    assert "bootstrap" in told and "idempotence" in told and "drill-test.messages.v1[-1] of leader -1" in told
    assert stands("") == "it never said"
