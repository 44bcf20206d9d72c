"""Commands that run until they are stopped: the broker, and all components together."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Producer

from streams.broker.settings import is_free
from streams.cli.kafka import read_to_end
from tests.cli.tool import Cluster, cluster
from tests.replay.small import message

_BOUND_S = 60.0


@contextmanager
def started(*words: str, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """The command as a process, gone at the end whatever happens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", *words], env={**os.environ, **(env or {})}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(_BOUND_S)


def test_the_broker_prints_its_address_and_leaves(kafka_install: None) -> None:
    with started("broker", "--max-seconds", "1") as process:
        out, err = process.communicate(timeout=_BOUND_S)
    assert process.returncode == 0
    assert (found := re.fullmatch(r"127\.0\.0\.1:(\d+)\n", out)) is not None
    assert "It runs for 1 s or until Ctrl-C." in err and err.endswith("Kafka has stopped.\n")
    assert is_free(int(found[1]))


def decided(held: Cluster) -> list[dict[str, object]]:
    return [json.loads(letter.value or b"") for letter in read_to_end(held.connection, ("decisions",))]


def test_all_components_together_decide_and_stop_in_order(kafka: str, topics: str, tmp_path: Path) -> None:
    held = cluster(kafka, topics, str(tmp_path / "state"))
    held.env["DUALBLOCK_ALLOW_DEMO_KEYS"] = "true"
    assert held("policy", "publish", "--profile", "enforce").code == 0
    with started("run", env=held.env) as process:
        assert process.stderr is not None
        assert "registrar, gate, meter, recent, behaviour, agents run against" in process.stderr.readline()
        producer = Producer(held.connection.base())
        now = time.time_ns() // 1_000_000
        producer.produce(held.connection.topic("messages"), json.dumps(message(1, at=now)).encode(), b"kr:15881234")
        assert producer.flush(30) == 0
        deadline = time.monotonic() + _BOUND_S
        while not (found := decided(held)) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=_BOUND_S)
    assert [d["event_id"] for d in found] == ["e1"], err
    assert (process.returncode, err.splitlines()[-1]) == (0, "Stopped."), err


def test_when_one_component_ends_the_others_are_stopped(kafka: str, topics: str, tmp_path: Path) -> None:
    """Without topics none of them can start."""
    env = {
        "DUALBLOCK_BOOTSTRAP": kafka, "DUALBLOCK_PREFIX": f"{topics}.", "DUALBLOCK_STATE_DIR": str(tmp_path),
        "DUALBLOCK_ALLOW_DEMO_KEYS": "true",
    }  # fmt: skip
    with started("run", env=env) as process:
        _, err = process.communicate(timeout=_BOUND_S)
    assert process.returncode == 1
    assert re.search(r"The \w+ ended with \d+: the others were stopped\.", err)


def test_run_says_once_what_is_wrong(tmp_path: Path) -> None:
    for env, sentence in (
        ({"DUALBLOCK_STATE_DIR": str(tmp_path)}, "error: No keys are configured"),
        ({"DUALBLOCK_ALLOW_DEMO_KEYS": "1", "DUALBLOCK_BOOTSTRAP": "127.0.0.1:1"}, "error: Kafka does not answer at"),
    ):
        with started("run", env=env) as process:
            _, err = process.communicate(timeout=_BOUND_S)
        assert process.returncode == 2
        assert err.startswith(sentence) and len(err.splitlines()) == 1
