"""`dualblock evidence` end to end: what a real gate decided from a real registrar's rows, judged without Kafka."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from streams.cli.kafka import read_to_end
from streams.contracts.base import encoder
from streams.contracts.evidence import FORMAT
from streams.contracts.messages import Upstream
from streams.signing import key_id, private_key, public_key, sign
from tests.cli.test_processes import started
from tests.cli.tool import Cluster, cluster, dualblock
from tests.engine import kit
from tests.replay.bundles import KEY, Carrier, signed

_BOUND_S = 60.0


@pytest.fixture
def keys(tmp_path: Path) -> tuple[str, str]:
    """A carrier's keys as PEM files."""
    private, public = tmp_path / "signing.pem", tmp_path / "signing.pub.pem"
    private.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return str(private), str(public)


def bundle(tmp_path: Path) -> Path:
    made = Carrier().put(*kit.alive(), kit.sender(relays=("relay-7",), class_="business"), kit.relay("relay-8"))
    file = tmp_path / "e1.evidence"
    file.write_bytes(signed(made.bundle(kit.a2p(relay="relay-8"))))
    return file


def test_a_bundle_is_judged_with_the_file_and_the_key_alone(tmp_path: Path, keys: tuple[str, str]) -> None:
    file = bundle(tmp_path)
    alone = "import socket, sys; socket.socket.connect = None; sys.modules['confluent_kafka'] = None"
    code = f"{alone}; from streams.cli.main import main; main()"
    words = [sys.executable, "-c", code, "evidence", "verify", str(file), "--key", keys[1]]
    root = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=tmp_path, env={**os.environ, **root})
    assert done.returncode == 0, done.stderr
    assert "signature" in done.stdout and "NOT JUDGEABLE" in done.stdout and "FAIL NUMBER" not in done.stderr


def test_a_pair_of_keys_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    private, public = tmp_path / "signing.pem", tmp_path / "signing.pub.pem"
    before = os.umask(0)
    try:
        said = dualblock("evidence", "keygen", str(private))
    finally:
        os.umask(before)
    assert said.code == 0, said.err
    assert (private.stat().st_mode & 0o777, public.stat().st_mode & 0o777) == (0o600, 0o644)
    assert key_id(public_key(public)) in said.out and "PRIVATE" not in said.out + said.err + public.read_text()
    file = tmp_path / "e1.evidence"
    made = Carrier().put(*kit.alive(), kit.sender(relays=("relay-7",), class_="business"), kit.relay("relay-8"))
    file.write_bytes(sign(FORMAT, encoder().encode(made.bundle(kit.a2p(relay="relay-8"))), private_key(private)))
    assert dualblock("evidence", "verify", str(file), "--key", str(public)).code == 0


@pytest.mark.parametrize("held", ["signing.pem", "signing.pub.pem"])
def test_no_key_is_ever_overwritten(tmp_path: Path, held: str) -> None:
    (tmp_path / held).write_text("mine")
    said = dualblock("evidence", "keygen", str(tmp_path / "signing.pem"))
    assert said.code == 2 and f"{held} is there already" in said.err
    assert {f.name: f.read_text() for f in tmp_path.iterdir()} == {held: "mine"}, "and no half of a pair is left"


def test_a_place_that_takes_no_key_is_said(tmp_path: Path) -> None:
    said = dualblock("evidence", "keygen", str(tmp_path / "nowhere" / "signing.pem"))
    assert said.code == 2 and "can't be written" in said.err


def test_what_was_changed_is_not_verified(tmp_path: Path, keys: tuple[str, str]) -> None:
    file = bundle(tmp_path)
    file.write_bytes(file.read_bytes().replace(b'"BLOCK', b'"ALLOW', 1))
    said = dualblock("evidence", "verify", str(file), "--key", keys[1], "--json")
    assert said.code == 1 and said.err.startswith("Not verified: signature")
    assert json.loads(said.out)["verified"] is False


@pytest.mark.parametrize("words", [("nowhere.evidence", "--key", "{public}"), ("{file}", "--key", "{file}")])
def test_files_that_are_none_are_said(tmp_path: Path, keys: tuple[str, str], words: tuple[str, ...]) -> None:
    given = [w.format(file=bundle(tmp_path), public=keys[1]) for w in words]
    said = dualblock("evidence", "verify", *given)
    assert said.code == 2 and said.err.startswith("error: ") and len(said.err.splitlines()) == 1


def test_a_decision_on_real_topics(kafka: str, topics: str, tmp_path: Path, keys: tuple[str, str]) -> None:
    held = cluster(kafka, topics, str(tmp_path / "state"))
    held.env["DUALBLOCK_ALLOW_DEMO_KEYS"] = "true"
    assert held("policy", "publish", "--profile", "enforce").code == 0
    now = time.time_ns() // 1_000_000
    file = tmp_path / "bundle"
    with started("registrar", env=held.env) as registrar:
        producer = Producer({**held.connection.base(), "partitioner": "murmur2_random"})
        old = {"from_ms": now - kit.DAY, "recorded_at_ms": now - kit.DAY}
        rows = (kit.sender(relays=("relay-7",), class_="business", **old), kit.relay("relay-8", **old))
        for row in rows:
            producer.produce(held.connection.topic("feeds"), encoder().encode(row), row.key)
        assert producer.flush(30) == 0
        until(lambda: letters(held, "registry") == len(rows), registrar)
        stopped(registrar)
    with started("gate", env=held.env) as gate:  # it decides nothing before it has read these
        upstream = Upstream(verdict="ALLOW", event_time_ms=now - 1000)
        message = kit.a2p(relay="relay-8", event_time_ms=now, upstream=upstream)
        producer.produce(held.connection.topic("messages"), encoder().encode(message), "kr:15881234")
        assert producer.flush(30) == 0
        until(lambda: letters(held, "decisions") == 1, gate)
        stopped(gate)
    made = held("evidence", "e1", "--sign-with", keys[0], "--out", str(file))
    assert made.code == 0 and made.err.count("warning") == 1, made.err  # that keys are the demo's
    assert made.out.startswith(f"{file}: leak e1, ")
    said = dualblock("evidence", "verify", str(file), "--key", keys[1], "--json")
    assert said.code == 0, said.err
    lines = {line["what"]: line["result"] for line in json.loads(said.out)["lines"]}
    assert lines["leak"] == lines["check route"] == lines["row sender:kr:15881234"] == lines["policy"] == "PASS"
    none = held("evidence", "nobody", "--sign-with", keys[0])
    assert none.code == 1 and none.err.endswith("No decision on nobody is on the topic.\n")


def letters(held: Cluster, entity: str) -> int:
    return sum(1 for _ in read_to_end(held.connection, (entity,)))


def until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + _BOUND_S
    while not true():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.1)


def stopped(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=_BOUND_S)
