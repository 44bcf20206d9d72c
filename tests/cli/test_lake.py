"""`dualblock lake` on a real Kafka, and what it says when it can't."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.tool import cluster, dualblock
from tests.lake.kit import decision, example, raw, report, rows
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
    from tests.lake.kit import fill, lake, records

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


@pytest.mark.parametrize("words", [("write",), ("check",)])
def test_what_must_be_installed_is_said(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    said = dualblock("lake", *words)
    assert (said.code, said.err) == (
        2, "error: The lake needs pyarrow, which is not installed: pip install 'dualblock[lake]'.\n",
    )  # fmt: skip
