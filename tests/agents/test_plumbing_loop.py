"""The loop around handlers, the commit hook and the producer hooks, one by one and without a broker."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.fetcher import FetchError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.agents import AgentApp, AgentSettings, Delivery, StateFailed, agent, create_app, transport
from streams.agents.errors import OutputLost, Refused
from streams.telemetry.metrics import read

HERE = TP("t", 0)


class Event:
    """What the framework's stream yields, as far as the loop looks at it."""

    def __init__(self, offset: int, value: bytes) -> None:
        self.message = SimpleNamespace(
            topic="t", partition=0, offset=offset, timestamp=1.5, key=b"k", value=value, tp=HERE
        )
        self.acked = False

    def ack(self) -> None:
        self.acked = True


class Stream:
    """Yields the events, then nothing more."""

    def __init__(self, events: list[Event]) -> None:
        self.queue = events
        self.enable_acks = True

    async def events(self) -> AsyncIterator[Event]:
        for event in self.queue:
            yield event


@pytest.fixture
def app(tmp_path: Path) -> AgentApp:
    app = create_app(AgentSettings(bootstrap="127.0.0.1:1", group="g", instance_id="i", data_dir=tmp_path))
    app.on_failure = lambda why: None
    return app


def run(app: AgentApp, handler: Any, events: list[Event], after: Any = None) -> tuple[Stream, list[Any]]:
    """The registered loop over `events`, for at most half a second; the stream and what was emitted."""
    emitted: list[Any] = []

    async def emit(output: Any) -> None:
        emitted.append(output)

    app.emitter.emit = emit  # type: ignore[method-assign]  # a stand-in for the producer
    agent(app, "a", topics=["t"], dead_letters="dead")(handler)
    (faust_agent,) = app.agents.values()
    stream = Stream(events)

    async def scenario() -> None:
        task = asyncio.ensure_future(faust_agent.fun(stream))
        if after is not None:
            await after()
        await asyncio.wait([task], timeout=0.5)
        task.cancel()

    asyncio.run(scenario())
    return stream, emitted


def test_an_event_is_acknowledged_by_us_after_its_handler(app: AgentApp) -> None:
    seen: list[Delivery] = []
    events = [Event(7, b"one"), Event(9, b"two")]

    async def handler(record: Delivery) -> int:
        assert not events[len(seen)].acked
        seen.append(record)
        return 5_000

    app.gate.open()
    stream, _ = run(app, handler, events)
    assert stream.enable_acks is False, "the framework would acknowledge an event whose handler was cancelled"
    assert seen[0] == Delivery("t", 0, 7, 1500, b"k", b"one")
    assert [event.acked for event in events] == [True, True]
    assert app.progress._at[HERE] == ("a", 10, 5_000)


def test_events_and_dead_letters_are_counted_by_agent_and_reason(app: AgentApp) -> None:
    def counted() -> tuple[float, float, float]:
        return (
            read("records_total", step="a"),
            read("dead_letters_total", step="a", reason="NOT_ONE"),
            read("dead_letters_total", step="a", reason="HANDLER_FAILED"),
        )

    async def handler(record: Delivery) -> None:
        if record.value == b"two":
            raise Refused("NOT_ONE", "it is two")
        if record.value == b"three":
            raise ValueError

    app.gate.open()
    before = counted()
    _, emitted = run(app, handler, [Event(n, value) for n, value in enumerate((b"one", b"two", b"three"))])
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [1, 1, 1]
    assert len(emitted) == 2


def test_a_failure_of_the_worker_is_neither_acknowledged_nor_a_dead_letter_and_stops_the_loop(app: AgentApp) -> None:
    events = [Event(7, b"one"), Event(8, b"two")]

    async def handler(record: Delivery) -> None:
        if record.value == b"one":
            raise StateFailed("the disk is full")

    app.gate.open()
    _, emitted = run(app, handler, events)
    assert [event.acked for event in events] == [False, False]
    assert isinstance(app.outbox.failed, StateFailed) and emitted == []


def test_an_event_taken_before_a_handover_is_dropped_unacknowledged(app: AgentApp) -> None:
    events = [Event(7, b"one")]

    async def handler(_: Delivery) -> None:
        raise AssertionError("it belongs to the next owner")

    async def hand_over() -> None:
        await asyncio.sleep(0.01)
        await app.gate.close(1)
        app.gate.open()

    _, emitted = run(app, handler, events, hand_over)
    assert not events[0].acked and emitted == []


