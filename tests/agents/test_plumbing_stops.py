"""How a worker stops, fails and hands over."""

import json
import signal
from pathlib import Path

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from tests.agents.drill import Drill


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_graceful_stop_finishes_the_event_and_commits_it(
    kafka: str, topics: str, tmp_path: Path, number: signal.Signals
) -> None:
    drill = Drill(kafka, topics, tmp_path)
    worker = drill.worker(slow_s=0.7)
    try:
        worker.ready()
        drill.send("in", "a", {"id": "e1", "key": "a", "slow": True})
        worker.said("slow")
        assert worker.stop(number) == 0
    finally:
        worker.kill()
    assert [json.loads(m.value())["id"] for m in drill.read("out")] == ["e1", "a"]
    assert drill.committed("in") == drill.progress("counter", "in") == drill.ends("in")


def test_a_lost_output_stops_the_worker_without_commit_or_dead_letter(kafka: str, topics: str, tmp_path: Path) -> None:
    """The broker refuses what the client let through: the record isn't to blame, and skipping it would lose it."""
    drill = Drill(kafka, topics, tmp_path)
    limit = ConfigEntry("max.message.bytes", "2000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, f"{topics}.pong", incremental_configs=[limit])
    for done in drill.admin.incremental_alter_configs([resource]).values():
        done.result()
    worker = drill.worker()
    try:
        worker.ready()
        drill.send("ping", "a", b"fits")
        drill.await_progress("echo", "ping")
        reached = drill.ends("ping")
        drill.send("ping", "a", b"x" * 5000)
        assert worker.ended() == 1
    finally:
        worker.kill()
    assert drill.progress("echo", "ping") == reached
    assert drill.committed("ping") in ({}, reached)
    assert drill.read("dead") == []


def test_a_partition_is_handed_over_only_after_the_running_event(kafka: str, topics: str, tmp_path: Path) -> None:
    """Both partitions are in the middle of an event when a second worker joins and takes one of them.

    Left alone, the framework lets the first worker write its old state behind the second's newer one.
    """
    drill = Drill(kafka, topics, tmp_path)
    for key in [f"key-{number}" for number in range(6)]:
        for topic in ("in", "side"):
            drill.send(topic, key, {"id": f"{topic}-warm", "key": key})
    place = {m.key().decode(): m.partition() for m in drill.read("in")}
    one = next(key for key in place if place[key] == 0)
    other = next(key for key in place if place[key] == 1)
    first = drill.worker(slow_s=4)
    second = None
    try:
        first.ready()
        drill.await_progress("counter", "in")
        drill.await_progress("second", "side")
        for topic, key in [("in", one), ("side", other)]:
            drill.send(topic, key, {"id": "slow", "key": key, "slow": True})
            first.said("slow")
            drill.send(topic, key, {"id": "then", "key": key})
        second = drill.worker(instance="agents-1", disk="disk-1")
        held = second.ready()
        assert len(held) < len(place), "it took only its share"
        drill.await_progress("counter", "in")
        drill.await_progress("second", "side")
        assert {first.stop(), second.stop()} == {0}
    finally:
        first.kill()
        if second is not None:
            second.kill()
    last = {m.key().decode(): json.loads(m.value()) for m in drill.read("seen")}
    assert "slow" in last[one] and "then" in last[one]
    assert "slow" in last[other] and "then" in last[other]
