"""Commands on a real Kafka: topics, policies, dead letters."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import KafkaException, Producer

from streams.cli.kafka import read_to_end, view_of
from streams.contracts.topics import TOPICS
from streams.engine.timeline import current
from streams.pipeline.dead import dead_letter
from streams.pipeline.step import Input
from tests.cli.tool import Cluster, cluster, dualblock
from tests.pipeline.steps import message


@pytest.fixture(scope="module")
def held(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """One set of topics for the module: making them takes a second."""
    return cluster(kafka, f"test-{uuid.uuid4().hex[:12]}", str(tmp_path_factory.mktemp("state")))


def test_topics_are_created_once(held: Cluster) -> None:
    again = held("topics", "create")
    assert (again.code, again.out) == (0, "All topics are there.\n")
    listed = held("topics", "list")
    assert listed.code == 0
    assert all(held.connection.topic(topic.entity) in listed.out for topic in TOPICS)


def test_a_dry_run_creates_nothing(held: Cluster) -> None:
    env = {**held.env, "DUALBLOCK_PREFIX": f"dry-{uuid.uuid4().hex[:8]}."}
    said = dualblock("topics", "create", "--dry-run", env=env)
    assert said.code == 0
    assert f"{len(TOPICS)} topics to create" in said.out
    missing = dualblock("topics", "list", env=env)
    assert (missing.code, missing.err) == (1, f"{len(TOPICS)} topics are missing: run `dualblock topics create`.\n")
    assert dualblock("topics", "list", "--dry-run", env=env).code == 0


def test_another_partition_count_is_refused(held: Cluster) -> None:
    said = dualblock("topics", "create", env={**held.env, "DUALBLOCK_PARTITIONS__MESSAGES": "3"})
    assert said.code == 2
    assert "Partition counts differ" in said.err and "configure those of the cluster" in said.err


def test_topics_that_are_missing_are_said(held: Cluster) -> None:
    said = dualblock("dead", "list", env={**held.env, "DUALBLOCK_PREFIX": "nowhere."})
    assert said.code == 2
    assert "create the topics first" in said.err


def test_a_policy_is_published_once_and_counts_by_event_time(held: Cluster, tmp_path: Path) -> None:
    overlay = tmp_path / "mine.toml"
    overlay.write_text("skew_ms = 60000\n")
    first = held("policy", "publish", str(overlay), "--profile", "enforce")
    assert (first.code, "as version 1." in first.out) == (0, True)
    again = held("policy", "publish", str(overlay), "--profile", "enforce")
    assert (again.code, "is in force in kr already: nothing was published." in again.out) == (0, True)
    later = held("policy", "publish", "--profile", "observe", "--from", "2090-01-01T00:00Z")
    assert "counts in kr from 2090-01-01T00:00:00Z on, as version 2." in later.out
    row = view_of(held.connection, ("policy",)).policy("kr")
    assert row is not None and [e.version for e in row.timeline] == [1, 2]
    recorded = row.timeline[0].recorded_at_ms
    now, then = current(row.timeline, recorded), current(row.timeline, 3_800_000_000_000)
    assert now is not None and (now.profile, now.pack) == ("enforce", {"skew_ms": 60_000})
    assert then is not None and then.profile == "observe"
    assert current(row.timeline, recorded - 1) is None
    history = [letter.value for letter in read_to_end(held.connection, ("policy.history",))]
    assert len(history) == 2


def test_a_policy_that_does_not_build_is_not_published(held: Cluster, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("epoch_ms = 7\n")
    said = held("policy", "publish", str(tmp_path / "bad.toml"), "--jurisdiction", "generic")
    assert (said.code, "This policy does not build: epoch_ms must divide a day" in said.err) == (2, True)
    assert view_of(held.connection, ("policy",)).policy("generic") is None


def test_a_second_publisher_shuts_the_first_one_out(held: Cluster) -> None:
    """Both would append the same version: the one that read the timeline first must not be able to write."""
    older = Producer({**held.connection.base(), "transactional.id": f"{held.connection.prefix}policy-publish-generic"})
    older.init_transactions(30)
    assert held("policy", "publish", "--jurisdiction", "generic").code == 0
    with pytest.raises(KafkaException):
        older.begin_transaction()
        older.produce(held.connection.topic("policy"), b"{}", b"generic")
        older.commit_transaction(30)


@pytest.fixture(scope="module")
def letters(held: Cluster) -> dict[str, bytes]:
    """Three dead letters of messages, one of feeds; entity/number → original bytes."""
    found = {"messages/0": b'{"broken', "messages/1": b"\x00\xff\xfe" * 20, "messages/2": "café\n".encode()}
    found["feeds/0"] = b"[]"
    producer = Producer(held.connection.base())
    for name, value in found.items():
        entity, number = name.split("/")
        letter, _ = dead_letter(
            Input(1, 40 + int(number), b"key", value, 0), entity=entity, topic=held.connection.topic(entity),
            reason="NOT_JSON", exception="it was [bold]broken[/bold]", at_ms=1_765_944_000_000, limit=1 << 20,
        )  # fmt: skip
        topic = held.connection.topic(letter.entity)
        producer.produce(topic, letter.value, letter.key, 0, headers=list(letter.headers))
    assert producer.flush(30) == 0
    return found


def test_dead_letters_are_listed_with_their_reason_and_source(held: Cluster, letters: dict[str, bytes]) -> None:
    said = held("dead", "list", "--entity", "messages")
    assert said.code == 0
    assert said.out.count("NOT_JSON") == 3
    assert f"{held.connection.topic('messages')}/1/41" in said.out.replace("\n", "") or "/1/41" in said.out
    assert "3 dead letters" in said.out
    assert "4 dead letters" in held("dead", "list").out
    (last,) = [json.loads(line) for line in held("dead", "list", "--json", "--limit", "1").out.splitlines()]
    assert (last["dead"], last["at"], last["reason"], last["offset"]) == ("messages.dead", [0, 2], "NOT_JSON", "42")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_dead_letter_shows_its_bytes(number: int, held: Cluster, letters: dict[str, bytes]) -> None:
    value = letters[f"messages/{number}"]
    said = held("dead", "show", "messages.dead", "0", str(number))
    assert said.code == 0
    assert "reason: NOT_JSON" in said.out and "exception: it was [bold]broken[/bold]" in said.out
    shown = said.out.split(f"bytes: {len(value)}\n\n")[1]
    assert shown.startswith(value[:32].hex(" ") if number == 1 else value.decode())
    full = held.connection.topic("messages.dead")
    assert held("dead", "show", full, "0", str(number)).out == said.out


def test_a_dead_letter_that_is_not_there(held: Cluster, letters: dict[str, bytes]) -> None:
    said = held("dead", "show", "messages", "0", "99")
    full = held.connection.topic("messages.dead")
    assert (said.code, said.err) == (1, f"There is no dead letter at {full}/0/99.\n")
    assert held("dead", "show", "messages", "77", "0").code in (1, 2)
    wrong = held("dead", "show", "decsions", "0", "0")
    assert wrong.code == 2 and "'decsions' has no dead letters: choose messages.dead" in wrong.err


def test_repaired_dead_letters_go_back_once(kafka: str, topics: str, tmp_path: Path) -> None:
    made = cluster(kafka, topics, str(tmp_path), ("messages", "messages.dead"))
    event = msgspec.json.encode(message(1))
    values = [event, b'{"event_id":"first"', b"\x00"]
    producer = Producer(made.connection.base())
    for number, value in enumerate(values):
        letter, _ = dead_letter(
            Input(0, number, b"key", value, 0), entity="messages", topic="t", reason="R", exception="", at_ms=0,
            limit=1 << 20,
        )  # fmt: skip
        producer.produce(
            made.connection.topic(letter.entity), letter.value, letter.key, 0, headers=list(letter.headers)
        )
    assert producer.flush(30) == 0
    one = made("dead", "retry", "--partition", "0", "--offset", "0")
    assert (one.code, one.out.splitlines()[0]) == (0, "messages.dead/0/0: put back.")
    (tmp_path / "0-1.json").write_bytes(event)
    rest = made("dead", "retry", "--all", "--fix", str(tmp_path / "0-1.json"))
    assert (rest.code, rest.out) == (
        1, "messages.dead/0/1: put back.\n1 put back, 1 went back before, 1 still do not read\n",
    )  # fmt: skip
    assert len(rest.err.splitlines()) == 1 and "messages.dead/0/2 still does not read (NOT_JSON" in rest.err
    assert made("dead", "retry", "--all").out == "0 put back, 2 went back before, 1 still do not read\n"
    found = [json.loads(letter.value or b"") for letter in read_to_end(made.connection, ("messages",))]
    assert sorted(event["retry_of"] for event in found) == ["e1", "first"]
    assert len({event["event_id"] for event in found} | {"e1"}) == 3


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--all", "--offset", "1"), 2, "Say which"),
        (("--partition", "1"), 2, "Say which"),
        (("--all", "--entity", "feeds"), 2, "only messages"),
        (("--all", "--fix", "repaired.json"), 2, "name it PARTITION-OFFSET.json"),
        (("--all", "--fix", "0-99.json"), 2, "No such file"),
        (("--partition", "1", "--offset", "999"), 1, "There is no dead letter at messages.dead/1/999."),
    ],
)
def test_a_retry_that_says_too_little(held: Cluster, words: tuple[str, ...], code: int, said: str) -> None:
    done = held("dead", "retry", *words)
    assert done.code == code and said in done.err
