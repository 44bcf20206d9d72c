"""Killed where it hurts, restarted, compared with the model: tables, outputs, commits, progress."""

import json
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka.admin import ConfigResource, ResourceType

from tests.agents.drill import Drill

KEYS = [f"key-{number}" for number in range(6)]


@dataclass
class Outcome:
    drill: Drill
    committed: list[dict[str, Any]]
    codes: list[int] = field(default_factory=list)
    rebuilt: dict[str, list[str]] = field(default_factory=dict)
    stop_code: int | None = None

    def model(self) -> dict[str, list[str]]:
        """Per key the ids of its committed events: what table and changelog must hold."""
        ids = defaultdict(set)
        for event in self.committed:
            ids[event["key"]].add(event["id"])
        return {key: sorted(found) for key, found in ids.items()}


# Where each worker is killed, and at which topic's last event of a key. The last two are those keys' last writes.
PLAN = [
    ("after-table-write", "more", KEYS[0]),
    ("after-send", "in", KEYS[1]),
    ("after-handler", "more", KEYS[2]),
    ("before-commit", "in", KEYS[3]),
    ("after-table-write", "in", KEYS[4]),
    ("after-table-write", "more", KEYS[5]),
]


def batches(name: str, act: int) -> list[list[dict[str, Any]]]:
    """Nine transactions of four events; the keys go round. The fifth is aborted, so the log ends in committed data."""
    events = [{"id": f"{name}-{act}-{n}", "key": KEYS[n % len(KEYS)], "at_ms": 1_000 * act + n} for n in range(4 * 9)]
    return [events[n : n + 4] for n in range(0, len(events), 4)]


@pytest.fixture(scope="module")
def outcome(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """Two topics into one table, a kill at every crash point, a graceful stop, and a last start on an empty disk."""
    drill = Drill(kafka, f"test-{uuid.uuid4().hex[:12]}", tmp_path_factory.mktemp("kills"))
    outcome = Outcome(drill, [])
    for act, (point, topic, key) in enumerate(PLAN, 1):
        events = {name: drill.transactions(name, batches(name, act)) for name in ("more", "in")}
        outcome.committed += events["more"] + events["in"]
        last = [event["id"] for event in events[topic] if event["key"] == key][-1]
        worker = drill.worker(kill=(point, last))
        try:
            outcome.codes.append(worker.ended())
        finally:
            worker.kill()
    worker = drill.worker()
    try:
        worker.ready()
        drill.await_progress("counter", "in", "more")
        outcome.stop_code = worker.stop()
    finally:
        worker.kill()
    worker = drill.worker(disk="empty")
    try:
        outcome.rebuilt = worker.ready()
        worker.stop()
    finally:
        worker.kill()
    yield outcome


def test_the_drill_met_aborted_transactions_and_was_killed(outcome: Outcome) -> None:
    raw = [json.loads(message.value())["id"] for message in outcome.drill.read("in", "read_uncommitted")]
    assert len(raw) > len(outcome.drill.read("in"))
    assert outcome.codes == [-9] * len(PLAN)
    assert outcome.stop_code == 0


def test_the_changelog_holds_exactly_the_model(outcome: Outcome) -> None:
    last = {message.key().decode(): json.loads(message.value()) for message in outcome.drill.read("seen")}
    assert last == outcome.model()


def test_the_changelog_was_made_compacted_with_the_tables_partitions(outcome: Outcome) -> None:
    name = f"{outcome.drill.prefix}.seen"
    assert len(outcome.drill.admin.list_topics(name, 10).topics[name].partitions) == 2
    (answer,) = outcome.drill.admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]).values()
    assert answer.result()["cleanup.policy"].value == "compact"


def test_the_outputs_are_exactly_the_models_by_id(outcome: Outcome) -> None:
    last = {record["id"]: record for record in (json.loads(m.value()) for m in outcome.drill.read("out"))}
    each = {event["id"]: {"id": event["id"], "of": event["key"]} for event in outcome.committed}
    totals = {key: {"id": key, "total": len(ids)} for key, ids in outcome.model().items()}
    assert last == each | totals


def test_a_table_is_rebuilt_from_the_changelog_on_an_empty_disk(outcome: Outcome) -> None:
    assert outcome.rebuilt == outcome.model()


def test_the_commit_reaches_the_end_of_transactional_topics(outcome: Outcome) -> None:
    assert outcome.drill.committed("in") == outcome.drill.ends("in")
    assert outcome.drill.committed("more") == outcome.drill.ends("more")


def test_progress_reaches_the_last_data_offset_with_the_highest_event_time(outcome: Outcome) -> None:
    assert outcome.drill.progress("counter", "in") == outcome.drill.ends("in")
    records = [json.loads(message.value()) for message in outcome.drill.read("progress.v1")]
    assert max(record["event_time_ms"] for record in records) == 1_000 * len(PLAN) + 4 * 9 - 1
    message = outcome.drill.read("progress.v1")[-1]
    record = json.loads(message.value())
    assert message.key().decode() == f"{record['component']}/{record['topic']}/{record['partition']}"


def test_state_and_inputs_are_partitioned_alike(outcome: Outcome) -> None:
    """The changelog takes the source's partition, outputs and the test's own producer the key's: murmur2 all three."""
    place = {message.key(): message.partition() for message in outcome.drill.read("in")}
    assert set(place.values()) == {0, 1}
    assert {message.key(): message.partition() for message in outcome.drill.read("seen")} == place
    assert {message.key(): message.partition() for message in outcome.drill.read("out")} == place
