"""What can't be read goes to the dead letters, whole, and holds nothing up."""

from __future__ import annotations

import json
from hashlib import sha256

import msgspec
import pytest
from confluent_kafka import Message
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from streams.contracts.messages import Content
from streams.pipeline.dead import EXCERPT_BYTES, dead_letter, value_limit
from streams.pipeline.fuse import Fuse
from streams.pipeline.loop import Loop
from streams.pipeline.step import Input
from streams.telemetry.metrics import read as metric
from tests.pipeline.steps import make_step, message
from tests.pipeline.toy import Toy, create, feed, read, running, settings, until


def headers(message: Message) -> dict[str, bytes]:
    return {name: value if isinstance(value, bytes) else b"" for name, value in message.headers() or []}


def letters(kafka: str, topics: str) -> list[Message]:
    return read(kafka, f"{topics}.in.dead.v1")


def test_bytes_and_facts(kafka: str, topics: str) -> None:
    create(kafka, topics, **{"in": 1, "out": 1, "in_dead": 1})
    before = metric("dead_letters_total", step="toy", reason="BAD")
    records = [b'bad{"event_id":"x', b"good", b"bug\xff\x00", b"bad" + b"x" * 1_000_000]
    feed(kafka, f"{topics}.in.v1", [(0, r) for r in records])
    with running(Loop(Toy(), settings(kafka, topics))) as raised:
        until(lambda: len(letters(kafka, topics)) == 3)
    assert not raised
    got = letters(kafka, topics)
    assert [m.value() for m in got] == [records[0], records[2], records[3]]
    assert got[0].key() == records[0][:20]
    facts = headers(got[0])
    assert facts.pop("at_ms").isdigit() and facts.pop("version")
    assert facts == {
        "reason": b"BAD",
        "exception": b"starts with bad",
        "topic": f"{topics}.in.v1".encode(),
        "partition": b"0",
        "offset": b"0",
    }
    assert (headers(got[1])["reason"], headers(got[1])["exception"]) == (b"STEP_FAILED", b"RuntimeError('a bug')")
    outs = [m.value() for m in read(kafka, f"{topics}.out.v1")]
    assert outs == [b"fallback:0:0", b"0:1:good", b"fallback:0:2", b"fallback:0:3"]
    assert metric("dead_letters_total", step="toy", reason="BAD") == before + 2


#: Idempotent: a batch that is sent again must not overtake the next one.
ONE_BY_ONE = {"compression.type": "zstd", "linger.ms": 0, "batch.num.messages": 1, "enable.idempotence": True}


def test_a_large_record_that_was_small_when_compressed(kafka: str, topics: str) -> None:
    create(kafka, topics, **{"in": 1, "out": 1, "in_dead": 1})
    large, larger = b"bad" + b"x" * 5_000_000, b"bad" + b"y" * 8_600_000
    records = [(0, large), (0, larger), (0, b"after")]
    feed(kafka, f"{topics}.in.v1", records, **ONE_BY_ONE)
    with running(Loop(Toy(), settings(kafka, topics))) as raised:
        until(lambda: [m for m in read(kafka, f"{topics}.out.v1") if (m.value() or b"").endswith(b"after")])
    assert not raised
    first, second = letters(kafka, topics)
    assert first.value() == large
    assert second.value() == larger[:EXCERPT_BYTES]
    facts = headers(second)
    assert facts["sha256"] == sha256(larger).hexdigest().encode() and facts["size"] == b"%d" % len(larger)


def test_an_output_too_large_for_its_topic_is_the_records_fault(kafka: str, topics: str) -> None:
    create(kafka, topics, **{"in": 1, "out": 1, "in_dead": 1})
    feed(kafka, f"{topics}.in.v1", [(0, b"big:1200000"), (0, b"after")])
    with running(Loop(Toy(), settings(kafka, topics))) as raised:
        until(lambda: letters(kafka, topics))
        until(lambda: len(read(kafka, f"{topics}.out.v1")) == 2)
    assert not raised
    assert headers(letters(kafka, topics)[0])["reason"] == b"OUTPUT_TOO_LARGE"
    assert [m.value() for m in read(kafka, f"{topics}.out.v1")] == [b"fallback:0:0", b"0:1:after"]


