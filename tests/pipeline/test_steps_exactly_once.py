"""Registrar, gate and meter, killed at every point: nothing lost, nothing twice."""

from __future__ import annotations

from collections import Counter, defaultdict

import msgspec
import orjson
from msgspec.structs import replace

from streams.contracts.decisions import Decision, Reason, RouteSeen
from streams.contracts.feeds import Beat, Heartbeat, Manifest
from streams.contracts.registry import SenderEntry, SenderRow
from streams.contracts.reputation import PairTraffic, Traffic
from streams.pipeline.loop import Loop
from streams.replica import MemoryReplica
from tests.pipeline.kills import killed_everywhere
from tests.pipeline.steps import EPOCH_MS, TRAFFIC_PARTITIONS, decider, decision, make_step, message
from tests.pipeline.toy import create, produce, read, running, settings, until

PAIR, CODE = "pair:sender:kr:15881234>relay-7", "SENDER_REGISTRATION_EXPIRED"


def sender(key: str, version: int) -> bytes:
    entry = SenderEntry(version=version, from_ms=version, recorded_at_ms=version)
    return msgspec.json.encode(SenderRow(key=key, timeline=(entry,)))


def test_registrar(kafka: str, topics: str) -> None:
    create(kafka, topics, feeds=2, feeds_dead=2, registry=2, registry_history=2)
    keys = [f"sender:kr:1588{n:04d}" for n in range(40)]
    rows = [(n % 2, key, sender(key, version)) for version in range(1, 31) for n, key in enumerate(keys)]
    beat = Heartbeat(feed="f", beats=(Beat(recorded_at_ms=1, fresh_until_ms=9),))
    ends = [(p, "~feed:f", msgspec.json.encode(beat)) for p in range(2)]
    for p in range(2):
        manifest = Manifest(generation="g1", feed="f", from_ms=1, partition=p, partitions=2, rows=600)
        ends.append((p, "~manifest:g1", msgspec.json.encode(manifest)))
    bad = [
        (0, keys[0], sender(keys[0], 3)[:-2]),
        (0, keys[0], sender(keys[1], 99)),
        (0, keys[0], None),
        (0, keys[0], sender(keys[0], 7).replace(b'"recorded_at_ms":7', b'"recorded_at_ms":8')),
        (1, "~manifest:g1", ends[2][2]),
    ]
    again = [rows[-1], ends[0]]
    produce(kafka, f"{topics}.feeds.v1", [*rows, *ends, *bad, *again])

    def done() -> bool:
        return len(read(kafka, f"{topics}.feeds.dead.v1")) == len(bad)

    killed_everywhere("registrar", kafka, topics, done)
    for entity in ("registry", "registry.history"):
        got = defaultdict(list)
        for m in read(kafka, f"{topics}.{entity}.v1"):
            got[m.partition(), (m.key() or b"").decode()].append(m.value())
        for n, key in enumerate(keys):
            versions = [[e["version"] for e in orjson.loads(v)["timeline"]] for v in got.pop((n % 2, key))]
            assert versions == [list(range(1, last + 1)) for last in range(1, 31)], (entity, key)
        assert got == {(p, key): [value] for p, key, value in ends}
    reasons = [dict(m.headers() or [])["reason"] for m in read(kafka, f"{topics}.feeds.dead.v1")]
    assert sorted(reasons) == [b"NOT_A_ROW", b"TOMBSTONE", b"VERSION_REUSED", b"WRONG_KEY", b"WRONG_PARTITION"]
    assert len(read(kafka, f"{topics}.registry.v1", committed=False)) > len(rows) + len(ends), "no torn transaction"


def test_gate(kafka: str, topics: str) -> None:
    create(kafka, topics, messages=3, messages_dead=3, decisions=3, registry=2, policy=1, sanctions=2, settings=1)
    raws = {f"e{n}": msgspec.json.encode(message(n)) for n in range(1200)}
    bad = [(0, None, b"{"), (1, None, b'{"event_id":"named","leg":"termination","producer":"smsc1"}'), (2, "k", None)]
    sent = [(n % 3, f"k{n}", raw) for n, raw in enumerate(raws.values())]
    produce(kafka, f"{topics}.messages.v1", [*sent[:600], *bad, *sent[600:]])

    def done() -> bool:
        return len(read(kafka, f"{topics}.decisions.v1")) == len(raws) + 1

    killed_everywhere("gate", kafka, topics, done)
    decisions = {}
    for m in read(kafka, f"{topics}.decisions.v1"):
        made = orjson.loads(m.value() or b"")
        assert made["event_id"] not in decisions
        assert (m.key() or b"").decode() == made["sender"]["key"]
        decisions[made["event_id"]] = made
    assert decisions.pop("named")["reasons"][0]["code"] == "EVENT_INVALID"
    pure, view = decider(), MemoryReplica()
    for n, (name, raw) in enumerate(raws.items()):
        observed = decisions[name].pop("observed")
        assert observed["gate"] == "0" and observed["source"][0] == n % 3 and observed["decided_at_ms"] > 0
        expected = orjson.loads(msgspec.json.encode(pure.decide(message(n), raw, view)))
        assert decisions[name] == {k: v for k, v in expected.items() if k != "observed"}
    assert Counter(m.value() for m in read(kafka, f"{topics}.messages.dead.v1")) == Counter(v for _, _, v in bad)
    assert len(read(kafka, f"{topics}.decisions.v1", committed=False)) > len(raws) + 1, "no torn transaction"


