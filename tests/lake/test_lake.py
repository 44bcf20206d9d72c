"""A lake without Kafka: where rows go, what is hidden, what is kept of what can't be read, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams.contracts.reports import Report
from streams.engine.pseudonym import Keys, state_pseudonym
from streams.lake import hide as hiding
from streams.lake.columns import columns_of
from streams.lake.errors import LakeError
from streams.lake.hide import Hide
from streams.lake.manifest import Part, require
from streams.lake.merge import merge, plan
from streams.lake.rows import MAX_DAYS
from streams.lake.tables import TABLES
from tests.lake.kit import (
    DAY,
    EXAMPLES,
    KEYS,
    T,
    decision,
    example,
    fill,
    hide,
    lake,
    raw,
    records,
    report,
    rows,
)


def test_rows_lie_by_day_and_leg_and_files_say_their_offsets(tmp_path: Path) -> None:
    midnight = 1_765_983_600_000  # 2025-12-18 00:00 in Seoul, still the 17th in UTC
    with lake(tmp_path) as held:
        at = {1: midnight - 1, 2: midnight, 3: midnight}
        fill(held, records("decisions", [decision(n, event_time_ms=ms) for n, ms in at.items()], partition=3))
    assert sorted((row["path"], row["event_id"]) for row in rows(tmp_path, "decisions")) == [
        ("decisions/date=2025-12-17/leg=origination/p0003-000000000000-000000000003.parquet", "e1"),
        ("decisions/date=2025-12-18/leg=origination/p0003-000000000000-000000000003.parquet", "e3"),
        ("decisions/date=2025-12-18/leg=termination/p0003-000000000000-000000000003.parquet", "e2"),
    ]


def test_what_an_analyst_filters_on_is_a_column(tmp_path: Path) -> None:
    with lake(tmp_path) as held:
        fill(held, records("decisions", [raw(example("decisions"))]))
    (row,) = rows(tmp_path, "decisions")
    wanted = {
        "verdict": "BLOCK", "action": "REJECT", "won": "default", "leak": "NUMBER_TERMINATED", "event_time_ms": T,
        "sender_kind": "mobile",
        "sender_key": "~k1.3c59dc048e885024", "sender_registered": False, "route_relay_id": "relay-7",
        "versions_policy": "sha256:ba7816bf8f01cfea414140de5dae2223", "shadow_verdict": None,
        "observed_source": [3, 9101], "observed_decided_at_ms": T + 131, "partition": 0, "offset": 0,
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    assert [(r["code"], r["gate"], r["mode"]) for r in row["reasons"]] == [("NUMBER_TERMINATED", "forgery", "BLOCK")]
    assert json.loads(row["checks"][0]["evidence"]) == {"state": "terminated", "from_ms": 1765900000000}


@pytest.mark.parametrize("entity", TABLES)
def test_every_field_of_every_record_is_a_column(entity: str) -> None:
    """A new field of a contract is a column by itself; only the leg is a directory."""
    table = TABLES[entity]
    named = {column.name for column in table.columns}
    for field in table.type.__struct_fields__:
        found = field in named or any(name.startswith(f"{field}_") for name in named)
        assert found or field in ({"leg"} | hiding.LEFT_OUT), f"{field} of {entity} is not kept"


def test_a_record_keeps_its_own_bytes(tmp_path: Path) -> None:
    """Whatever a newer producer adds to a decision is there, before any column knows it."""
    value = raw(example("decisions", new_field={"of": ["tomorrow", 1]}))
    with lake(tmp_path) as held:
        fill(held, records("decisions", [value]))
    assert [row["json"].encode() for row in rows(tmp_path, "decisions")] == [value]


@pytest.mark.parametrize("entity", [entity for entity in TABLES if entity != "reports"])
def test_columns_hold_what_the_record_says(entity: str, tmp_path: Path) -> None:
    table = TABLES[entity]
    value = (EXAMPLES / f"{entity.removesuffix('.history')}.json").read_bytes().splitlines()[1].rstrip(b",")
    with lake(tmp_path) as held:
        fill(held, records(entity, [value]))
    (row,) = rows(tmp_path, table.name)
    record = msgspec.json.decode(value, type=table.type)
    given = {f: getattr(record, f) for f in record.__struct_fields__ if f != "leg"}
    for name, want in given.items():
        if isinstance(want, msgspec.Struct) and name not in row:
            held_parts = {part: row[f"{name}_{part}"] for part in want.__struct_fields__}
            assert _plain(held_parts) == _plain(want), name
        else:
            assert _plain(row.get(name)) == _plain(want), name


def _plain(value: Any) -> Any:
    """Without what is empty, and maps as text: how a column may differ from the record's JSON."""
    if isinstance(value, str) and value.startswith("{"):
        value = json.loads(value)
    if isinstance(value, msgspec.Struct):
        value = {field: getattr(value, field) for field in value.__struct_fields__}
    if isinstance(value, dict):
        return {k: plain for k, v in value.items() if (plain := _plain(v)) not in (None, [], {}, "")}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


