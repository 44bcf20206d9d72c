"""`registry import` on a real Kafka: what arrives, what is refused, and an import that is killed half-way."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.cli.kafka import Letter, read_to_end
from streams.contracts.feeds import Heartbeat, Manifest
from streams.contracts.registry import BlockRow, BlockStates, SenderRow
from tests.cli.tool import Cluster, cluster

ROOT = Path(__file__).parents[2]


@pytest.fixture
def held(kafka: str, topics: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.chdir(tmp_path)
    return cluster(kafka, topics, str(tmp_path / "state"), ("feeds", "registry", "policy", "reports"))


def senders(path: str, count: int, owner: str = "org:1") -> str:
    rows = "".join(f"sender,1588-{n:04d},{owner},exclusive,relay-7\n" for n in range(count))
    Path(path).write_text("kind,key,owner,routes.mode,routes.relays\n" + rows)
    return path


def words(file: str, generation: str, *more: str) -> tuple[str, ...]:
    return (
        "registry", "import", file, "--feed", "kr-sender-registry", "--generation", generation,
        "--complete-for", "kr:sender", *more,
    )  # fmt: skip


def fed(held: Cluster) -> list[Letter]:
    return list(read_to_end(held.connection, ("feeds",)))


def test_rows_then_heartbeats_then_manifests_in_every_partition(held: Cluster) -> None:
    said = held(*words(senders("s.csv", 40), "2025-12-17", "--as-of", "2025-12-17T00:00+09:00", "--fresh-for", "2h"))
    assert (said.code, said.out) == (
        0,
        "kr-sender-registry 2025-12-17: 40 rows, 0 ended, counting from 2025-12-16T15:00:00Z, fresh until "
        "2025-12-16T17:00:00Z.\n",
    )
    letters = fed(held)
    for partition in (0, 1):
        keys = [(letter.key or b"").decode() for letter in letters if letter.partition == partition]
        assert keys[-2:] == ["~feed:kr-sender-registry", "~manifest:2025-12-17-kr-sender-registry"]
        assert len(keys) > 5 and all(key.startswith("sender:kr:1588") for key in keys[:-2])
    marks = [letter.value or b"" for letter in letters if (letter.key or b"").startswith(b"~manifest")]
    manifests = [msgspec.json.decode(value, type=Manifest) for value in marks]
    assert {(m.partition, m.partitions) for m in manifests} == {(0, 2), (1, 2)}
    assert sum(m.rows for m in manifests) == 40
    beat = next(letter.value or b"" for letter in letters if (letter.key or b"").startswith(b"~feed"))
    assert msgspec.json.decode(beat, type=Heartbeat).complete_for == ("kr:sender",)


def test_keys_lie_where_every_producer_of_the_project_puts_them(held: Cluster) -> None:
    """The partition is computed here and named; a row's registrar, and its next change, must find it there."""
    assert held(*words(senders("s.csv", 40), "g1")).code == 0
    producer = Producer({**held.connection.base(), "partitioner": "murmur2_random"})
    placed: dict[bytes, int] = {}
    for letter in fed(held):
        if not (letter.key or b"").startswith(b"~"):
            producer.produce(
                held.connection.topic("reports"), b"", letter.key,
                on_delivery=lambda _, m: placed.update({m.key(): m.partition()}),
            )  # fmt: skip
    producer.flush(30)
    assert len(placed) == 40
    assert {letter.key: letter.partition for letter in fed(held) if letter.key in placed} == placed


def test_a_broken_row_stops_everything_before_the_first_record(held: Cluster) -> None:
    file = senders("s.csv", 3)
    Path(file).write_text(Path(file).read_text() + "sender,hello world,org:1,strict,\n")
    said = held(*words(file, "g1"))
    assert said.code == 2
    assert "1 rows can't be taken, the first in s.csv, row 5 (NOT_A_ROW: " in said.err
    assert "nothing was published. All are in rejects-g1.ndjson" in said.err
    (reject,) = [json.loads(line) for line in Path("rejects-g1.ndjson").read_text().splitlines()]
    assert (reject["file"], reject["row"], reject["text"]) == ("s.csv", 5, "sender,hello world,org:1,strict,")
    assert fed(held) == []
    forced = held(*words(file, "g1", "--force"))
    assert forced.code == 0 and "3 rows" in forced.out


