"""Servers that answer requests end when their client of Kafka is over, so that a supervisor starts them again."""

from __future__ import annotations

import asyncio
import signal
from types import SimpleNamespace
from typing import cast

import pytest

from streams.pipeline.errors import RestartNeeded
from streams.pipeline.reporting import ReportSink
from streams.service.halves import HalfStore
from streams.service.listening import Limits, Server
from streams.service.verification import KafkaAudit, _acknowledge


class Over:
    """A client that has forgotten every broker; a real one does so when it likes."""

    def poll(self, timeout: float = 0) -> int:
        raise RestartNeeded("in a test")


def test_the_listener_ends_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    server = Server(cast("ReportSink", SimpleNamespace(producer=Over())), cast("HalfStore", None), Limits())
    asyncio.run(asyncio.wait_for(server._poll(), 5))
    assert raised == [signal.SIGTERM] and isinstance(server.over, RestartNeeded)


def test_the_api_ends_to_be_started_again() -> None:
    async def run() -> tuple[int, bool]:
        stop = asyncio.Event()
        return await asyncio.wait_for(_acknowledge(cast("KafkaAudit", Over()), stop), 5), stop.is_set()

    assert asyncio.run(run()) == (1, True)