class Inner(msgspec.Struct):
    c: int


class Twice(msgspec.Struct):
    b: Inner
    b_c: int


def test_two_fields_of_one_name_are_refused() -> None:
    with pytest.raises(TypeError, match="b_c"):
        columns_of(Twice)


def test_a_report_s_people_and_text_are_hidden(tmp_path: Path) -> None:
    given = report(
        1, displayed_sender="010-5550-1111", origin_number="+82 70-5550-2222", text="Call 01055503333, Minsu!",
        route={"relay_id": "relay-7", "peer_ip": "203.0.113.9"}, surprise="01055504444",
    )  # fmt: skip
    with lake(tmp_path) as held:
        fill(held, records("reports", [given, report(2, displayed_sender="1588-1234", reporter="010 7770 0001")]))
    one, two = rows(tmp_path, "reports")
    assert one["displayed_sender"] == state_pseudonym(KEYS, "kr:01055501111")
    assert one["origin_number"] == state_pseudonym(KEYS, "kr:07055502222")
    assert one["reporter"] == two["reporter"] == state_pseudonym(KEYS, "kr:01077700001")
    assert (two["displayed_sender"], two["sender_kind"]) == ("kr:15881234", "representative")
    assert one["fingerprint"] and one["text"] is None and one["route_relay_id"] == "relay-7"
    held_bytes = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    shown = held_bytes.decode("latin-1") + json.dumps([one, two])
    for secret in ("5550-1111", "01055501111", "5503333", "Minsu", "203.0.113.9", "5504444", "777000", "5550-2222"):
        assert secret not in shown


@pytest.mark.parametrize("address", ["O1O-5550-1111 Kim 01055501111", "#01055501111", "ab1-0-5-5-5-0-1"])
def test_a_number_dressed_as_a_name_is_hidden(address: str) -> None:
    hidden = hide().report(msgspec.json.decode(report(1, displayed_sender=address), type=Report))
    assert hidden.displayed_sender.startswith("~")


def test_every_field_of_a_report_was_thought_about() -> None:
    """A new field of a report stays out of the lake until it stands in one of the three lists of hide.py."""
    assert frozenset(Report.__struct_fields__) == hiding.CLEAR | hiding.CHANGED | hiding.LEFT_OUT


