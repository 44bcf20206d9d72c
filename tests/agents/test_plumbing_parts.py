"""The parts without a broker: outbox, turnstile, progress, dead letters, declarations."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable
from pathlib import Path

import pytest
from faust.types import TP

from streams.agents import (
    AgentSettings,
    Delivery,
    Output,
    OutputLost,
    Refused,
    WorkerFailed,
    agent,
    create_app,
    dead_letter,
)
from streams.agents.emit import Emitter
from streams.agents.gate import Turnstile
from streams.agents.outbox import Outbox
from streams.agents.progress import Progress

HERE = TP("t", 3)


class Producer:
    """Records what is sent; the test acknowledges."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None, bytes | None]] = []
        self.acks: list[asyncio.Future[None]] = []
        self.outbox: Outbox | None = None

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, partition: object, timestamp: object, headers: object
    ) -> Awaitable[object]:
        self.sent.append((topic, key, value))
        self.acks.append(asyncio.get_running_loop().create_future())
        if self.outbox is not None:
            self.outbox.watch(self.acks[-1])
        return self.acks[-1]


def test_draining_waits_for_every_send_before_it() -> None:
    async def scenario() -> None:
        failures: list[WorkerFailed] = []
        outbox = Outbox(timeout_s=5, on_failure=failures.append)
        first, second = (asyncio.get_running_loop().create_future() for _ in range(2))
        outbox.watch(first)
        outbox.watch(second)
        draining = asyncio.create_task(outbox.drain())
        first.set_result(None)
        await asyncio.sleep(0.01)
        assert not draining.done() and len(outbox) == 1
        second.set_result(None)
        await draining
        assert failures == [] and len(outbox) == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("how", ["error", "cancelled", "late"])
def test_a_lost_send_latches(how: str) -> None:
    async def scenario() -> None:
        failures: list[WorkerFailed] = []
        outbox = Outbox(timeout_s=0.05, on_failure=failures.append)
        sent = asyncio.get_running_loop().create_future()
        outbox.watch(sent)
        if how == "error":
            sent.set_exception(RuntimeError("no"))
        elif how == "cancelled":
            sent.cancel()
        for _ in range(2):
            with pytest.raises(OutputLost):
                await outbox.drain()
        assert len(failures) == 1 and outbox.failed is failures[0]

    asyncio.run(scenario())


def test_the_turnstile_waits_for_those_inside_and_turns_away_those_from_before() -> None:
    async def scenario() -> None:
        gate = Turnstile()
        early = asyncio.create_task(gate.enter())
        await asyncio.sleep(0)
        gate.open()
        assert await early
        assert not await gate.close(0.01)
        held = asyncio.create_task(gate.enter())
        closing = asyncio.create_task(gate.close(5))
        await asyncio.sleep(0.01)
        assert not held.done() and not closing.done()
        gate.leave()
        assert await closing
        gate.open()
        assert not await held, "taken before the gate was closed"
        assert await gate.enter()

    asyncio.run(scenario())


def test_progress_is_published_only_after_the_outputs_are_acknowledged() -> None:
    async def scenario() -> None:
        producer = Producer()
        outbox = producer.outbox = Outbox(timeout_s=5, on_failure=lambda _: None)
        emitter = Emitter(lambda: producer, max_record_bytes=10_000)
        progress = Progress(outbox, emitter, topic="progress", gap_s=0)
        await emitter.emit(Output("out", b"k", b"v"))
        progress.handled("tally", HERE, 8, 1_000)
        progress.handled("tally", HERE, 9, 900)
        publishing = asyncio.create_task(progress.publish())
        await asyncio.sleep(0.01)
        assert [topic for topic, _, _ in producer.sent] == ["out"]
        producer.acks[0].set_result(None)
        await asyncio.sleep(0.01)
        topic, key, value = producer.sent[1]
        assert (topic, key) == ("progress", b"tally/t/3")
        assert json.loads(value or b"") == {
            "component": "tally",
            "topic": "t",
            "partition": 3,
            "next_offset": 9,
            "event_time_ms": 1_000,
        }
        assert not publishing.done(), "the record itself is not durable yet"
        producer.acks[1].set_result(None)
        await publishing
        await progress.publish()
        assert len(producer.sent) == 2, "nothing new, nothing said"
        progress.handled("tally", HERE, 10, None)
        progress.forget([HERE])
        await progress.publish()
        assert len(producer.sent) == 2, "not ours any more"

    asyncio.run(scenario())


def test_a_dead_letter_that_is_too_large_keeps_its_head_and_its_hash() -> None:
    value = bytes(300_000)
    letter = dead_letter(
        "dead", Delivery("in", 1, 2, 3, b"k", value), ValueError("é" * 2000), version="9", max_record_bytes=200_000
    )
    headers = dict(letter.headers)
    assert letter.value == value[: 64 * 1024] and letter.key == b"k"
    assert headers["sha256"].decode() == hashlib.sha256(value).hexdigest()
    assert headers["size"] == b"300000"
    assert (headers["reason"], headers["offset"], headers["partition"]) == (b"HANDLER_FAILED", b"2", b"1")
    assert len(headers["exception"]) <= 1024 and headers["exception"].decode().startswith("ValueError: é")


def test_a_record_too_large_for_the_broker_is_refused_before_it_is_sent() -> None:
    producer = Producer()
    emitter = Emitter(lambda: producer, max_record_bytes=1_000)
    with pytest.raises(Refused, match="OUTPUT_TOO_LARGE"):
        asyncio.run(emitter.emit(Output("out", b"k", bytes(1_000))))
    assert producer.sent == []


def test_a_topic_has_one_agent(tmp_path: Path) -> None:
    app = create_app(AgentSettings(bootstrap="127.0.0.1:1", group="g", instance_id="i", data_dir=tmp_path))

    async def handler(_: Delivery) -> None:
        return None

    agent(app, "one", topics=["a", "b"], dead_letters="dead")(handler)
    with pytest.raises(ValueError, match="Topic b already has an agent"):
        agent(app, "two", topics=["b"], dead_letters="dead")
