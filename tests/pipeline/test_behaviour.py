"""The step `behaviour` on real Kafka, killed at every point: states and findings equal those of the pure steps."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from streams.contracts.base import encoder
from streams.contracts.decisions import Progress
from streams.contracts.reputation import Finding
from streams.contracts.shapes import Fact, Sent, Shapes
from streams.engine.behaving import look, take
from streams.engine.deliveries import partition_of
from streams.engine.policy import Policies
from streams.packs import shipped
from streams.pipeline.loop import Loop
from tests.pipeline.kills import killed_everywhere
from tests.pipeline.steps import MESSAGE_PARTITIONS, make_step
from tests.pipeline.toy import create, produce, read, running, settings, until

EPOCH = 60_000
FIRST = 1_765_944_000_000 // EPOCH
LINES = tuple(f"sender:~{n}{'a' * 19}#0" for n in range(40))
POLICY = Policies(shipped(), "kr").default


def facts(line: int) -> list[Fact]:
    """Every eighth line goes over its cap in the end, by 20 messages at a time; the others send one each minute."""
    size = 20 if line % 8 == 0 else 1
    return [Fact(FIRST + n, "termination", 100 * line + n, 1, n, size=size) for n in range(40)]


def records() -> list[tuple[int, None, bytes]]:
    """A record for each epoch and partition."""
    found: list[tuple[int, None, bytes]] = []
    for n in range(40):
        for partition in range(MESSAGE_PARTITIONS):
            home = [line for line, s in enumerate(LINES) if partition_of(s, MESSAGE_PARTITIONS) == partition]
            mine = [(LINES[line], (facts(line)[n],)) for line in home]
            for at in range(0, len(mine), 2):  # many small ones, so that a worker dies among them
                found.append((partition, None, encoder().encode(Sent(epoch_ms=EPOCH, facts=tuple(mine[at : at + 2])))))
    return found


def model() -> tuple[dict[str, Shapes], set[tuple[str, str]]]:
    """What the pure steps make of each line's facts, one by one: looked at in the end, and what was found."""
    states, found = dict[str, Shapes](), set[tuple[str, str]]()
    for line, subject in enumerate(LINES):
        state = None
        for fact in facts(line):
            state, said = take(state, subject, EPOCH, [fact], lambda at_ms: POLICY)
            found |= {(finding.subject, finding.finding_id) for finding in said}
        assert state is not None
        states[subject] = settled(state)
    return states, found


def settled(state: Shapes) -> Shapes:
    """Looked at, without what depends on when it was."""
    state, _ = look(state, lambda at_ms: POLICY)
    return msgspec.structs.replace(state, told=(), ahead=0, ways_ahead=0)


@pytest.fixture
def bed(kafka: str, topics: str) -> Iterator[tuple[str, str]]:
    create(
        kafka, topics, sent=MESSAGE_PARTITIONS, sent_dead=MESSAGE_PARTITIONS, shapes=MESSAGE_PARTITIONS, findings=2,
        policy=1,
    )  # fmt: skip
    yield kafka, topics


def held(kafka: str, prefix: str) -> dict[str, Shapes]:
    last = {m.key() or b"": m.value() or b"" for m in read(kafka, f"{prefix}.shapes.v1")}
    return {key.decode(): settled(msgspec.json.decode(value, type=Shapes)) for key, value in last.items()}


def test_killed_at_every_point(bed: tuple[str, str]) -> None:
    kafka, prefix = bed
    every = records()
    produce(kafka, f"{prefix}.sent.v1", [(0, None, b"{"), *every])
    ends = {p: sum(at == p for at, _, _ in every) + (p == 0) for p in range(MESSAGE_PARTITIONS)}

    def done() -> bool:
        progress = [msgspec.json.decode(m.value() or b"", type=Progress) for m in read(kafka, f"{prefix}.progress.v1")]
        at = {p.partition: p.next_offset for p in progress if p.component == "behaviour"}
        return at == ends

    killed_everywhere("behaviour", kafka, prefix, done)
    states, found = model()
    assert held(kafka, prefix) == states
    said = [msgspec.json.decode(m.value() or b"", type=Finding) for m in read(kafka, f"{prefix}.findings.v1")]
    assert {(f.subject, f.finding_id) for f in said} == found
    over = [f for f in said if "over" in f.counts]
    assert {f.subject for f in over} == set(LINES[::8]) and len(over) == 5, "once each"
    assert {f.reason for f in said} == {"DAILY_CAP"} and {f.counts["over"] for f in over} == {20}
    (dead,) = read(kafka, f"{prefix}.sent.dead.v1")
    assert dict(dead.headers() or [])["reason"] == b"NOT_SENT" and dead.value() == b"{"
    raw = read(kafka, f"{prefix}.shapes.v1", committed=False)
    assert len(raw) > len(read(kafka, f"{prefix}.shapes.v1")), "no torn transaction"


def test_who_takes_over_goes_on_from_what_stands_on_the_topic(bed: tuple[str, str]) -> None:
    kafka, prefix = bed
    subject = LINES[0]
    partition = partition_of(subject, MESSAGE_PARTITIONS)

    def send(epoch: int, size: int) -> None:
        fact = Fact(FIRST + epoch, "termination", epoch, 1, 1, size=size)
        value = encoder().encode(Sent(epoch_ms=EPOCH, facts=((subject, (fact,)),)))
        produce(kafka, f"{prefix}.sent.v1", [(partition, None, value)])

    for instance, (epoch, size) in enumerate([(0, 300), (3, 199), (6, 1)]):
        send(epoch, size)
        client = settings(kafka, prefix, str(instance))
        with running(Loop(make_step("behaviour", client.connection, str(instance)), client)) as raised:
            until(lambda wanted=instance + 1: len(read(kafka, f"{prefix}.shapes.v1")) == wanted, 40)
        assert not raised
        assert len(read(kafka, f"{prefix}.findings.v1")) == (instance == 2)