@pytest.mark.parametrize(
    ("closed", "lost", "expected"),
    [(False, False, ["publish", "commit"]), (False, True, ["publish"]), (True, False, [])],
    ids=["publishes, then commits", "lost output, no commit", "closed, no commit"],
)
def test_a_commit_comes_after_durable_outputs_and_progress(
    monkeypatch: pytest.MonkeyPatch, closed: bool, lost: bool, expected: list[str]
) -> None:
    calls: list[str] = []

    async def publish() -> None:
        calls.append("publish")
        if lost:
            raise OutputLost("gone")

    async def commit(self: Any, offsets: Any, start_new_transaction: bool = True) -> bool:
        calls.append("commit")
        return True

    monkeypatch.setattr(driver.Consumer, "_commit_offsets", commit)
    consumer = object.__new__(transport.Consumer)
    consumer.app = SimpleNamespace(
        closed=closed, progress=SimpleNamespace(publish=publish), crash_points=lambda _: None
    )
    assert asyncio.run(consumer._commit_offsets({HERE: 3})) is (expected[-1:] == ["commit"])
    assert calls == expected


def test_every_send_is_watched_from_the_buffer_on(monkeypatch: pytest.MonkeyPatch) -> None:
    watched: list[Any] = []

    async def send(self: Any, *args: Any, **more: Any) -> str:
        return "sent"

    monkeypatch.setattr(driver.Producer, "send_soon", lambda self, fut: None)
    monkeypatch.setattr(driver.Producer, "send", send)
    producer = object.__new__(transport.Producer)
    producer.app = SimpleNamespace(outbox=SimpleNamespace(watch=watched.append))
    producer.send_soon("buffered")
    asyncio.run(producer.send("t", None, None, None, None, None))
    assert watched == ["buffered", "sent"]
    assert producer._settings_extra() == {"acks": "all", "enable_idempotence": True}


def test_only_changelogs_flow_during_a_rebalance(monkeypatch: pytest.MonkeyPatch) -> None:
    resumed: list[set[TP]] = []
    monkeypatch.setattr(driver.Consumer, "resume_partitions", lambda self, tps: resumed.append(set(tps)))
    monkeypatch.setattr(driver.Consumer, "assignment", lambda self: {HERE, TP("log", 0)})
    consumer = object.__new__(transport.Consumer)
    consumer.app = SimpleNamespace(rebalancing=True, tables=SimpleNamespace(changelog_topics={"log"}))
    consumer.resume_partitions({HERE, TP("log", 0)})
    consumer.release_sources()
    assert resumed == [{TP("log", 0)}, {HERE}]


def test_an_empty_set_of_partitions_is_not_all_of_them() -> None:
    alive: set[TP] = set()
    members = transport.Members(alive)
    assert members and HERE not in members
    alive.add(HERE)
    assert HERE in members


class Held:
    """What a fetcher holds, by partition; asked as the framework asks: in turn until `max_records`, errors raised."""

    def __init__(self, held: dict[TP, Any]) -> None:
        self._records = held

    async def take(self, consumer: Any, active: Any, timeout: float | None, max_records: int | None) -> dict[TP, Any]:
        taken: dict[TP, Any] = {}
        for tp in [tp for tp in self._records if active is None or tp in active]:
            if isinstance(self._records[tp], FetchError):
                self._records.pop(tp).check_raise()
            left = None if max_records is None else max_records - sum(map(len, taken.values()))
            taken[tp], self._records[tp] = self._records[tp][:left], self._records[tp][left:] if left else []
            if not self._records[tp]:
                del self._records[tp]
            if left is not None and len(taken[tp]) >= left:
                break
        return taken


@pytest.fixture
def fetch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What our thread takes of what is held, for the partitions named."""

    def asked(held: Held, active: Any) -> dict[TP, Any]:
        monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_fetch_records", lambda self, *args: held.take(*args))
        thread = object.__new__(transport.ConsumerThread)
        return asyncio.run(thread._fetch_records(SimpleNamespace(_fetcher=held), active, 1.0, None))  # type: ignore[arg-type, return-value]  # a map of ours

    return asked


def test_every_partition_gives_its_share_whatever_waits_in_another(fetch: Any) -> None:
    long, other, paused = TP("shapes", 0), TP("reports", 0), TP("reports", 1)
    held = Held({long: list(range(5000)), paused: [1], other: [1, 2]})
    active = transport.Members({long, other})
    first = fetch(held, active)
    assert {tp: len(records) for tp, records in first.items()} == {long: transport.UNPACKED, other: 2}
    assert fetch(held, active)[long][0] == transport.UNPACKED, "nothing is skipped"
    assert held._records[paused] == [1]


def test_an_error_of_one_partition_loses_nothing_of_another(fetch: Any) -> None:
    good, bad = TP("reports", 0), TP("shapes", 0)
    held = Held({good: [1, 2], bad: FetchError(error=ValueError("too large"), backoff=0)})
    with pytest.raises(ValueError, match="too large"):
        fetch(held, transport.Members({good, bad}))
    assert fetch(held, transport.Members({good, bad})) == {good: [1, 2]}
