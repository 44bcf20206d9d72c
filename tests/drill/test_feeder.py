"""A broker that is gone does not hold the drill."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from streams.broker.settings import HOST, free_port
from streams.drill.feeder import close, producer
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
