"""One running worker: dead letters, partitioning, progress and its latency, and no open port."""

import json
import os
import statistics
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from streams.agents.transport import FETCH_BYTES
from tests.agents.drill import Drill, Worker


@pytest.fixture(scope="module")
def running(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Drill, Worker]]:
    drill = Drill(kafka, f"test-{uuid.uuid4().hex[:12]}", tmp_path_factory.mktemp("running"))
    worker = drill.worker()
    try:
        assert worker.ready() == {}
        yield drill, worker
        assert worker.stop() == 0
    finally:
        worker.kill()


BAD: list[tuple[str, bytes | None, dict[str, Any] | bytes, str, str]] = [
    # name, key, record, reason, in the exception
    ("not JSON", b"a", b"\xff{", "HANDLER_FAILED", "UnicodeDecodeError"),
    ("refused by the handler", b"a", {"id": "r", "key": "a", "blow": "refuse"}, "TOY_REFUSES", "told to"),
    ("a bug in the handler", b"a", {"id": "b", "key": "a", "blow": "bug"}, "HANDLER_FAILED", "RuntimeError: told to"),
    ("more output than the broker takes", b"a", {"id": "f", "key": "a", "fat": True}, "OUTPUT_TOO_LARGE", "200000"),
    ("no key", None, {"id": "n", "key": "a"}, "KEY_MISSING", "no key"),
]


def test_what_a_handler_cant_handle_is_a_dead_letter_and_the_next_events_follow(running: tuple[Drill, Worker]) -> None:
    drill, _ = running
    for _name, key, record, _reason, _text in BAD:
        drill.send("in", key, record)
    # One of those with the key: the one without may stand anywhere, and be read first.
    place = next(m.partition() for m in drill.read("in") if m.key() == b"a")
    drill.send("in", "a", {"id": "wrong", "key": "a"}, partition=1 - place)
    drill.send("in", "a", {"id": "good", "key": "a"})
    drill.await_progress("counter", "in")
    letters = {
        (dict(m.headers())["topic"], dict(m.headers())["offset"], dict(m.headers())["partition"]): m
        for m in drill.read("dead")
    }
    assert len(letters) == len(BAD) + 1
    sources = {(m.topic().encode(), str(m.offset()).encode(), str(m.partition()).encode()): m for m in drill.read("in")}
    expected = {
        json.dumps(r).encode() if isinstance(r, dict) else r: (k, reason, text) for _, k, r, reason, text in BAD
    }
    expected[json.dumps({"id": "wrong", "key": "a"}).encode()] = (b"a", "WRONG_PARTITION", "murmur2")
    for where, letter in letters.items():
        assert (letter.key(), letter.value()) == (sources[where].key(), sources[where].value())
        key, reason, text = expected.pop(letter.value())
        headers = {name: value.decode() for name, value in letter.headers()}
        assert set(headers) == {"reason", "exception", "topic", "partition", "offset", "at_ms", "version"}
        assert (letter.key(), headers["reason"], headers["version"]) == (key, reason, "test")
        assert text in headers["exception"]
        assert abs(int(headers["at_ms"]) - time.time() * 1000) < 60_000
    assert json.loads(drill.read("seen")[-1].value()) == ["good"]


def test_a_record_larger_than_a_fetch_is_read_beside_a_backlog(running: tuple[Drill, Worker]) -> None:
    drill, _ = running
    drill.send("in", "a", {"id": "small-0", "key": "a"})
    for topic in ("in", "side"):
        drill.burst(topic, [{"id": f"{topic}-{n}", "key": f"k{n % 5}", "pad": "x" * 2000} for n in range(300)])
    for number in range(3):
        drill.send("in", "a", {"id": f"large-{number}", "key": "a", "pad": "x" * (7 * FETCH_BYTES)})
    drill.await_progress("counter", "in")
    drill.await_progress("second", "side")
    assert {f"large-{n}" for n in range(3)} <= {json.loads(m.value())["id"] for m in drill.read("out")}


def test_its_partitioning_is_the_java_clients_and_ours(running: tuple[Drill, Worker]) -> None:
    drill, _ = running
    keys = [f"subject:{number}" for number in range(40)]
    for key in keys:
        drill.send("ping", key, b"{}")
    drill.await_progress("echo", "ping")
    place = {m.key(): m.partition() for m in drill.read("ping")}
    assert set(place.values()) == {0, 1}
    assert {m.key(): m.partition() for m in drill.read("pong")} == place


def test_progress_follows_an_event_within_200_ms(running: tuple[Drill, Worker]) -> None:
    """From the event's acknowledgement to its progress at a reader; the median, because other tests share the cores."""
    drill, _ = running
    reader = Consumer(
        {"bootstrap.servers": drill.bootstrap, "group.id": f"{drill.prefix}.watch", "fetch.wait.max.ms": 10}
    )
    drill.await_progress("counter", "in")
    end = len(drill.read("progress.v1")) and drill.read("progress.v1")[-1].offset() + 1
    reader.assign([TopicPartition(f"{drill.prefix}.progress.v1", 0, end)])
    took = []
    for number in range(20):
        sent = time.monotonic()
        drill.send("in", "a", {"id": f"timed-{number}", "key": "a"})
        message = reader.poll(5)
        assert message is not None and not message.error()
        took.append(time.monotonic() - sent)
    reader.close()
    print(f"progress after {statistics.median(took) * 1000:.0f} ms (median), {max(took) * 1000:.0f} ms (most)")
    assert statistics.median(took) < 0.2


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_listens_on_no_port(running: tuple[Drill, Worker]) -> None:
    _, worker = running
    listening = set()
    for table in ("tcp", "tcp6"):
        rows = [row.split() for row in Path(f"/proc/{worker.process.pid}/net/{table}").read_text().splitlines()[1:]]
        listening |= {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"}
    assert listening, "the test's own broker must be seen listening"
    own = {os.readlink(fd) for fd in Path(f"/proc/{worker.process.pid}/fd").iterdir()}
    assert not own & listening