def test_a_vanishing_sender_and_a_shrink_are_refused_unless_forced(held: Cluster) -> None:
    assert held(*words(senders("s.csv", 10), "g1")).code == 0
    held.settle()
    vanish = held(*words(senders("s.csv", 9), "g2"))
    assert vanish.code == 2 and "1 registered senders would vanish" in vanish.err
    shrink = held(*words(senders("s.csv", 7), "g2"))
    assert shrink.code == 2 and "would shrink by 30 % (10 to 7 rows)" in shrink.err
    assert not [letter for letter in fed(held) if b"g2" in (letter.key or b"")]
    forced = held(*words(senders("s.csv", 7), "g2", "--force"))
    assert (forced.code, "7 rows, 3 ended" in forced.out) == (0, True)
    row = held.settle()["sender:kr:15880009"]
    assert isinstance(row, SenderRow) and row.timeline[-1].to_ms is not None


def test_only_a_sender_seen_in_the_last_day_holds_an_import_up(held: Cluster) -> None:
    admin = AdminClient(held.connection.base())
    for made in admin.create_topics([NewTopic(held.connection.topic(e), 2) for e in ("decisions", "pairs")]).values():
        made.result(30)
    assert held(*words(senders("s.csv", 10), "g1")).code == 0
    held.settle()

    def tell(entity: str, value: dict[str, object]) -> None:
        producer = Producer(held.connection.base())
        producer.produce(held.connection.topic(entity), json.dumps(value).encode())
        assert producer.flush(30) == 0

    nobody = held(*words(senders("s.csv", 9), "g2"))
    assert nobody.code == 2 and "1 registered senders would vanish" in nobody.err, "no traffic: no telling"
    tell("decisions", {"sender": {"key": "kr:15880008", "registered": True}})
    tell("pairs", {"subject": "pair:sender:kr:15880009>relay-7", "passed": 1})
    for source, code in (("none", 2), ("pairs", 2), ("decisions", 0)):
        said = held(*words(senders("s.csv", 9), "g2", "--seen-from", source))
        assert said.code == code, (source, said.err)
    assert "warning: 1 registered senders without traffic in the last day vanish" in said.err
    held.settle()
    seen = held(*words(senders("s.csv", 8), "g3"))
    assert seen.code == 2 and "would vanish from the register and be blocked (sender:kr:15880008)" in seen.err


def test_a_generation_is_not_begun_twice_with_other_rows(held: Cluster) -> None:
    assert held(*words(senders("s.csv", 5), "g1")).code == 0
    said = held(*words(senders("s.csv", 6), "g1"))
    assert said.code == 2 and "was begun with other rows: give these another --generation." in said.err
    said = held(*words(senders("s.csv", 5), "g1", "--as-of", "2025-12-17T00:00Z"))
    assert said.code == 2 and "leave --as-of out" in said.err


KILLED = """
import os, signal, sys
from streams.cli.imports import publish
send = publish._Feeds.send
def counted(self, key, value, partition):
    if self.count == int(os.environ["KILL_AFTER"]):
        self._producer.flush(30)
        os.kill(os.getpid(), signal.SIGKILL)
    send(self, key, value, partition)
publish._Feeds.send = counted
sys.argv = ["dualblock", *sys.argv[1:]]
from streams.cli.main import main
main()
"""


