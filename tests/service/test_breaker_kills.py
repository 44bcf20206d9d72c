"""The breaker agent and the sanction agent behind it, killed right after a table write and elsewhere: topics must equal
the pure steps over the same deltas."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import pytest
from confluent_kafka import Producer

from streams.contracts.base import encoder
from streams.contracts.decisions import Progress
from streams.contracts.reputation import Finding, PairTraffic, SanctionRow
from streams.engine.breaking import Pair, on_pair
from streams.engine.policy import Policies
from streams.engine.sanctioning import impose
from streams.packs import shipped
from streams.pipeline.settings import Connection
from streams.pipeline.topics import create_topics
from tests.agents.drill import until
from tests.service.test_agents_kills import AT, PARTITIONS, Bed

STEP = 10_000
CODE = "SENDER_REGISTRATION_EXPIRED"
BANKS = tuple(f"pair:sender:kr:1588000{n}>relay-7" for n in range(4))
# Each run dies there. The last delta of a pair and the last finding are among them.
KILLS = (
    "breaker:2:after-table-write",
    "breaker:1:after-send",
    "sanctions:1:after-table-write",
    "breaker:9:before-commit",
    "breaker:7:after-table-write",
)


def deltas() -> list[PairTraffic]:
    """Four banks that pass and then fail; the first recovers, the second is spoofed only, the fourth never passed."""
    found = []
    for n, subject in enumerate(BANKS):
        for epoch in range(12):
            fails = epoch >= 4 and not (n == 0 and epoch >= 7)
            found.append(
                PairTraffic(
                    subject=subject, epoch=AT // STEP + epoch, epoch_ms=STEP, partition=0, first_offset=100 * epoch,
                    next_offset=100 * epoch + 100, passed=0 if fails or n == 3 else 7,
                    failed={CODE: {"row" if n == 1 else "generation": 9}} if fails else {},
                )
            )  # fmt: skip
    return sorted(found, key=lambda delta: delta.epoch)


def model() -> list[SanctionRow]:
    """What the steps make of the deltas, one by one."""
    policy = Policies(shipped(), "kr").default
    pairs: dict[str, Pair | None] = {}
    rows: dict[str, SanctionRow] = {}
    for delta in deltas():
        pairs[delta.subject], findings = on_pair(pairs.get(delta.subject), delta, policy)
        for finding in findings:
            rows[finding.subject] = impose(rows.get(finding.subject), finding)
    return [rows[subject] for subject in sorted(rows)]


@dataclass
class BreakerBed(Bed):
    """Settled by what the breaker, or another agent that counts, and the sanction agent read."""

    road: tuple[tuple[str, str], ...] = (("breaker", "pairs"), ("sanctions", "findings"))

    def settled(self) -> bool:
        progress = [msgspec.json.decode(v, type=Progress) for _, _, v in self.read("progress")]
        for component, entity in self.road:
            topic = f"{self.prefix}{entity}.v1"
            at = {p.partition: p.next_offset for p in progress if (p.component, p.topic) == (component, topic)}
            if any(at.get(p, 0) < end for p, end in self.ends(entity).items()):
                return False
        return True


@pytest.fixture(scope="module")
def bed(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BreakerBed]:
    bed = BreakerBed(kafka, f"breaker-{uuid.uuid4().hex[:8]}.", tmp_path_factory.mktemp("breaker"))
    create_topics(Connection(kafka, bed.prefix), PARTITIONS)  # type: ignore[arg-type]  # the groups, spelt out
    producer = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random"})
    producer.produce(f"{bed.prefix}pairs.v1", b"{", BANKS[0])
    for delta in deltas():
        producer.produce(f"{bed.prefix}pairs.v1", encoder().encode(delta), delta.subject)
    assert producer.flush(10) == 0
    producer.close()
    for order in (*KILLS, "-"):
        worker = bed.worker(order)
        try:
            if order == "-":
                for _ in until(60, "the agents did not settle"):
                    if bed.settled():
                        break
                worker.terminate()
            bed.codes.append(worker.wait(60))
        finally:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
    yield bed


def test_every_worker_died_where_it_was_told(bed: BreakerBed) -> None:
    assert bed.codes == [-9] * len(KILLS) + [0]


def test_sanctions_are_exactly_those_of_the_model(bed: BreakerBed) -> None:
    last = {key: value for _, key, value in bed.read("sanctions")}
    rows = [msgspec.json.decode(value, type=SanctionRow) for _, value in sorted(last.items())]
    assert rows == model()
    assert [row.subject for row in rows] == [BANKS[0], BANKS[2]]
    assert [row.timeline[0].end_recorded_at_ms is not None for row in rows] == [True, False]


def test_only_pairs_that_passed_are_kept(bed: BreakerBed) -> None:
    keys = {key.decode() for _, key, _ in bed.read_topic(f"{bed.prefix}agents.breaker.changelog")}
    assert keys == set(BANKS[:3])


def test_findings_are_of_the_breaker_and_what_is_no_delta_is_a_dead_letter(bed: BreakerBed) -> None:
    found = [msgspec.json.decode(v, type=Finding) for _, _, v in bed.read("findings")]
    assert {(f.source, f.reason) for f in found} == {("breaker", "FALSE_BLOCKS"), ("breaker", "RELIEF_ENDED")}
    assert {value for _, _, value in bed.read("pairs.dead")} == {b"{"}
