"""A replica follows its topics: caught up by partition ends, warm after a restart, built again when it must be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.contracts.decisions import Progress
from streams.contracts.registry import SenderEntry, SenderRow
from streams.contracts.reputation import SanctionEntry, SanctionRow
from streams.contracts.topics import Group
from streams.pipeline.errors import TopicError
from streams.pipeline.replicator import Replicator
from streams.pipeline.settings import Config, Connection
from streams.pipeline.topics import create_topics, plan
from streams.replica import Applied, MemoryReplica, Replica, RocksReplica, rocks
from streams.replica.changes import Entity
from streams.telemetry.metrics import read as metric
from tests.pipeline.toy import create, produce, read, until

DAY_MS = 86_400_000


def row(key: str, version: int = 1) -> bytes:
    return msgspec.json.encode(SenderRow(key=key, timeline=(SenderEntry(version=version, recorded_at_ms=version),)))


def rows(count: int, version: int = 1) -> list[tuple[int, str, bytes]]:
    return [(n % 2, f"sender:{n}", row(f"sender:{n}", version)) for n in range(count)]


@contextmanager
def following(kafka: str, prefix: str, replica: Replica, now_ms: int = 0) -> Iterator[tuple[Replicator, list[Applied]]]:
    """An open replicator of the registry, and what it has applied."""
    applied: list[Applied] = []
    replicator = Replicator(Connection(kafka, f"{prefix}."), "r-0", replica, ("registry",), clock_ms=lambda: now_ms)
    replicator.listen(applied.extend)
    try:
        yield replicator, applied
    finally:
        replicator.close()


def test_caught_up_at_the_end_of_a_log_that_ends_in_aborted_records(kafka: str, topics: str) -> None:
    create(kafka, topics, registry=2)
    produce(kafka, f"{topics}.registry.v1", rows(100))
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topics})
    producer.init_transactions(20)
    for commit in (True, False):
        producer.begin_transaction()
        for partition in range(2):
            producer.produce(f"{topics}.registry.v1", row("sender:0", 7), "sender:0", partition)
        producer.flush()
        if commit:
            producer.commit_transaction()
        else:
            producer.produce(f"{topics}.registry.v1", row("sender:aborted"), "sender:aborted", 0)
            producer.flush()
            producer.abort_transaction()
    replica = MemoryReplica()
    with following(kafka, topics, replica) as (replicator, applied):
        assert not replicator.caught_up
        until(replicator.catch_up)
        assert len(applied) == 102
        assert replica.row("sender:aborted") is None
        produce(kafka, f"{topics}.registry.v1", [(1, "sender:new", row("sender:new")), (1, "sender:bad", b"{")])
        until(lambda: replicator.catch_up() and replica.row("sender:new"))
        until(lambda: replicator.catch_up() and replica.bad_count == 1)
    assert metric("replica_bad_changes_total", replica="r-0", entity="registry") >= 1
    progress = read(kafka, f"{topics}.progress.v1")
    last = {m.key(): msgspec.json.decode(m.value() or b"", type=Progress) for m in progress}
    assert last.keys() == {b"replica/r-0/registry/0", b"replica/r-0/registry/1"}
    assert last[b"replica/r-0/registry/1"].event_time_ms == 7
    assert last[b"replica/r-0/registry/1"].next_offset >= 54
    assert len(progress) <= 6, "said when something changed, not all the time"


def test_a_warm_replica_reads_on_where_it_stopped(kafka: str, topics: str, tmp_path: Path) -> None:
    create(kafka, topics, registry=2)
    produce(kafka, f"{topics}.registry.v1", rows(100))
    with following(kafka, topics, RocksReplica(str(tmp_path))) as (replicator, _):
        until(replicator.catch_up)
    replicator.replica.close()
    produce(kafka, f"{topics}.registry.v1", rows(10, version=2))
    warm = RocksReplica(str(tmp_path))
    with following(kafka, topics, warm, DAY_MS // 2) as (replicator, applied):
        until(replicator.catch_up)
        assert len(applied) == 10
        assert warm.row("sender:50") is not None
    warm.close()


@pytest.mark.parametrize("why", ["stale", "recreated", "out_of_range"])
def test_a_replica_that_may_have_missed_something_is_built_again(
    kafka: str, topics: str, tmp_path: Path, why: str
) -> None:
    create(kafka, topics, registry=2)
    name = f"{topics}.registry.v1"
    produce(kafka, name, [*rows(100), (0, "sender:gone", row("sender:gone"))])
    with following(kafka, topics, RocksReplica(str(tmp_path))) as (replicator, _):
        until(replicator.catch_up)
    replicator.replica.close()
    admin = AdminClient({"bootstrap.servers": kafka})
    if why == "out_of_range":
        produce(kafka, name, rows(10))
        for deleted in admin.delete_records([TopicPartition(name, 0, 56)]).values():
            deleted.result(20)
    elif why == "recreated":
        for gone in admin.delete_topics([name]).values():
            gone.result(20)
        until(lambda: name not in admin.list_topics(timeout=5).topics)
        for again in admin.create_topics([NewTopic(name, 2, 1)]).values():
            again.result(20)
        produce(kafka, name, rows(200))
    warm = RocksReplica(str(tmp_path))
    now_ms = DAY_MS // 2 + 1 if why == "stale" else 1
    counted = metric("replica_rebuilds_total", replica="r-0", why="out_of_range" if why == "out_of_range" else "stale")
    with following(kafka, topics, warm, now_ms) as (replicator, applied):
        until(replicator.catch_up)
        assert len(applied) == {"stale": 101, "recreated": 200, "out_of_range": 55}[why]
        assert (warm.row("sender:gone") is None) == (why != "stale")
    warm.close()
    label = "out_of_range" if why == "out_of_range" else "stale"
    assert metric("replica_rebuilds_total", replica="r-0", why=label) == counted + 1


def test_rows_of_a_version_that_lays_them_out_otherwise_are_built_again(
    kafka: str, topics: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(kafka, topics, registry=2)
    produce(kafka, f"{topics}.registry.v1", rows(10))
    with monkeypatch.context() as older:
        older.setattr(rocks, "LAYOUT", "0-of-an-older-version")
        with following(kafka, topics, RocksReplica(str(tmp_path))) as (replicator, _):
            until(replicator.catch_up)
        replicator.replica.close()
    warm = RocksReplica(str(tmp_path))
    assert warm.layout_differs
    counted = metric("replica_rebuilds_total", replica="r-0", why="layout")
    with following(kafka, topics, warm) as (replicator, applied):
        until(replicator.catch_up)
        assert len(applied) == 10 and not warm.layout_differs
    warm.close()
    assert metric("replica_rebuilds_total", replica="r-0", why="layout") == counted + 1


def test_records_deleted_under_a_running_replica(kafka: str, topics: str) -> None:
    create(kafka, topics, registry=1)
    name = f"{topics}.registry.v1"
    produce(kafka, name, [(0, f"sender:{n}", row(f"sender:{n}")) for n in range(10)])
    replica = MemoryReplica()
    with following(kafka, topics, replica) as (replicator, _):
        until(replicator.catch_up)
        before = metric("replica_rebuilds_total", replica="r-0", why="out_of_range")
        # As if records had been deleted faster than they were read: what comes next isn't there any more.
        replicator._running().assign([TopicPartition(name, 0, 999)])
        until(lambda: replicator.poll(0.05) or replica.row("sender:9") is None)
        until(lambda: replicator.catch_up() and replica.row("sender:9"))
        assert metric("replica_rebuilds_total", replica="r-0", why="out_of_range") == before + 1


def test_a_topic_made_anew_under_a_running_replica(kafka: str, topics: str) -> None:
    """Its end lies beyond where the replica stood: reading on would skip the first ten records, and keep old rows."""
    create(kafka, topics, registry=1)
    name, admin = f"{topics}.registry.v1", AdminClient({"bootstrap.servers": kafka})
    produce(kafka, name, [(0, f"sender:{n}", row(f"sender:{n}")) for n in range(10)])
    replica = MemoryReplica()
    with following(kafka, topics, replica) as (replicator, _):
        until(replicator.catch_up)
        for gone in admin.delete_topics([name]).values():
            gone.result(20)
        until(lambda: name not in admin.list_topics(timeout=5).topics)
        for again in admin.create_topics([NewTopic(name, 1, 1)]).values():
            again.result(20)
        produce(kafka, name, [(0, f"sender:new-{n}", row(f"sender:new-{n}")) for n in range(50)])
        until(lambda: replicator.catch_up() and replica.row("sender:new-0"), 40)
        until(lambda: replicator.catch_up() and replica.row("sender:new-49"))
        assert replica.row("sender:1") is None


def test_what_is_required_includes_an_open_transaction(kafka: str, topics: str) -> None:
    create(kafka, topics, registry=1)
    name = f"{topics}.registry.v1"
    produce(kafka, name, [(0, "sender:1", row("sender:1"))])
    replica = MemoryReplica()
    with following(kafka, topics, replica) as (replicator, _):
        until(replicator.catch_up)
        producer = Producer({"bootstrap.servers": kafka, "transactional.id": topics})
        producer.init_transactions(20)
        producer.begin_transaction()
        producer.produce(name, row("sender:2"), "sender:2", 0)
        producer.flush()
        replicator.require("registry", [0])
        with pytest.raises(AssertionError):
            until(replicator.catch_up, 0.5)
        producer.commit_transaction()
        until(replicator.catch_up)
        assert replica.row("sender:2") is not None


def test_a_missing_topic_is_named(kafka: str, topics: str) -> None:
    missing = pytest.raises(TopicError, match=rf"{topics}\.registry\.v1")
    with following(kafka, topics, MemoryReplica()) as (replicator, _), missing:
        replicator.open()


def test_sanctions_and_policy_stand_beside_the_registry(kafka: str, topics: str) -> None:
    create(kafka, topics, registry=2, sanctions=1, policy=1)
    entry = SanctionEntry(sanction_id="s", step="WARN", reason="R", recorded_at_ms=9)
    value = msgspec.json.encode(SanctionRow(subject="account:a", timeline=(entry,)))
    produce(kafka, f"{topics}.sanctions.v1", [(0, "account:a", value)])
    replica = MemoryReplica()
    replicator = Replicator(Connection(kafka, f"{topics}."), "all", replica, ("registry", "sanctions", "policy"))
    until(replicator.catch_up)
    replicator.close()
    assert replica.sanctions("account:a") is not None


def test_topics_are_created_once(kafka: str, topics: str) -> None:
    connection = Connection(kafka, f"{topics}.")
    counts: dict[Group, int] = {"messages": 2, "registry": 2, "reputation": 1, "single": 1}
    wanted = plan(connection.prefix, counts, {})
    assert create_topics(connection, counts, dry_run=True) == wanted
    assert create_topics(connection, counts) == wanted
    assert create_topics(connection, counts) == []
    with pytest.raises(TopicError, match="Partition counts differ"):
        create_topics(connection, {**counts, "messages": 3})


class Noted(Consumer):
    """Notes what it is asked, in order."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.asked: list[str] = []

    def list_topics(self, *args: Any, **kwargs: Any) -> Any:
        self.asked.append(args[0])
        return super().list_topics(*args, **kwargs)

    def assign(self, *args: Any, **kwargs: Any) -> None:
        self.asked.append("assign")
        super().assign(*args, **kwargs)


def test_leaders_are_asked_for_before_partitions_are_assigned(kafka: str, topics: str) -> None:
    """A gate that is started again would wait a second and more for those of topics that hold nothing."""
    create(kafka, topics, registry=2, sanctions=1)
    for entity in ("registry", "sanctions"):  # a topic just created may not be seen yet
        produce(kafka, f"{topics}.{entity}.v1", [(0, "sender:0", row("sender:0"))])
    made: list[Noted] = []

    def make(config: Config) -> Noted:
        made.append(Noted(config))
        return made[-1]

    entities: tuple[Entity, ...] = ("registry", "sanctions")
    replicator = Replicator(Connection(kafka, f"{topics}."), "r-0", MemoryReplica(), entities, make_consumer=make)
    replicator.open()
    replicator.close()
    assert made[0].asked == [f"{topics}.registry.v1", f"{topics}.sanctions.v1", "assign"]
