"""`dualblock reports` on a real Kafka: import twice, rejects, files of another shape, erasure, and the listener."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openpyxl import Workbook

from streams.cli.kafka import read_to_end
from streams.config import DEMO_KEYS
from streams.contracts.appeals import Outcome
from streams.contracts.reports import Report
from streams.engine.deliveries import partition_of
from streams.engine.pseudonym import Keys, person_key
from streams.intake.korean import COLUMNS
from tests.cli.tool import Cluster, cluster

ENTITIES = ("reports.keyed", "reports.halves", "reports.halves.dead", "outcomes")
ROW = ["1", "문자", "도박", "15881234", "", "", "2025-12-17 13:00:00", "2025-12-17 14:00:00", "당첨 500", "SMS", "", ""]


@pytest.fixture
def held(kafka: str, topics: str, tmp_path: Path) -> Cluster:
    made = cluster(kafka, topics, str(tmp_path / "state"), ENTITIES)
    return Cluster(made.connection, {**made.env, "DUALBLOCK_ALLOW_DEMO_KEYS": "true"})


def reports(held: Cluster) -> list[tuple[int, bytes | None, Report]]:
    found = read_to_end(held.connection, ("reports.keyed",))
    return [(r.partition, r.key, msgspec.json.decode(r.value or b"", type=Report)) for r in found]


def csv_file(path: Path, *rows: list[str]) -> str:
    lines = [",".join(f'"{cell}"' for cell in row) for row in ([*COLUMNS, "신고자"], *rows)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def test_a_file_imported_twice_has_the_same_ids(held: Cluster, tmp_path: Path) -> None:
    file = csv_file(tmp_path / "day.csv", [*ROW, "010-5550-9999"])
    for _ in range(2):
        said = held("reports", "import", file, "--format", "korea")
        assert (said.code, said.out) == (0, "day.csv: 1 reports imported.\n")
    (partition, key, first), (_, _, again) = reports(held)
    assert first.report_id == again.report_id
    assert key == person_key(Keys(*DEMO_KEYS), "821055509999").encode()
    assert partition == partition_of(key.decode(), _partitions(held))


def _partitions(held: Cluster) -> int:
    from streams.pipeline.topics import describe

    return describe(held.connection, ("reports.keyed",))["reports.keyed"][1]


def test_rows_that_are_no_reports_are_listed_and_the_others_taken(held: Cluster, tmp_path: Path) -> None:
    bad = [*ROW]
    bad[1] = "음성(녹음)"
    rejects = tmp_path / "rejects.ndjson"
    file = csv_file(tmp_path / "day.csv", [*ROW, ""], [*bad, ""], [*ROW, "", "one too many"])
    said = held("reports", "import", file, "--format", "korea", "--rejects", str(rejects), "--json")
    assert said.code == 1 and json.loads(said.out)["imported"] == 1
    found = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(r["row"], r["reason"]) for r in found] == [(3, "NOT_A_MESSAGE"), (4, "ROW_BROKEN")]


@pytest.mark.parametrize(
    ("name", "format", "content"),
    [("day.csv", "korea", b"a,b\n1,2\n"), ("day.xlsx", "korea", b"PK no workbook"), ("day.csv", "trai", b"")],
)
def test_a_file_of_another_shape_is_refused_whole(
    held: Cluster, tmp_path: Path, name: str, format: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    said = held("reports", "import", str(tmp_path / name), "--format", format)
    assert said.code == 2 and "\nerror: " in said.err and reports(held) == []


def test_a_workbook_and_lines_of_json(held: Cluster, tmp_path: Path) -> None:
    book, out = Workbook(), io.BytesIO()
    for row in (list(COLUMNS), ROW):
        book.active.append(row)  # type: ignore[union-attr]  # a new workbook has a sheet
    book.save(out)
    (tmp_path / "day.xlsx").write_bytes(out.getvalue())
    assert held("reports", "import", str(tmp_path / "day.xlsx"), "--format", "korea").code == 0
    halves = [{"id": "a", "reporter": "821055509999", "text": "win 500"},
              {"id": "b", "reporter": "821055509999", "text": "15881234"},
              {"id": "c", "reporter": "821055509999", "text": "and again"}]  # fmt: skip
    (tmp_path / "f.ndjson").write_text("\n".join(map(json.dumps, halves)))
    said = held("reports", "import", str(tmp_path / "f.ndjson"), "--format", "7726", "--rejects", str(tmp_path / "r"))
    assert said.code == 1 and "1 SECOND_HALF_MISSING" in said.err
    assert {r.report_id for _, _, r in reports(held)} >= {"7726-a"} and len(reports(held)) == 2


def test_an_erasure_is_written_under_the_reporters_pseudonym(held: Cluster) -> None:
    key = person_key(Keys(*DEMO_KEYS), "821055509999")
    said = held("reports", "erase", "--reporter", "010-5550-9999")
    assert said.code == 0 and key in said.out and "01055509999" not in said.out
    (record,) = read_to_end(held.connection, ("outcomes",))
    made = msgspec.json.decode(record.value or b"", type=Outcome)
    assert (record.key, made.reporter, made.erased) == (key.encode(), key, True)
    assert held("reports", "erase", "--reporter", " ").code == 2


class Listener:
    """`dualblock reports listen` as a process."""

    def __init__(self, held: Cluster, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "reports", "listen", "--port", str(port), "--max-body-bytes", "2048"],
            env={**os.environ, **held.env}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 60
        while self.get("/healthz") != 200:
            assert self.process.poll() is None and time.monotonic() < until
            time.sleep(0.1)

    def get(self, path: str) -> int:
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return int(answer.status)
        except OSError:
            return 0

    def post(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, raw), timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def stop(self, number: int) -> None:
        self.process.send_signal(number)
        self.process.wait(30)


@pytest.fixture
def listener(held: Cluster) -> Iterator[Listener]:
    made = Listener(held, _free_port())
    yield made
    made.process.kill()
    made.process.wait()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


FORM = {"id": "p1", "reporter": "821055509999", "sender": "15881234", "text": "win 500"}


def test_what_is_acknowledged_is_in_kafka_and_what_is_refused_is_not(held: Cluster, listener: Listener) -> None:
    assert listener.post("/v1/reports", FORM) == (202, {"report_id": "portal-p1"})
    status, said = listener.post("/v1/reports", {**FORM, "sneder": "x"})
    assert status == 400 and said["error"].startswith("NOT_A_FORM")
    assert listener.post("/v1/reports", b"x" * 4000)[0] == 413
    assert listener.post("/v1/arf", {"version": 1})[0] == 400
    listener.process.kill()  # no farewell: what was acknowledged is there all the same
    assert [r.report_id for _, _, r in reports(held)] == ["portal-p1"]


def test_a_half_survives_its_listener(held: Cluster, listener: Listener) -> None:
    text = {"id": "a", "reporter": "01055509999", "text": "Win 500 today"}
    status, said = listener.post("/v1/forwards", text)
    assert (status, said["said"]) == (202, "kept") and "number" in said["reply"]
    alone = {"id": "z", "reporter": "01055508888", "text": "15881234"}
    assert listener.post("/v1/forwards", alone)[1]["said"] == "alone"
    listener.stop(signal.SIGKILL)
    second = Listener(held, _free_port())
    try:
        answer = {"id": "b", "reporter": "+821055509999", "text": "010-5550-1111"}
        assert second.post("/v1/forwards", answer)[1] | {"reply": ""} == {
            "said": "reported", "reply": "", "report_id": "7726-a",
        }  # fmt: skip
        assert second.post("/v1/forwards", answer)[1]["said"] == "repeated"
    finally:
        second.stop(signal.SIGTERM)
    ((_, _, made),) = reports(held)
    assert (made.report_id, made.displayed_sender, made.text) == ("7726-a", "010-5550-1111", "Win 500 today")
    (dead,) = read_to_end(held.connection, ("reports.halves.dead",))
    assert json.loads(dead.value or b"")["id"] == "z"
