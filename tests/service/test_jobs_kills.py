"""The job agent on a real Kafka, killed after a table write and after a send.

`jobs` must equal the pure steps over the same submissions, `jobs.history` must hold every state, and what is no
submission lies in the dead letters as it came.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from streams.config import DEMO_KEYS
from streams.contracts.base import encoder
from streams.contracts.jobs import JobRow
from streams.demo.signing import Signer
from streams.engine.checks.job import check
from streams.engine.jobs.submitted import judge, take
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.packs import shipped
from streams.pipeline.settings import Connection
from streams.pipeline.topics import create_topics
from streams.replica.changes import Change
from streams.replica.rocks import RocksReplica
from tests.agents.drill import until
from tests.engine.jobs.kit import ACCOUNT, ME, OTHER, SIGNER, STRANGER, claims, key, submission
from tests.engine.kit import T, a2p, case, said, view
from tests.service.bed import PARTITIONS, Bed

ROAD = (("jobs", "jobs.submitted"),)
KILLS = ("jobs:2:after-table-write", "jobs:5:after-send")
DEMO = Keys(*DEMO_KEYS)
FORGED = Signer("forger").sign(claims())
AGAIN = SIGNER.sign(claims((ME, STRANGER)))
SENT = (
    submission(FORGED, recorded_at_ms=T + 1000),
    submission(recorded_at_ms=T + 2000),
    submission(recorded_at_ms=T + 3000),  # once more
    submission(AGAIN, recipients=(ME, STRANGER), recorded_at_ms=T + 4000),
    submission(SIGNER.sign(claims(jti="other")), job_id="copied", recorded_at_ms=T + 5000),
    submission(SIGNER.sign(claims(jti="second")), job_id="second", recorded_at_ms=T + 6000),
)
BROKEN = (
    (SENT[0].key(), b'{"job_id":', b"NOT_A_SUBMISSION"),
    (SENT[0].key(), encoder().encode(submission(recipients=(OTHER, ME))), b"RECIPIENTS_NOT_ASCENDING"),
    ("job:acct-9/else", encoder().encode(submission()), b"KEY_MISMATCH"),
)


def states() -> dict[str, list[JobRow]]:
    """What the steps make of the submissions, state by state."""
    held: dict[str, list[JobRow]] = {}
    policies, rows = Policies(shipped(), "kr"), view(key())
    for sent in SENT:
        known = held.setdefault(sent.key(), [])
        row = take(known[-1] if known else None, sent.key(), judge(sent, rows, policies, DEMO))
        if not known or row != known[-1]:
            known.append(row)
    return held


@dataclass
class JobBed(Bed):
    """With a look at the dead letters."""

    def dead(self) -> list[tuple[bytes, bytes]]:
        """(reason, value) of each dead letter."""
        topic = f"{self.prefix}jobs.submitted.dead.v1"
        reader = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": f"{self.prefix}dead", "enable.partition.eof": True}
        )
        reader.assign([TopicPartition(topic, p, 0) for p in range(PARTITIONS["reputation"])])
        found: list[tuple[bytes, bytes]] = []
        ends = 0
        while ends < PARTITIONS["reputation"]:
            message = reader.poll(10)
            assert message is not None
            if message.error():
                ends += 1
            else:
                found.append((dict(message.headers() or [])["reason"] or b"", message.value() or b""))
        reader.close()
        return found


@pytest.fixture(scope="module")
def bed(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobBed]:
    bed = JobBed(kafka, f"jobs-{uuid.uuid4().hex[:8]}.", tmp_path_factory.mktemp("jobs"), ROAD)
    create_topics(Connection(kafka, bed.prefix), PARTITIONS)  # type: ignore[arg-type]  # the groups, spelt out
    producer = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random"})
    producer.produce(f"{bed.prefix}registry.v1", encoder().encode(key()), key().key)
    for broken, value, _ in BROKEN:
        producer.produce(f"{bed.prefix}jobs.submitted.v1", value, broken)
    for sent in SENT:
        producer.produce(f"{bed.prefix}jobs.submitted.v1", encoder().encode(sent), sent.key())
    assert producer.flush(10) == 0
    producer.close()
    for order in (*KILLS, "-"):
        worker = bed.worker(order)
        try:
            if order == "-":
                for _ in until(60, "the job agent did not settle"):
                    if bed.settled():
                        break
                worker.terminate()
            bed.codes.append(worker.wait(60))
        finally:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
    yield bed


def test_every_worker_died_where_it_was_told(bed: JobBed) -> None:
    assert bed.codes == [-9] * len(KILLS) + [0]


def test_jobs_are_exactly_those_of_the_model(bed: JobBed) -> None:
    last = {key.decode(): msgspec.json.decode(value, type=JobRow) for _, key, value in bed.read("jobs")}
    assert last == {key: rows[-1] for key, rows in states().items()}
    assert [entry.code for entry in last[SENT[0].key()].timeline] == ["JOB_SIGNATURE_BAD", None]
    assert last[SENT[0].key()].timeline[1].reused_at_ms == T + 4000


def test_the_history_holds_every_state(bed: JobBed) -> None:
    told = {(key.decode(), value) for _, key, value in bed.read("jobs.history")}
    assert told == {(name, encoder().encode(row)) for name, rows in states().items() for row in rows}
    assert {(key.decode(), value) for _, key, value in bed.read("jobs")} <= told


def test_what_is_no_submission_is_a_dead_letter_as_it_came(bed: JobBed) -> None:
    assert set(bed.dead()) == {(reason, value) for _, value, reason in BROKEN}


def test_no_number_leaves_the_submissions(bed: JobBed) -> None:
    """Neither on `jobs` nor in its history does a recipient stand in clear."""
    published = b"".join(value for entity in ("jobs", "jobs.history") for _, _, value in bed.read(entity))
    assert not any(number.encode()[-8:] in published for number in (ME, OTHER, STRANGER))


def test_a_gate_on_a_replica_of_them_tells_whom_they_bind(bed: JobBed, tmp_path: Any) -> None:
    replica = RocksReplica(str(tmp_path))
    changes = [Change("jobs", p, n, key.decode(), value) for n, (p, key, value) in enumerate(bed.read("jobs"))]
    changes += [Change("registry", 0, 0, row.key, encoder().encode(row)) for row in (key(),)]
    replica.apply(changes)
    answers = []
    for recipient in (ME, OTHER, STRANGER, "821055504444"):
        sent = a2p(recipient=recipient, job_id=SENT[0].job_id, event_time_ms=T + 5000, route={"account_id": ACCOUNT})
        answers.append(said(check(case(sent, replica), DEMO)))  # type: ignore[arg-type]  # the same view on disk
    replica.close()
    assert answers == ["PASS", "PASS", "JOB_REUSED", "JOB_REUSED"]