def paired(number: int, raw: bytes) -> bytes:
    """A decision on a bank's message over relay-7: four of five pass, the fifth fails."""
    made = msgspec.json.decode(raw, type=Decision)
    failed = Reason(code=CODE, gate="forgery", mode="OBSERVE", basis="generation")
    fifth = number % 5 == 4
    return msgspec.json.encode(
        replace(
            made, sender=replace(made.sender, key="kr:15881234"), route=RouteSeen(relay_id="relay-7"),
            passed=() if fifth else ("route",), reasons=(failed,) if fifth else (),
        )
    )  # fmt: skip


def test_meter(kafka: str, topics: str) -> None:
    create(
        kafka,
        topics,
        decisions=2,
        decisions_dead=2,
        traffic=TRAFFIC_PARTITIONS,
        pairs=TRAFFIC_PARTITIONS,
        books=TRAFFIC_PARTITIONS,
    )
    made = [(n % 2, "k", paired(n, decision(n, "account:a", f"relay:{n % 3}", at_ms=n * 3))) for n in range(1500)]
    produce(kafka, f"{topics}.decisions.v1", [*made, (0, "k", b"garbage")])

    def deltas(committed: bool = True) -> list[Traffic]:
        found = [
            msgspec.json.decode(m.value() or b"", type=Traffic) for m in read(kafka, f"{topics}.traffic.v1", committed)
        ]
        return [t for t in found if not t.subject.startswith("~")]

    killed_everywhere("meter", kafka, topics, lambda: sum(t.delivered for t in deltas()) >= 6000)
    sums: Counter[tuple[str, int]] = Counter()
    spans = defaultdict(set)
    for delta in deltas():
        sums[delta.subject, delta.epoch] += delta.delivered
        spans[delta.subject, delta.partition].add((delta.first_offset, delta.next_offset))
    expected: Counter[tuple[str, int]] = Counter()
    for n in range(1500):
        subjects = ("account:a", f"relay:{n % 3}", "sender:kr:15881234#0", "relay:relay-7")
        expected.update((subject, n * 3 // 1000) for subject in subjects)
    assert sums == expected
    for spanned in spans.values():
        ordered = sorted(spanned)
        assert all(a[1] <= b[0] for a, b in zip(ordered, ordered[1:], strict=False)), "a span is covered twice"
    assert spans["account:a", 1] and max(end for _, end in spans["account:a", 1]) == 750
    assert len(deltas(committed=False)) > len(deltas()), "no torn transaction"
    fared: Counter[tuple[int, str]] = Counter()
    for m in read(kafka, f"{topics}.pairs.v1"):
        pair = msgspec.json.decode(m.value() or b"", type=PairTraffic)
        assert (m.key(), pair.subject, pair.epoch_ms) == (PAIR.encode(), PAIR, EPOCH_MS)
        fared[pair.epoch, "passed"] += pair.passed
        for code, bases in pair.failed.items():
            fared[pair.epoch, code] += bases["generation"]
    assert fared == Counter((n * 3 // 1000, (*["passed"] * 4, CODE)[n % 5]) for n in range(1500))
    marks = [m for m in read(kafka, f"{topics}.traffic.v1") if (m.key() or b"").startswith(b"~watermark:")]
    for target in range(TRAFFIC_PARTITIONS):
        mine = [msgspec.json.decode(m.value() or b"", type=Traffic) for m in marks if m.partition() == target]
        assert {t.partition for t in mine} == {0, 1}, "every traffic partition hears of every decisions partition"


def test_an_idle_meter_says_each_epoch_once(kafka: str, topics: str) -> None:
    create(
        kafka,
        topics,
        decisions=2,
        decisions_dead=2,
        traffic=TRAFFIC_PARTITIONS,
        pairs=TRAFFIC_PARTITIONS,
        books=TRAFFIC_PARTITIONS,
    )
    client = settings(kafka, topics)
    now, asked = [5500], []

    def clock_ms() -> int:
        asked.append(loop.ready)
        return now[0]

    loop = Loop(make_step("meter", client.connection, "0"), client, clock_ms=clock_ms)

    def marks() -> list[tuple[int, int, int]]:
        found = [(m.partition() or 0, orjson.loads(m.value() or b"")) for m in read(kafka, f"{topics}.traffic.v1")]
        return sorted((target, t["partition"], t["epoch"]) for target, t in found)

    with running(loop) as raised:
        until(lambda: sum(asked) > 20)  # it has been idle for a while
        now[0] = 7600  # two epochs of silence: only now the wall clock is believed
        until(lambda: len(marks()) == 4)
        assert marks() == [(target, p, 5) for target in range(2) for p in range(2)]
        now[0] = 8001
        until(lambda: len(marks()) == 8)
        now[0] = 8999
        until(lambda: loop.ready)
        assert {epoch for _, _, epoch in marks()} == {5, 6}
    assert not raised and len(marks()) == 8
