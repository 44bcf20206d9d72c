"""`dualblock lake` on a real Kafka, and what it says when it can't."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest

from streams.lake.cells import to_csv
from streams.lake.views import Answer
from tests.cli.tool import cluster, dualblock
from tests.lake.kit import decision, example, fill, lake, raw, records, report, rows
from tests.pipeline.toy import produce

TOPICS = ("decisions", "reports", "votes", "findings", "sanctions.history", "appeals", "notices", "policy.history")


def test_a_lake_is_written_checked_and_written_on(kafka: str, topics: str, tmp_path: Path) -> None:
    made = cluster(kafka, topics, str(tmp_path / "state"), TOPICS)
    made.env["DUALBLOCK_ALLOW_DEMO_KEYS"] = "true"
    given = {
        "decisions": [decision(n) for n in range(10)], "reports": [report(1), b"{"],
        "votes": [raw(example("votes"))], "findings": [raw(example("findings"))],
        "sanctions.history": [raw(example("sanctions"))], "policy.history": [raw(example("policy"))],
    }  # fmt: skip
    for entity, values in given.items():
        produce(kafka, made.connection.topic(entity), [(0, "k", value) for value in values])
    where = ("--lake", str(tmp_path / "lake"))
    said = made("lake", "write", *where)
    assert said.code == 0, said.err
    assert "decisions: 10 rows\n" in said.out and "16 rows added;" in said.out
    assert "1 records can't be read: `dualblock lake sql 'FROM unreadable'` shows them." in said.err
    produce(kafka, made.connection.topic("decisions"), [(1, "k", decision(10))])
    said = made("lake", "write", *where)
    assert said.out.startswith("decisions: 1 rows\n1 rows added;")
    said = made("lake", "check", *where)
    assert (said.code, said.out.startswith("Whole: 17 rows in")) == (0, True)
    assert len(rows(tmp_path / "lake", "decisions")) == 11
    wrong = made("lake", "write", *where, "--jurisdiction", "generic")
    assert wrong.code == 2 and "are those of Asia/Seoul, not of UTC" in wrong.err


def test_a_lake_that_lost_a_file_is_not_whole(tmp_path: Path) -> None:
    with lake(tmp_path) as held:
        fill(held, records("decisions", [decision(1), decision(2)]))
    (tmp_path / rows(tmp_path, "decisions")[0]["path"]).unlink()
    said = dualblock("lake", "check", "--lake", str(tmp_path))
    assert said.code == 1
    assert "is missing or can't be read." in said.out and "decisions/0 has 1 rows, and 2 were committed." in said.out
    assert said.err.startswith("2 faults in")


def test_no_lake_is_said(tmp_path: Path) -> None:
    said = dualblock("lake", "check", "--lake", str(tmp_path))
    assert (said.code, "is no lake" in said.err, len(said.err.splitlines())) == (2, True, 1)


@pytest.mark.parametrize("words", [("write",), ("check",), ("ask", "blocks"), ("sql", "SELECT 1"), ("questions",)])
def test_what_must_be_installed_is_said(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    said = dualblock("lake", *words)
    assert (said.code, said.err) == (
        2, "error: The lake needs pyarrow, which is not installed: pip install 'dualblock[lake]'.\n",
    )  # fmt: skip


@pytest.fixture
def filled(tmp_path: Path) -> str:
    """A lake of ten decisions and one that can't be read."""
    with lake(tmp_path) as held:
        fill(held, records("decisions", [*(decision(n) for n in range(10)), b"=1+1"]))
    return str(tmp_path)


def test_a_question_is_answered_as_table_csv_and_json(filled: str) -> None:
    said = dualblock("lake", "ask", "blocks", "--lake", filled, "--csv")
    assert (said.code, said.err) == (0, "")
    header, *lines = list(csv.reader(io.StringIO(said.out)))
    assert header == ["date", "leg", "reason", "gate", "messages"]
    assert ["2025-12-17", "origination", "NUMBER_TERMINATED", "forgery", "4"] in lines
    found = json.loads(dualblock("lake", "ask", "blocks", "--lake", filled, "--json").out)
    assert [[str(row[name]) for name in header] for row in found] == lines
    assert "NUMBER_TERMINATED" in dualblock("lake", "ask", "blocks", "--lake", filled).out
    day = ("--from", "2025-12-18T00:00+09:00")
    assert len(json.loads(dualblock("lake", "ask", "blocks", "--lake", filled, "--json", *day).out)) == 2


def test_the_questions_are_listed() -> None:
    said = dualblock("lake", "questions")
    assert said.code == 0 and len(said.out.splitlines()) == 10
    assert "inforce     Which sanctions were in force at a time? (--at)" in said.out
    assert len(json.loads(dualblock("lake", "questions", "--json").out)) == 10


def test_sql_reads_every_table(filled: str) -> None:
    said = dualblock(
        "lake", "sql", "SELECT verdict, count(*) AS n FROM decisions GROUP BY 1", "--lake", filled, "--json"
    )
    assert json.loads(said.out) == [{"verdict": "BLOCK", "n": 10}]
    said = dualblock("lake", "sql", "SELECT entity, value, error FROM unreadable", "--lake", filled, "--json")
    assert json.loads(said.out)[0]["value"] == "=1+1"
    assert dualblock("lake", "sql", "SELECT * FROM decisions LIMIT 1", "--lake", filled).code == 0


SQL_REFUSED = {
    "a wrong column": ("SELECT nosuch FROM decisions", "The query can't be answered: Binder Error"),
    "no SQL": ("SELEC 1", "The query can't be answered: Parser Error"),
    "another file": ("FROM read_csv('/etc/hostname')", "Cannot access file"),
    "writing": ("COPY decisions TO 'x.csv'", "One query that only reads"),
    "two at once": ("SELECT 1; SELECT 2", "One query that only reads"),
    "nothing": ("", "One query that only reads"),
    "a setting": ("SET threads = 1", "One query that only reads"),
}


@pytest.mark.parametrize("name", SQL_REFUSED)
def test_sql_that_does_not_only_read_is_refused(name: str, filled: str) -> None:
    query, sentence = SQL_REFUSED[name]
    said = dualblock("lake", "sql", query, "--lake", filled)
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert sentence in said.err


def test_two_forms_at_once_are_refused(filled: str) -> None:
    assert dualblock("lake", "ask", "blocks", "--lake", filled, "--csv", "--json").code == 2


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"]


def test_no_cell_is_a_formula() -> None:
    """What a spreadsheet would compute stands behind an apostrophe; a number stays a number."""
    answer = Answer(("=name", "b"), [(text, -5) for text in FORMULAS] + [("a=b, c", None), (["-x"], True)])
    header, *lines = list(csv.reader(io.StringIO(to_csv(answer), newline="")))
    assert header == ["'=name", "b"]
    assert lines == [*([f"'{text}", "-5"] for text in FORMULAS), ["a=b, c", ""], ['["-x"]', "True"]]
