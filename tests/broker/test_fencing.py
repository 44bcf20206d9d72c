"""After a kill the controller runs alone first; what it is told, and when that is over."""

from pathlib import Path

import pytest

from streams.broker.fencing import controller_only, ended_abruptly, wait_until_fenced
from streams.broker.settings import properties


@pytest.mark.parametrize(
    ("there", "abruptly"),
    [
        ([], False),
        (["meta.properties"], False),
        (["__cluster_metadata-0/", "__cluster_metadata-0/0-0.checkpoint"], False),
        (["__cluster_metadata-0/", "__cluster_metadata-0/0.log"], True),
        (["__cluster_metadata-0/", "__cluster_metadata-0/0.log", ".kafka_cleanshutdown"], False),
    ],
)
def test_who_left_without_a_goodbye(tmp_path: Path, there: list[str], abruptly: bool) -> None:
    for name in there:
        path = tmp_path / name
        path.mkdir() if name.endswith("/") else path.touch()
    assert ended_abruptly(tmp_path) == abruptly


def test_a_controller_has_its_own_listener_alone() -> None:
    extra = {
        "listeners": "PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2,PROXIED://127.0.0.1:3",
        "inter.broker.listener.name": "PLAINTEXT",
    }
    text = controller_only(properties(1, 2, Path("/data"), extra))
    lines = dict(line.split("=", 1) for line in text.splitlines())
    assert lines["process.roles"] == "controller"
    assert lines["listeners"] == lines["advertised.listeners"] == "CONTROLLER://127.0.0.1:2"
    assert "inter.broker.listener.name" not in lines
    assert (lines["node.id"], lines["log.dirs"]) == ("1", "/data")


def test_only_what_is_said_now_counts(tmp_path: Path) -> None:
    log = tmp_path / "broker.log"
    log.write_bytes(b"Fencing broker 1 at epoch 7 because its session has timed out.\n")
    asked: list[bool] = []

    def alive() -> bool:
        asked.append(True)
        if len(asked) == 3:
            with log.open("ab") as more:
                more.write(b"Fencing broker 1 at epoch 9 because its session has timed out.\n")
        return len(asked) < 9

    wait_until_fenced(log, log.stat().st_size, alive)
    assert len(asked) == 3


def test_a_controller_that_ended_is_not_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "broker.log"
    log.touch()
    wait_until_fenced(log, 0, lambda: False)