def test_what_can_t_be_read_is_kept_with_its_error(tmp_path: Path) -> None:
    values = [b'{"half', raw({"leg": "sideways"}), None, b'{"event_id": "\xff"}', decision(1)]
    huge = raw(example("decisions", observed={"decided_at_ms": 1, "gate": "g", "source": [1, 1 << 70]}))
    with lake(tmp_path) as held:
        fill(held, [*records("decisions", [*values, huge])])
    bad = rows(tmp_path, "unreadable")
    assert [(r["offset"], r["error"].partition(":")[0], r["value"]) for r in bad] == [
        (0, "NOT_JSON", values[0]), (1, "NOT_A_RECORD", values[1]), (2, "EMPTY", None), (3, "NOT_UTF8", values[3]),
        (5, "NO_COLUMN", huge),
    ]  # fmt: skip
    assert [r["offset"] for r in rows(tmp_path, "decisions")] == [4]
    assert bad[0]["path"].startswith("unreadable/entity=decisions/date=2025-12-17/")


def test_of_a_report_that_can_t_be_read_nothing_is_shown(tmp_path: Path) -> None:
    value = report(1, leg="01055501111", channel="010 5550 1111")
    with lake(tmp_path) as held:
        fill(held, records("reports", [value]))
    (bad,) = rows(tmp_path, "unreadable")
    assert (bad["offset"], bad["value"], bad["size_bytes"], len(bad["digest"])) == (0, None, len(value), 20)
    assert "0105" not in bad["error"] and "5550" not in bad["error"] and bad["error"].startswith("NOT_A_RECORD: `$.")


def test_a_broken_clock_makes_no_million_directories(tmp_path: Path) -> None:
    values = [decision(2 * i, event_time_ms=T + i * DAY) for i in range(MAX_DAYS + 5)]
    with lake(tmp_path) as held:
        fill(held, records("decisions", [*values, decision(2, event_time_ms=2**53)]))
    folders = {row["path"].split("/")[1] for row in rows(tmp_path, "decisions")}
    assert len(folders) == MAX_DAYS + 1 and "date=__HIVE_DEFAULT_PARTITION__" in folders
    assert len(rows(tmp_path, "decisions")) == MAX_DAYS + 6