def test_a_dead_letter_topic_that_takes_less_than_it_should(kafka: str, topics: str) -> None:
    create(kafka, topics, **{"in": 1, "out": 1, "in_dead": 1})
    entry = ConfigEntry("max.message.bytes", "300000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, f"{topics}.in.dead.v1", incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": kafka})
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(20)
    noise = bytes(range(256)) * 3500
    # Incompressible, so that the broker really refuses it.
    noise = b"bad" + b"".join(sha256(noise[i : i + 64] + b"%d" % i).digest() for i in range(0, 900_000, 32))
    feed(kafka, f"{topics}.in.v1", [(0, noise), (0, b"after")])
    step = Toy()
    with running(Loop(step, settings(kafka, topics))) as raised:
        until(lambda: len(read(kafka, f"{topics}.out.v1")) == 2)
    assert not raised
    (letter,) = letters(kafka, topics)
    assert letter.value() == noise[:EXCERPT_BYTES]
    assert "aborted" in step.calls


def test_the_fuse_pauses_its_partition_alone_and_half_opens(kafka: str, topics: str) -> None:
    create(kafka, topics, **{"in": 2, "out": 2, "in_dead": 2})
    feed(kafka, f"{topics}.in.v1", [(0, b"bad%d" % n) for n in range(50)] + [(0, b"good again")])
    step = Toy()
    loop = Loop(step, settings(kafka, topics, batch=20), fuse=Fuse(limit=20, rest_ms=2500, probe=5))
    with running(loop) as raised:
        until(lambda: len(letters(kafka, topics)) == 20)
        feed(kafka, f"{topics}.in.v1", [(1, b"other")])
        until(lambda: step.handled == [(1, 0)], 2.0, "the other partition goes on")
        assert len(letters(kafka, topics)) == 20
        until(lambda: len(letters(kafka, topics)) == 25, 5.0, "half open, five are let through")
        loop._fuse.rest_ms = 100
        until(lambda: (0, 50) in step.handled, 20.0, "in the end it closes")
    assert not raised
    assert sorted(int(headers(m)["offset"]) for m in letters(kafka, topics)) == list(range(50))


def test_an_event_too_large_is_answered_if_it_names_itself(kafka: str, topics: str) -> None:
    create(kafka, topics, messages=1, messages_dead=1, decisions=1, registry=1, policy=1, sanctions=1, settings=1)
    events = [msgspec.json.encode(msgspec.structs.replace(message(n), content=Content(text=""))) for n in range(3)]
    much, more = b"x" * 1_500_000, b"y" * 8_600_000
    # Larger than the dead letter topic takes, small when compressed; and one that says its name too late.
    large = [events[0].replace(b'"text":""', b'"text":"%s"' % part) for part in (much, more)]
    large[1] = large[1].replace(b'"e0"', b'"e1"')
    late = b'{"more":"%s",%s' % (much, events[2][1:])
    client = settings(kafka, topics)
    feed(kafka, f"{topics}.messages.v1", [(0, raw) for raw in (*large, late, events[2])], **ONE_BY_ONE)
    with running(Loop(make_step("gate", client.connection, "0"), client)) as raised:
        until(lambda: len(read(kafka, f"{topics}.decisions.v1")) == 3)
    assert not raised
    made = [json.loads(m.value() or b"") for m in read(kafka, f"{topics}.decisions.v1")]
    said = [(one["event_id"], one["verdict"], [r["code"] for r in one.get("reasons", ())]) for one in made]
    assert said[:2] == [("e0", "ALLOW", ["EVENT_INVALID"]), ("e1", "ALLOW", ["EVENT_INVALID"])]
    assert said[2][0] == "e2" and "EVENT_INVALID" not in said[2][2]
    dead = read(kafka, f"{topics}.messages.dead.v1")
    assert [m.value() for m in dead] == [large[0], large[1][:EXCERPT_BYTES], late]
    assert [headers(m)["reason"] for m in dead] == [b"TOO_LARGE"] * 3


@pytest.mark.parametrize(
    ("key", "size", "limit", "kept"),
    [
        (b"k", 10, 100, 10),
        (b"k", 1_000_000, 500_000, EXCERPT_BYTES),
        (b"k" * 600_000, 10, 500_000, 10),
        (None, 100, 50, 50),
        (b"k", 100, 0, 0),
    ],
)
def test_what_is_kept(key: bytes | None, size: int, limit: int, kept: int) -> None:
    record = Input(3, 9, key, b"v" * size, 0)
    letter, cut = dead_letter(record, entity="in", topic="t", reason="R", exception="\ud800", at_ms=5, limit=limit)
    assert (letter.entity, len(letter.value or b"")) == ("in.dead", kept)
    assert len(letter.key or b"") + len(letter.value or b"") <= max(limit, 0)
    assert cut == (len(key or b"") + size > limit)
    assert dict(letter.headers)["exception"] == b"?"


def test_dead_letter_topics_take_more_than_their_inputs() -> None:
    assert value_limit("messages.dead") > 5_000_000 > value_limit("messages")
