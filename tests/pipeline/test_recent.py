"""The step `recent` on real Kafka: joins, waits, and is killed at every point; the gate's side of its topic."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.contracts.appeals import Outcome
from streams.contracts.base import encoder
from streams.contracts.recent import Delivery, Hole, Mark, Recent
from streams.contracts.reports import Report
from streams.engine.deliveries import partition_of
from streams.engine.pseudonym import person_key, state_pseudonym
from streams.pipeline.loop import Loop
from tests.pipeline.kills import POINTS, killed_everywhere, worker
from tests.pipeline.steps import EPOCH_MS, KEYS, MESSAGE_PARTITIONS, make_step, message
from tests.pipeline.toy import create, produce, read, running, settings, until

T = 1_765_944_000_000
DAY = 86_400_000
PARTITIONS = 2
#: Around the write of what was read of `recent`: on disk with its offsets, or not at all.
STORE_POINTS = ("before-take:1", "after-take:1")
SHOWN = state_pseudonym(KEYS, "kr:15881234")
ENCODE = encoder().encode


def key_of(reporter: str) -> str:
    return person_key(KEYS, reporter)


def home(reporter: str) -> int:
    return partition_of(key_of(reporter), PARTITIONS)


def phone(number: int) -> str:
    return f"821055501{number:03d}"


def delivery(reporter: str, at_ms: int, event: str, sender: str = SHOWN) -> Delivery:
    return Delivery(key_of(reporter), at_ms, event, sender, "mt", "a2p", "relay-7", "acct-1")


def report(number: int, at_ms: int, **over: Any) -> Report:
    made: dict[str, Any] = {
        "report_id": f"r{number}", "message_at_ms": at_ms, "reported_at_ms": at_ms + 100, "ingested_at_ms": at_ms + 200,
        "displayed_sender": "15881234", "reporter": phone(number),
    }  # fmt: skip
    return Report(**(made | over))


def marks(before_ms: int) -> list[tuple[int, None, bytes]]:
    found = tuple(Mark(partition=m, closed_before_ms=before_ms) for m in range(MESSAGE_PARTITIONS))
    return [(p, None, ENCODE(Recent(deliveries=(), marks=found))) for p in range(PARTITIONS)]


def delivered(*deliveries: Delivery) -> list[tuple[int, None, bytes]]:
    return [(partition_of(d.recipient, PARTITIONS), None, ENCODE(Recent(deliveries=(d,)))) for d in deliveries]


def keyed(*reports: Report) -> list[tuple[int, str, bytes]]:
    return [(home(r.reporter), key_of(r.reporter), ENCODE(r)) for r in reports]


class Bed:
    """Topics, and what came of the reports."""

    def __init__(self, kafka: str, prefix: str) -> None:
        self.kafka, self.prefix = kafka, prefix
        create(
            kafka, prefix, recent=PARTITIONS, outcomes=2, reports_keyed=PARTITIONS, reports_keyed_dead=PARTITIONS,
            reports=2, policy=1,
        )  # fmt: skip

    def put(self, entity: str, records: Any) -> None:
        produce(self.kafka, f"{self.prefix}.{entity}.v1", records)

    def reports(self) -> list[Report]:
        found = read(self.kafka, f"{self.prefix}.reports.v1")
        return [msgspec.json.decode(m.value() or b"", type=Report) for m in found]

    def dead(self) -> list[bytes]:
        found = read(self.kafka, f"{self.prefix}.reports.keyed.dead.v1")
        return sorted(dict(m.headers() or [])["reason"] for m in found)

    def loop(self, **more: Any) -> Loop:
        client = settings(self.kafka, self.prefix)
        return Loop(make_step("recent", client.connection, "0"), client, **more)


@pytest.fixture
def bed(kafka: str, topics: str) -> Iterator[Bed]:
    made = Bed(kafka, topics)
    yield made
    forget(topics)


def forget(prefix: str) -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{prefix}.recent-*"):
        shutil.rmtree(path)


def test_a_report_is_joined_or_not_received_or_unknown(bed: Bed) -> None:
    before = T - DAY
    bed.put("recent", marks(before - EPOCH_MS))
    bed.put("recent", delivered(delivery(phone(1), T, "e1"), delivery(phone(2), T - 3_600_000, "old", "~other")))
    bed.put("recent", marks(T + 10 * EPOCH_MS))
    bed.put("reports.keyed", keyed(report(1, T), report(2, T), report(3, T), report(4, T, source="7726")))
    with running(bed.loop()):
        until(lambda: len(bed.reports()) == 4, 40)
    found = {r.report_id: r for r in bed.reports()}
    assert {n: r.received for n, r in found.items()} == {"r1": True, "r2": False, "r3": None, "r4": False}
    assert (found["r1"].event_id, found["r1"].route.account_id) == ("e1", "acct-1")


def test_a_report_on_an_open_epoch_waits_and_what_is_behind_it_too(bed: Bed) -> None:
    late, early = report(1, T), report(1, T - DAY, report_id="behind")
    bed.put("recent", marks(T))
    bed.put("reports.keyed", keyed(late, early))
    with running(bed.loop()) as raised:
        until(lambda: read(bed.kafka, f"{bed.prefix}.reports.keyed.v1"))
        bed.put("reports.keyed", [(p, "x", b"{}") for p in range(PARTITIONS) if p != home(phone(1))])
        until(lambda: bed.dead() == [b"NOT_A_REPORT"], 40)  # the other partition flows
        assert bed.reports() == [] and not raised
        bed.put("recent", delivered(delivery(phone(1), T + 50, "e1")))
        bed.put("recent", marks(T + EPOCH_MS))
        until(lambda: len(bed.reports()) == 2, 40)
    first, second = bed.reports() if bed.reports()[0].report_id == "r1" else reversed(bed.reports())
    assert (first.event_id, first.ingested_at_ms) == ("e1", late.ingested_at_ms)
    assert second.report_id == "behind"


def test_weights_holes_and_bad_input(bed: Bed) -> None:
    worse = [
        Outcome(outcome_id=f"o{n}", reporter=key_of(phone(1)), subject="s", sanction_id="x", overturned=True,
                recorded_at_ms=T - 2 * EPOCH_MS) for n in range(2)
    ]  # fmt: skip
    bed.put("outcomes", [(0, o.reporter, ENCODE(o)) for o in worse])
    hole = Recent(deliveries=(), holes=(Hole(from_ms=T - EPOCH_MS, to_ms=T),))
    bed.put("recent", [(p, None, ENCODE(hole)) for p in range(PARTITIONS)])
    bed.put("recent", [(0, None, b"no such record")])
    other = 1 - home(phone(3))
    bed.put("reports.keyed", [
        *keyed(report(1, T), report(2, T, reported_at_ms=2**50, ingested_at_ms=2**50)),
        (other, key_of(phone(3)), ENCODE(report(3, T))),  # by another partitioner
        (0, "wrong key", ENCODE(report(4, T))),
    ])  # fmt: skip
    with running(bed.loop()):
        until(lambda: len(bed.reports()) == 2 and len(bed.dead()) == 2, 40)
    assert {r.report_id: r.weight_permille for r in bed.reports()} == {"r1": 333, "r3": 1000}
    assert bed.dead() == [b"KEY_MISMATCH", b"REPORT_FROM_THE_FUTURE"]


@pytest.mark.parametrize("lost", [False, True], ids=["same disk", "lost disk"])
def test_killed_at_every_point(bed: Bed, lost: bool) -> None:
    number = 600
    bed.put("recent", marks(T - 2 * DAY))
    bed.put("recent", delivered(*(delivery(phone(n), T + n, f"e{n}") for n in range(number) if n % 3)))
    bed.put("recent", marks(T + number + 10 * EPOCH_MS))
    bed.put("reports.keyed", keyed(*(report(n, T + n, source="7726") for n in range(number))))

    def done() -> bool:
        return len(bed.reports()) >= number

    first = ("after-produce:2",) if lost else STORE_POINTS
    for point in first:
        process = worker("recent", bed.kafka, bed.prefix, point)
        try:
            assert process.wait(60) == -signal.SIGKILL, point
        finally:
            process.kill()
    if lost:
        forget(bed.prefix)
    killed_everywhere("recent", bed.kafka, bed.prefix, done, ("after-flush",) if lost else POINTS)
    found = bed.reports()
    assert sorted(r.report_id for r in found) == sorted(f"r{n}" for n in range(number)), "none lost, none twice"
    for r in found:
        n = int(r.report_id[1:])
        assert (r.received, r.event_id) == ((True, f"e{n}") if n % 3 else (False, None))
    raw = read(bed.kafka, f"{bed.prefix}.reports.v1", committed=False)
    assert len(raw) > number, "no torn transaction"


def test_the_gate_tells_what_it_let_through(kafka: str, topics: str) -> None:
    create(
        kafka, topics, messages=2, messages_dead=2, decisions=2, recent=2, registry=1, policy=1, sanctions=1, settings=1
    )
    client = settings(kafka, topics)
    sent = [message(n) for n in range(50)]
    produce(kafka, f"{topics}.messages.v1", [(n % 2, "k", ENCODE(m)) for n, m in enumerate(sent)])
    loop = Loop(make_step("telling gate", client.connection, "0"), client)
    with running(loop):
        until(lambda: len(read(kafka, f"{topics}.decisions.v1")) == 50)
        until(lambda: {m.partition for r in told(kafka, topics) for m in r[1].marks} == {0, 1})
    found = told(kafka, topics)
    assert sorted(d.event_id for _, r in found for d in r.deliveries) == sorted(m.event_id for m in sent)
    assert {p for p, r in found for d in r.deliveries if partition_of(d.recipient, 2) != p} == set()
    for partition in range(2):
        mine = [m for p, r in found if p == partition for m in r.marks]
        assert {m.partition: m.closed_before_ms for m in mine} == {0: T // 60_000 * 60_000, 1: T // 60_000 * 60_000}


def told(kafka: str, topics: str) -> list[tuple[int | None, Recent]]:
    found = read(kafka, f"{topics}.recent.v1")
    return [(m.partition(), msgspec.json.decode(m.value() or b"", type=Recent)) for m in found]
