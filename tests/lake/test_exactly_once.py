"""On a real Kafka: each committed record is in the lake once, whatever the writer dies of and however often."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.lake.errors import LakeError
from streams.lake.intake import Intake, Limits, Topic, run
from streams.lake.manifest import require
from streams.pipeline.settings import Connection
from streams.pipeline.topics import describe
from tests.lake.kit import decision, lake, report, rows
from tests.lake.worker import ENTITIES
from tests.pipeline.toy import create, produce, read

ROOT = Path(__file__).parents[2]
POINTS = (
    "before-write", "after-write", "before-rename", "amid-rename", "after-rename", "before-manifest", "amid-manifest",
    "after-manifest",
)  # fmt: skip
MERGING = ("merge/before-rename", "merge/after-rename", "merge/amid-manifest", "merge/after-manifest")
ROUNDS = 12


def decide(kafka: str, topic: str, rounds: int = ROUNDS) -> None:
    """Decisions of a gate that aborts every third transaction, with garbage between them."""
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": f"{topic}-gate", "linger.ms": 5})
    producer.init_transactions(30)
    for number in range(rounds):
        producer.begin_transaction()
        for i in range(50):
            value = b"garbage" if i == 7 else decision(50 * number + i)
            producer.produce(topic, value, b"k", i % 2)
        producer.flush(30)
        if number % 3 == 1:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)


def places(kafka: str, topic: str, committed: bool = True) -> list[tuple[int, int]]:
    return sorted((m.partition() or 0, m.offset() or 0) for m in read(kafka, topic, committed))


def in_lake(directory: Path, entity: str, *, named: bool) -> list[tuple[int, int]]:
    """(partition, offset) of every row of a topic, readable or not."""
    found = rows(directory, entity, named=named)
    found += [row for row in rows(directory, "unreadable", named=named) if f"entity={entity}/" in row["path"]]
    return sorted((row["partition"], row["offset"]) for row in found)


def worker(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "tests.lake.worker", *arguments], cwd=ROOT, timeout=60).returncode


def test_killed_at_every_point(kafka: str, topics: str, tmp_path: Path) -> None:
    create(kafka, topics, decisions=2, reports=1)
    names = {entity: f"{topics}.{entity}.v1" for entity in ENTITIES}
    decide(kafka, names["decisions"])
    produce(kafka, names["reports"], [(0, f"r{n}", report(n) if n % 40 else b"{") for n in range(200)])
    arguments = (str(tmp_path), kafka, topics)
    for point in POINTS:
        assert worker(*arguments, f"{point}:2") == -signal.SIGKILL, point
    held = {name: len(in_lake(tmp_path, name, named=True)) for name in names}
    assert 60 * (len(POINTS) - 1) <= sum(held.values()) < sum(len(places(kafka, t)) for t in names.values())
    assert worker(*arguments, "merge/before-rename:1") == -signal.SIGKILL
    small = len(require(tmp_path).parts)
    for point in MERGING:
        assert worker(*arguments, f"{point}:1") == -signal.SIGKILL, point
    assert worker(*arguments) == 0
    assert len(require(tmp_path).parts) < small
    assert len(places(kafka, names["decisions"], committed=False)) > len(places(kafka, names["decisions"]))
    for entity, name in names.items():
        expected = places(kafka, name)
        assert in_lake(tmp_path, entity, named=True) == expected
        gone = {r.path for r in require(tmp_path).retired}
        on_disk = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.parquet")}
        assert on_disk == {p.path for p in require(tmp_path).parts} | gone, "nothing is left of the crashes"
        spans = require(tmp_path).places[entity].spans
        assert sum(span.rows for span in spans.values()) == len(expected)
        assert all(span.first == 0 for span in spans.values())


def taken(kafka: str, topics: str) -> dict[str, Topic]:
    connection = Connection(kafka, f"{topics}.")
    return {e: Topic(connection.topic(e), *found) for e, found in describe(connection, ["decisions"]).items()}


def drained(kafka: str, topics: str, directory: Path, accept_gaps: bool = False) -> None:
    with lake(directory) as held:
        intake = Intake(held, {"bootstrap.servers": kafka}, taken(kafka, topics), accept_gaps=accept_gaps)
        try:
            run(intake, lambda: False, lambda added: None)
        finally:
            intake.close()


def test_what_is_not_committed_is_not_read_and_not_stepped_over(kafka: str, topics: str, tmp_path: Path) -> None:
    create(kafka, topics, decisions=2)
    topic = f"{topics}.decisions.v1"
    decide(kafka, topic, 2)  # the last one aborted
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": f"{topics}-slow"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, decision(7), b"k", 0)
    assert producer.flush(30) == 0
    drained(kafka, topics, tmp_path)
    assert len(in_lake(tmp_path, "decisions", named=True)) == 50
    producer.commit_transaction(30)
    drained(kafka, topics, tmp_path)
    assert in_lake(tmp_path, "decisions", named=True) == places(kafka, topic)
    ends = {number: span.next for number, span in require(tmp_path).places["decisions"].spans.items()}
    assert ends == {0: 25 + 25 + 1 + 3, 1: 25 + 25 + 2}, "behind the last marker, so that its deletion is no gap"


def test_records_that_kafka_deleted_first_are_a_gap(kafka: str, topics: str, tmp_path: Path) -> None:
    create(kafka, topics, decisions=1)
    topic = f"{topics}.decisions.v1"
    produce(kafka, topic, [(0, "k", decision(n)) for n in range(5)])
    drained(kafka, topics, tmp_path)
    produce(kafka, topic, [(0, "k", decision(n)) for n in range(5)])
    admin = AdminClient({"bootstrap.servers": kafka})
    for future in admin.delete_records([TopicPartition(topic, 0, 8)]).values():
        future.result(30)
    with pytest.raises(LakeError, match=r"0/5–7"):
        drained(kafka, topics, tmp_path)
    drained(kafka, topics, tmp_path, accept_gaps=True)
    assert in_lake(tmp_path, "decisions", named=True) == [(0, n) for n in (0, 1, 2, 3, 4, 8, 9)]


def test_a_batch_is_committed_at_its_limits(kafka: str, topics: str, tmp_path: Path) -> None:
    create(kafka, topics, decisions=1)
    produce(kafka, f"{topics}.decisions.v1", [(0, "k", decision(n)) for n in range(25)])
    now = [0.0]
    sizes: list[int] = []
    with lake(tmp_path) as held:
        base = {"bootstrap.servers": kafka}
        intake = Intake(held, base, taken(kafka, topics), limits=Limits(rows=10, seconds=5), clock=lambda: now[0])
        try:
            run(intake, lambda: False, lambda added: sizes.append(added.total()))
            assert sizes == [10, 10, 5]
            produce(kafka, f"{topics}.decisions.v1", [(0, "k", decision(1))])
            while not intake.pending:
                intake.poll()
            assert not intake.due()
            now[0] += 5
            assert intake.due()
        finally:
            intake.close()