def test_a_record_comes_once(tmp_path: Path) -> None:
    with lake(tmp_path) as held:
        fill(held, records("decisions", [decision(1), decision(2)]))
        for again in ([1], [2, 2], [3, 2], [9]):
            with pytest.raises(LakeError, match="does not follow"):
                held.commit(
                    [r for at in again for r in records("decisions", [decision(3)], first=at)], {("decisions", 0): 5}
                )
        held.commit(records("decisions", [decision(3)], first=4), {("decisions", 0): 7})
    assert [row["offset"] for row in rows(tmp_path, "decisions", named=False)] in ([0, 1, 4], [0, 4, 1])
    span = require(tmp_path).places["decisions"].spans[0]
    assert (span.first, span.next, span.rows) == (0, 7, 3)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another zone": ({"zone": "UTC"}, "are those of Asia/Seoul, not of UTC"),
    "another prefix": ({"prefix": "other."}, r"holds the topics test\.\*, not other"),
    "another state key": ({"hide": Hide(Keys("k", b"p" * 32, b"s" * 32), hide()._grammar)}, "two pseudonyms"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_lake_goes_on_as_it_began(name: str, tmp_path: Path) -> None:
    lake(tmp_path).close()
    more, said = REFUSED[name]
    with pytest.raises(LakeError, match=said):
        lake(tmp_path, **more)
    lake(tmp_path).close()


def test_a_lake_has_one_writer(tmp_path: Path) -> None:
    with lake(tmp_path), pytest.raises(LakeError, match="one writer"):
        lake(tmp_path)
    lake(tmp_path).close()


def test_a_directory_with_other_things_is_no_lake(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(LakeError, match="holds other files"):
        lake(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", '{"zone": "UTC", "key_check": "", "prefix": "", "format": 2}'])
def test_a_manifest_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    lake(tmp_path).close()
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(LakeError, match="manifest"):
        lake(tmp_path)


def test_a_topic_made_anew_is_refused(tmp_path: Path) -> None:
    with lake(tmp_path) as held:
        held.begin("decisions", "one", {0: 0})
        with pytest.raises(LakeError, match="made anew"):
            held.begin("decisions", "two", {0: 0})


def test_a_gap_is_accepted_by_a_person_and_written_down(tmp_path: Path) -> None:
    with lake(tmp_path) as held:
        fill(held, records("decisions", [decision(1), decision(2)]))
        with pytest.raises(LakeError, match=r"deleted records of decisions .*0/2–6"):
            held.begin("decisions", "id-decisions", {0: 7})
        held.begin("decisions", "id-decisions", {0: 7}, accept_gaps=True)
    (gap,) = require(tmp_path).gaps
    assert (gap.entity, gap.partition, gap.first, gap.next) == ("decisions", 0, 2, 7)


def test_a_sweep_takes_only_what_a_crash_could_have_left(tmp_path: Path) -> None:
    with lake(tmp_path) as held:
        fill(held, records("decisions", [decision(1)]))
    (row,) = rows(tmp_path, "decisions")
    orphan = tmp_path / row["path"].replace("000000000001.parquet", "000000000009.parquet")
    orphan.write_bytes(b"torn")
    theirs = orphan.with_name("notes.parquet")
    theirs.write_bytes(b"an analyst's")
    (tmp_path / "_new" / "x.parquet").write_bytes(b"torn")
    lake(tmp_path).close()
    assert (orphan.exists(), theirs.exists(), os.listdir(tmp_path / "_new")) == (False, True, [])
    assert rows(tmp_path, "decisions") == [row]


def part(number: int, size: int = 10, folder: str = "d") -> Part:
    return Part(f"{folder}/f{number}", "decisions", "decisions", 0, number, number + 1, 1, size)


def test_neighbours_are_merged_and_large_files_left_alone() -> None:
    small = [part(n) for n in range(5)]
    assert plan(small, 5) == [small]
    assert plan(small, 6) == []
    assert plan([*small[:2], part(2, size=100), *small[3:]], 2, full_bytes=100) == [small[:2], small[3:]]
    assert [len(g) for g in plan([part(n, size=40) for n in range(6)], 2, full_bytes=100)] == [3, 3]
    assert plan([part(0), part(1, folder="e")], 2) == []


def test_merging_keeps_every_row_once(tmp_path: Path) -> None:
    now = T
    with lake(tmp_path, clock_ms=lambda: now) as held:
        held.begin("decisions", "id", {0: 0})
        for number in range(12):
            held.commit(records("decisions", [decision(1), b"x"], first=2 * number), {("decisions", 0): 2 * number + 2})
        before = rows(tmp_path, "decisions"), rows(tmp_path, "unreadable")
        assert merge(held, merge_at=4) == 24
        after = rows(tmp_path, "decisions"), rows(tmp_path, "unreadable")
        for old, new in zip(before, after, strict=True):
            assert [{**row, "path": ""} for row in old] == [{**row, "path": ""} for row in new]
        assert {r["path"].rpartition("/")[2] for t in after for r in t} == {"p0000-000000000000-000000000024.parquet"}
        assert len(rows(tmp_path, "decisions", named=False)) == 24, "readers of the old manifest find its files"
        now += 3_600_001
        assert merge(held, merge_at=4) == 0
        assert len(rows(tmp_path, "decisions", named=False)) == 12


def test_a_file_of_an_earlier_version_is_merged_with_nulls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with lake(tmp_path) as held:
        fill(held, records("findings", [raw(example("findings"))]))
        old = tmp_path / require(tmp_path).parts[0].path
        with pq.ParquetFile(old) as file:
            table = file.read()
        pq.write_table(table.drop_columns(["share_permille"]).append_column("gone", pa.array([1])), old)
        held.commit(records("findings", [raw(example("findings"))], first=1), {("findings", 0): 2})
        assert merge(held, merge_at=2) == 2
    assert [row["share_permille"] for row in rows(tmp_path, "findings")] == [None, 1000]
