"""A replica whose disk fails ends the worker; the event comes again, and is no dead letter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from streams.agents import AgentSettings, Delivery, Refused, create_app, steps
from streams.agents.context import Context
from streams.agents.errors import StateFailed
from streams.engine.view import View
from streams.replica import MemoryReplica


class Rows:
    """Rows whose disk fails while they are read, if told so."""

    caught_up = True

    def __init__(self) -> None:
        self.view: View = MemoryReplica()
        self.failed = False

    def poll(self) -> None:
        return

    def check(self) -> None:
        if self.failed:
            raise OSError("input/output error")


class Step:
    """Reads the rows and raises, refuses, or takes what it can't read for unknown."""

    name, inputs, dead, table = "reader", ("reports",), "reports.dead", None

    def __init__(self, rows: Rows, disk: bool, error: Exception | None) -> None:
        self._rows, self._disk, self._error = rows, disk, error

    def handle(self, entity: str, delivery: Delivery, view: View) -> steps.Handled:
        self._rows.failed = self._disk
        if self._error is not None:
            raise self._error
        return steps.Handled(7)


@pytest.mark.parametrize(
    ("disk", "error", "ends"),
    [
        (False, None, None),
        (False, KeyError("a bug"), KeyError),
        (False, Refused("BAD", "no report"), Refused),
        (True, None, StateFailed),
        (True, OSError("input/output error"), StateFailed),
    ],
)
def test_how_a_handler_ends(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    disk: bool,
    error: Exception | None,
    ends: type[Exception] | None,
) -> None:
    handlers: list[Callable[[Delivery], Awaitable[int]]] = []
    monkeypatch.setattr(steps, "agent", lambda *args, **more: handlers.append)
    app = create_app(AgentSettings(bootstrap="127.0.0.1:1", group="g", instance_id="i", data_dir=tmp_path))
    rows = Rows()
    steps.bind(Context(app, rows), cast("Any", Step(rows, disk, error)))
    handled = handlers[0](Delivery("dualblock.reports.v1", 0, 0, 0, b"k", b"v"))
    if ends is None:
        assert asyncio.run(cast("Any", handled)) == 7
    else:
        with pytest.raises(ends):
            asyncio.run(cast("Any", handled))
