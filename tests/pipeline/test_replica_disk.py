"""A replica whose disk fails under a running step: nothing is committed on it, and it comes back by itself."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from streams.pipeline.errors import AbortNeeded
from streams.pipeline.gate import ENTITIES, Gate
from streams.pipeline.loop import Loop
from streams.pipeline.replicator import Replicator
from streams.pipeline.settings import Connection
from streams.replica import RocksReplica
from streams.telemetry.metrics import read as metric
from tests.pipeline.steps import decider, message
from tests.pipeline.test_replicator import following, row, rows
from tests.pipeline.toy import create, feed, produce, read, running, settings, until


class Broken:
    """A database that answers one kind of call with what RocksDB would say."""

    def __init__(self, whole: object, name: str, said: str) -> None:
        self._whole, self._name, self._said = whole, name, said

    def __getattr__(self, name: str) -> object:
        if name == self._name:
            raise Exception(self._said)
        return getattr(self._whole, name)


def test_a_full_disk_is_not_caught_up_until_there_is_room(
    kafka: str, topics: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(kafka, topics, registry=2)
    produce(kafka, f"{topics}.registry.v1", rows(100))
    replica = RocksReplica(str(tmp_path))
    with following(kafka, topics, replica) as (replicator, applied):
        until(replicator.catch_up)
        replicator.check()
        opened = replica._opened

        def still_full() -> object:
            replica._db = Broken(opened(), "write", "IO error: No space left on device")
            return replica._db

        monkeypatch.setattr(replica, "_opened", still_full)
        still_full_db = Broken(replica._db, "write", "IO error: No space left on device")
        monkeypatch.setattr(replica, "_db", still_full_db)
        produce(kafka, f"{topics}.registry.v1", [(0, "sender:new", row("sender:new"))])
        until(lambda: not replicator.catch_up())
        with pytest.raises(AbortNeeded, match="No space"):
            until(lambda: replicator.poll(0.05) and replicator.check() or replicator.check(), 5)
        assert not replicator.caught_up
        monkeypatch.setattr(replica, "_opened", opened)
        until(replicator.catch_up)
        assert len(applied) == 101 and replica.row("sender:new") is not None
    replica.close()


def test_a_gate_on_a_damaged_replica_commits_nothing_and_builds_it_anew(
    kafka: str, topics: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(kafka, topics, messages=1, decisions=1, messages_dead=1, registry=2, policy=1, sanctions=1, settings=1)
    produce(kafka, f"{topics}.registry.v1", rows(100))
    connection = Connection(kafka, f"{topics}.")
    replica = RocksReplica(str(tmp_path))
    gate = Gate(decider(), Replicator(connection, "gate-d", replica, ENTITIES), "d")
    before = metric("replica_rebuilds_total", replica="gate-d", why="damaged")
    with running(Loop(gate, settings(kafka, topics))) as raised:
        feed(kafka, f"{topics}.messages.v1", [(0, msgspec.json.encode(message(0)))])
        until(lambda: len(read(kafka, f"{topics}.decisions.v1")) == 1)
        damaged = Broken(replica._db, "get", "Corruption: block checksum mismatch")
        monkeypatch.setattr(replica, "_db", damaged)
        replica._cache.clear()
        feed(kafka, f"{topics}.messages.v1", [(0, msgspec.json.encode(message(n))) for n in range(1, 200)])
        until(lambda: raised or len(read(kafka, f"{topics}.decisions.v1")) == 200)
        assert replica.next_offsets()[("registry", 0)] == 50
    assert not raised
    decisions = [m.value() or b"" for m in read(kafka, f"{topics}.decisions.v1")]
    assert len(decisions) == 200 and not any(b"CHECK_FAILED" in raw for raw in decisions)
    assert not read(kafka, f"{topics}.messages.dead.v1")
    assert metric("replica_rebuilds_total", replica="gate-d", why="damaged") == before + 1
