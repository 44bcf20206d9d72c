"""Killed anywhere, the loop's readers see each record's output exactly once."""

from __future__ import annotations

import signal
from collections import Counter

import msgspec
import pytest

from streams.contracts.decisions import Progress
from tests.pipeline.kills import POINTS, worker
from tests.pipeline.toy import create, feed, read, until


def outputs(kafka: str, topics: str, committed: bool = True) -> list[bytes]:
    return [m.value() or b"" for m in read(kafka, f"{topics}.out.v1", committed)]


def test_killed_at_every_point(kafka: str, topics: str) -> None:
    create(kafka, topics, **{"in": 3, "out": 3, "in_dead": 3})
    sent = [(n % 3, b"%d" % n) for n in range(3000)]
    feed(kafka, f"{topics}.in.v1", sent[:2400])
    for point in POINTS:
        process = worker("toy", kafka, topics, f"{point}:2")
        assert process.wait(30) == -signal.SIGKILL, point
    feed(kafka, f"{topics}.in.v1", sent[2400:])
    last = worker("toy", kafka, topics)
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
    fed: list[bytes] = []
    seen: Counter[bytes] = Counter()

    def worked(instance: bytes) -> bool:
        """Feeds a little more, and answers whether this worker has written since the last question."""
        new = [(p, b"%d-%d" % (len(fed) + p, p)) for p in range(4)]
        feed(kafka, f"{topics}.in.v1", new)
        fed.extend(value for _, value in new)
        before = seen[instance]
        seen.clear()
        seen.update((dict(m.headers() or [])["by"]) for m in read(kafka, f"{topics}.out.v1"))
        return seen[instance] > before

    first, second = worker("toy", kafka, topics), None
    try:
        until(lambda: worked(b"0"))
        second = worker("toy", kafka, topics, instance="1")
        until(lambda: worked(b"1"))
        until(lambda: worked(b"0"), why="the first one keeps a share")
        second.send_signal(signal.SIGKILL)
        second.wait()
        second = worker("toy", kafka, topics, instance="1")
        until(lambda: worked(b"1"))
        until(lambda: len(outputs(kafka, topics)) >= len(fed), 30)
    finally:
        for process in (first, second):
            if process is not None:
                process.terminate()
                assert process.wait(20) == 0
    assert Counter(v.rpartition(b":")[2] for v in outputs(kafka, topics)) == Counter(fed)


@pytest.mark.parametrize("fed", [0, 250])
def test_sigterm_ends_it_with_everything_committed(kafka: str, topics: str, fed: int) -> None:
    create(kafka, topics, **{"in": 1, "out": 1, "in_dead": 1})
    process = worker("toy", kafka, topics)
    feed(kafka, f"{topics}.in.v1", [(0, b"%d" % n) for n in range(fed + 1)])
    until(lambda: outputs(kafka, topics))
    process.terminate()
    assert process.wait(20) == 0
    seen = len(outputs(kafka, topics))
    assert seen == len(outputs(kafka, topics, committed=False)) <= fed + 1
