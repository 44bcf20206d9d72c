"""A batch that takes too long is cut: its transaction must not outlive its timeout on a starved machine."""

from __future__ import annotations

from collections import Counter

import pytest

from streams.pipeline import handler
from streams.pipeline.commit import CommitPolicy
from streams.pipeline.loop import Loop
from streams.telemetry.metrics import read as metric
from tests.pipeline.toy import Toy, create, feed, read, running, settings, until


def test_what_is_left_of_a_batch_comes_next(kafka: str, topics: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every batch is cut after its first record, and its transaction ends there, however long the policy would wait."""
    monkeypatch.setattr(handler, "LONG_S", 0.0)
    create(kafka, topics, **{"in": 2, "out": 2, "in_dead": 2})
    sent = [(n % 2, b"bad%d" % n if n % 50 == 0 else b"%d" % n) for n in range(400)]
    feed(kafka, f"{topics}.in.v1", sent)
    toy, before = Toy(), metric("commits_total", step="toy")
    with running(Loop(toy, settings(kafka, topics), policy=CommitPolicy(max_ms=60_000))) as raised:
        until(lambda: raised or len(read(kafka, f"{topics}.out.v1")) >= 400, 60)
    assert not raised
    got = [m.value() or b"" for m in read(kafka, f"{topics}.out.v1")]
    assert Counter(int(v.split(b":")[2 if v.startswith(b"fallback") else 1]) for v in got) == Counter(
        {n: 2 for n in range(200)}
    )
    for partition in range(2):
        offsets = [int(v.split(b":")[1]) for v in got if v.startswith(b"%d:" % partition)]
        assert offsets == sorted(offsets), "in the order of the input"
    assert metric("commits_total", step="toy") - before >= 400, "not one transaction for each record"


def test_a_batch_in_good_time_is_one_transaction(kafka: str, topics: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "LONG_S", 60.0)
    create(kafka, topics, **{"in": 1, "out": 1, "in_dead": 1})
    feed(kafka, f"{topics}.in.v1", [(0, b"%d" % n) for n in range(400)])
    before = metric("commits_total", step="toy")
    with running(Loop(Toy(), settings(kafka, topics), policy=CommitPolicy(max_ms=60_000))) as raised:
        until(lambda: raised or len(read(kafka, f"{topics}.out.v1")) >= 400, 60)
    assert not raised
    assert metric("commits_total", step="toy") - before < 20
