"""What is said about a state follows the state; a table in step has one state of a key on its way at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import SimpleNamespace
from typing import Any, cast

import pytest

from streams.agents import Delivery, Output, OutputLost, WorkerFailed
from streams.agents.emit import Emitter
from streams.agents.followers import Followers
from streams.agents.outbox import Outbox
from streams.agents.tables import Table, apply


class Bench:
    """`apply` on a dict; what is sent stands in `sent` as (topic, value) and is acknowledged by the test."""

    def __init__(self, in_step: bool) -> None:
        self.sent: list[tuple[str, bytes | None]] = []
        self.acks: list[asyncio.Future[None]] = []
        self.failures: list[WorkerFailed] = []
        self.outbox = Outbox(timeout_s=5, on_failure=self.failures.append)
        emitter = Emitter(lambda: self, max_record_bytes=10_000)
        bench = self

        class Rows(dict[bytes, bytes]):
            name, partitions = "rows", 1

            def __setitem__(self, key: bytes, value: bytes) -> None:
                super().__setitem__(key, value)
                bench._on_its_way("rows", value)

        app = SimpleNamespace(
            outbox=self.outbox, emitter=emitter, followers=Followers(self.outbox, emitter), crash_points=lambda _: None
        )  # fmt: skip
        self.table: Table[bytes] = Table(cast("Any", app), Rows(), "rows", bytes, bytes, in_step)

    def _on_its_way(self, topic: str, value: bytes | None) -> asyncio.Future[None]:
        self.sent.append((topic, value))
        self.acks.append(asyncio.get_running_loop().create_future())
        self.outbox.watch(self.acks[-1])
        return self.acks[-1]

    async def send(
        self, topic: str, key: object, value: bytes | None, partition: object, timestamp: object, headers: object
    ) -> Awaitable[object]:
        return self._on_its_way(topic, value)

    def event(self, key: bytes, event: bytes) -> asyncio.Task[bytes | None]:
        """Append the event to the key's state and say so, in a task."""

        def step(state: bytes | None, event: bytes) -> tuple[bytes, list[Output]]:
            after = (state or b"") + event
            return after, [Output("said", key, after)]

        return asyncio.create_task(apply(self.table, Delivery("in", 0, 0, 0, key, event), event, step))

    async def acknowledge(self, topic: str, value: bytes) -> None:
        self.acks[self.sent.index((topic, value))].set_result(None)
        await asyncio.sleep(0.01)


def played(scenario: Callable[[Bench], Coroutine[Any, Any, None]], in_step: bool = True) -> None:
    async def run() -> None:
        await scenario(Bench(in_step))

    asyncio.run(run())


def test_nothing_is_said_before_the_state_is_durable_and_then_in_order() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.event(b"k", b"a")
        await bench.event(b"k", b"b")
        await asyncio.sleep(0.01)
        assert bench.sent == [("rows", b"a"), ("rows", b"ab")]
        await bench.acknowledge("rows", b"ab")
        assert len(bench.sent) == 2, "the first one's turn"
        await bench.acknowledge("rows", b"a")
        assert bench.sent[2:] == [("said", b"a"), ("said", b"ab")]

    played(scenario, in_step=False)


def test_draining_waits_for_what_follows() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.event(b"k", b"a")
        draining = asyncio.create_task(bench.outbox.drain())
        await bench.acknowledge("rows", b"a")
        assert not draining.done() and bench.sent[1:] == [("said", b"a")]
        await bench.acknowledge("said", b"a")
        await draining

    played(scenario)


def test_in_step_the_next_state_of_a_key_waits_for_state_and_history_of_the_last() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.event(b"k", b"a")
        second = bench.event(b"k", b"b")
        await bench.acknowledge("rows", b"a")
        assert not second.done() and bench.table.inner[b"k"] == b"a"
        await bench.event(b"other", b"x")
        await bench.acknowledge("said", b"a")
        assert await second == b"ab"
        assert [value for topic, value in bench.sent if topic == "rows"] == [b"a", b"x", b"ab"]

    played(scenario)


@pytest.mark.parametrize("topic", ["rows", "said"])
def test_in_step_nothing_follows_what_was_lost(topic: str) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.event(b"k", b"a")
        second = bench.event(b"k", b"b")
        await asyncio.sleep(0.01)
        if topic == "said":
            await bench.acknowledge("rows", b"a")
        bench.acks[bench.sent.index((topic, b"a"))].set_exception(RuntimeError("gone"))
        with pytest.raises(OutputLost):
            await second
        assert bench.table.inner[b"k"] == b"a" and bench.failures
        assert ("said", b"ab") not in bench.sent

    played(scenario)
