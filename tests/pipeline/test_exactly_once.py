"""Killed anywhere, the loop's readers see each record's output exactly once."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from streams.contracts.decisions import Progress
from tests.pipeline.toy import create, feed, read, until

ROOT = Path(__file__).parents[2]
POINTS = ("after-consume", "after-produce", "after-flush", "after-send-offsets", "after-commit")


def worker(kafka: str, topics: str, *more: str, instance: str = "0") -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.pipeline.worker", kafka, topics, instance, *more], cwd=ROOT)


def outputs(kafka: str, topics: str, committed: bool = True) -> list[bytes]:
    return [m.value() or b"" for m in read(kafka, f"{topics}.out.v1", committed)]


def test_killed_at_every_point(kafka: str, topics: str) -> None:
    create(kafka, topics, **{"in": 3, "out": 3, "in_dead": 3})
    sent = [(n % 3, b"%d" % n) for n in range(3000)]
    feed(kafka, f"{topics}.in.v1", sent[:2400])
    for point in POINTS:
        process = worker(kafka, topics, f"{point}:2")
        assert process.wait(30) == -signal.SIGKILL, point
    feed(kafka, f"{topics}.in.v1", sent[2400:])
    last = worker(kafka, topics)
    try:
        until(lambda: len(outputs(kafka, topics)) >= 3000, 30)
    finally:
        last.terminate()
        assert last.wait(20) == 0
    got = outputs(kafka, topics)
    assert Counter(v.split(b":")[2] for v in got) == Counter(v for _, v in sent)
    for partition in range(3):
        offsets = [int(v.split(b":")[1]) for v in got if v.startswith(b"%d:" % partition)]
        assert offsets == list(range(1000)), "in the order of the input"
    raw = outputs(kafka, topics, committed=False)
    assert len(raw) > len(got), "no transaction was torn: the test proved nothing"
    last_seen = {
        m.key(): msgspec.json.decode(m.value() or b"", type=Progress) for m in read(kafka, f"{topics}.progress.v1")
    }
    assert sorted((p.component, p.topic, p.partition, p.next_offset, p.event_time_ms) for p in last_seen.values()) == [
        ("toy", "in", p, 1000, 1999) for p in range(3)
    ]


def test_a_second_worker_takes_its_share_and_nothing_is_lost_or_doubled(kafka: str, topics: str) -> None:
    create(kafka, topics, **{"in": 4, "out": 4, "in_dead": 4})
    first = worker(kafka, topics)
    second = None
    try:
        for n in range(30):
            feed(kafka, f"{topics}.in.v1", [(p, b"%d-%d-%d" % (n, p, i)) for i in range(20) for p in range(4)])
            if n == 10:
                until(lambda: outputs(kafka, topics))
                second = worker(kafka, topics, instance="1")
            if n == 20 and second is not None:
                second.send_signal(signal.SIGKILL)
                second.wait()
                second = worker(kafka, topics, instance="1")
        until(lambda: len(outputs(kafka, topics)) >= 2400, 30)
    finally:
        for process in (first, second):
            if process is not None:
                process.terminate()
                assert process.wait(20) == 0
    assert Counter(v.rpartition(b":")[2] for v in outputs(kafka, topics)) == Counter(
        b"%d-%d-%d" % (n, p, i) for n in range(30) for i in range(20) for p in range(4)
    )


@pytest.mark.parametrize("fed", [0, 250])
def test_sigterm_ends_it_with_everything_committed(kafka: str, topics: str, fed: int) -> None:
    create(kafka, topics, **{"in": 1, "out": 1, "in_dead": 1})
    process = worker(kafka, topics)
    feed(kafka, f"{topics}.in.v1", [(0, b"%d" % n) for n in range(fed + 1)])
    until(lambda: outputs(kafka, topics))
    process.terminate()
    assert process.wait(20) == 0
    seen = len(outputs(kafka, topics))
    assert seen == len(outputs(kafka, topics, committed=False)) <= fed + 1