#: 100 rows, then a heartbeat and a manifest in each of two partitions.
@pytest.mark.parametrize(
    ("after", "settled"), [(60, False), (60, True), (103, False)],
    ids=["half-way", "half-way, taken by the registrar", "before the last manifest"],
)  # fmt: skip
def test_an_import_that_was_killed_leaves_exactly_its_rows(after: int, settled: bool, held: Cluster) -> None:
    assert held(*words(senders("old.csv", 100, "org:1"), "g1")).code == 0
    held.settle()
    file = senders("new.csv", 100, "org:2")
    env = {**held.env, "KILL_AFTER": str(after), "PYTHONPATH": str(ROOT)}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *words(file, "g2")], env=env, capture_output=True, timeout=60, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    if settled:
        held.settle()
    resumed = held(*words(file, "g2"))
    assert resumed.code == 0, resumed.err
    rows = held.settle()
    manifests = [v for v in rows.values() if isinstance(v, Manifest) and v.generation.startswith("g2")]
    for n in range(100):
        row = rows[f"sender:kr:1588{n:04d}"]
        assert isinstance(row, SenderRow)
        assert [(e.version, e.owner) for e in row.timeline] == [(1, "org:1"), (2, "org:2")]
        assert row.timeline[1].from_ms == manifests[0].from_ms
    sent = [v.value or b"" for v in fed(held) if b"~manifest:g2" in (v.key or b"")]
    parts = {(m.partition, m.rows, m.sha256) for m in (msgspec.json.decode(value, type=Manifest) for value in sent)}
    assert len(parts) == 2, "before and after the kill, the manifests say the same"
    assert sum(rows for _, rows, _ in parts) == 100


def test_a_finished_import_may_be_run_again(held: Cluster) -> None:
    file = senders("s.csv", 20)
    assert held(*words(file, "g1")).code == 0
    before = held.settle()
    assert held(*words(file, "g1")).code == 0
    assert held.settle() == before


def test_numbers_are_imported_and_looked_up(held: Cluster) -> None:
    Path("n.csv").write_text("number,status\n+821055501111,active\n+821055501112,suspended\n")
    said = held(
        "registry", "import", "n.csv", "--numbers", "--feed", "kr-number-status", "--generation", "g1",
        "--complete-for", "kr:mobile",
    )  # fmt: skip
    assert (said.code, "1 rows" in said.out) == (0, True), said.err
    held.settle()
    got = held("registry", "get", "number:+821055501112")
    assert (got.code, "block:+82105550 says suspended (generation g1" in got.out) == (0, True)
    assert json.loads(held("registry", "get", "block:+82105550").out)["key"] == "block:+82105550"
    assert json.loads(held("registry", "get", "~feed:kr-number-status").out.split("\n}\n")[0] + "}")["feed"]
    missing = held("registry", "get", "sender:kr:15881234")
    assert (missing.code, missing.err) == (1, "The registry holds nothing under sender:kr:15881234.\n")


def test_a_damaged_record_is_named_with_its_bytes(held: Cluster) -> None:
    states = BlockStates(generation="g1", as_of_ms=1, states="!")
    block = BlockRow(key="block:+82105550", current=states)
    for key, value in (("block:+82105550", msgspec.json.encode(block)), ("sender:kr:15881234", b"{")):
        producer = Producer(held.connection.base())
        producer.produce(held.connection.topic("registry"), value, key)
        assert producer.flush(30) == 0
    for asked, name, raw in (
        ("number:+821055501112", "block:+82105550", '"states":"!"'), ("sender:kr:15881234",) * 2 + ("b'{'",),
    ):  # fmt: skip
        got = held("registry", "get", asked)
        assert (got.code, f"under {name} can't be read" in got.err, raw in got.err) == (1, True, True), got.err


REFUSED = {
    ("nowhere.csv",): "nowhere.csv is not a file",
    ("-",): "name files, not standard input",
    ("s.csv", "--complete-for", "kr:mobile"): "does not trust kr-sender-registry for kr:mobile, only for kr:sender",
    ("s.csv", "--fresh-for", "soon"): "'soon' is no length of time: write 90s, 10m, 1h or 2d.",
    ("s.csv", "--as-of", "today"): "'today' is no time",
    ("empty.csv",): "The files hold no row",
    ("bare.csv",): "bare.csv has no column kind and no column key",
    ("s.csv", "--numbers"): "s.csv has no column number and no column status",
}


def test_what_cannot_be_imported_is_refused_with_a_sentence(held: Cluster) -> None:
    senders("s.csv", 1)
    Path("empty.csv").write_text("kind,key\n")
    Path("bare.csv").write_text("hello\n")
    for given, sentence in REFUSED.items():
        said = held("registry", "import", *given, "--feed", "kr-sender-registry", "--generation", "g1")
        assert (said.code, sentence in said.err) == (2, True), (given, said)
        assert len([line for line in said.err.splitlines() if line.startswith("error: ")]) == 1
    assert fed(held) == []
