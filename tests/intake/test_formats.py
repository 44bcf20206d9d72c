"""Each format: a row as its source writes it, the report that comes of it, and what is refused with a reason."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import msgspec
import pytest
from openpyxl import Workbook

from streams.contracts.reports import Report
from streams.errors import InputError
from streams.intake import arf, korean, portal, tables, trai
from streams.intake.base import Intake, RowRefused
from streams.intake.categories import CATEGORIES, FEEDBACK, KOREAN

NOW = 1_765_960_000_000
T = 1_765_944_000_000  # 2025-12-17 13:00 in Seoul
ROW: dict[str, object] = {
    "seq": "77120", "신고유형": "문자", "스팸유형": "도박", "회신번호": "010-5550-1111", "원발신번호": "07055502222",
    "중계사": "어느중계", "수신시간": "2025-12-17 13:00:00", "신고시간": "20251217140000", "메시지": "당첨 500",
    "메시지 타입": "SMS", "저장시간": "2025-12-17 14:01:00", "파일이름": "20251217.xlsx",
}  # fmt: skip


def kr(**over: object) -> Report:
    return korean.report_of(ROW | over, Intake("kisa", NOW, {"어느중계": "relay-7"}))


def test_a_row_of_the_korean_feed() -> None:
    made = kr()
    assert made.report_id.startswith("kisa-77120-") and len(made.report_id) == len("kisa-77120-") + 8
    assert (made.message_at_ms, made.reported_at_ms, made.ingested_at_ms) == (T, T + 3_600_000, NOW)
    assert (made.displayed_sender, made.origin_number) == ("010-5550-1111", "07055502222")
    assert (made.route.relay_id, made.category, made.report_type, made.channel) == ("relay-7", "gambling", "sms", "mt")
    assert (made.text, made.source) == ("당첨 500", "kisa")
    assert made.reporter == made.report_id, "the feed doesn't say who: one person, whom nothing is known about"


def test_the_same_row_has_the_same_id_whenever_it_is_read() -> None:
    again = korean.report_of(ROW, Intake("kisa", NOW + 5))
    assert again.report_id == kr().report_id
    assert kr(메시지="당첨 501").report_id != kr().report_id, "a seq that begins anew in another file"


@pytest.mark.parametrize(
    ("over", "field", "value"),
    [
        ({"스팸유형": "비스팸"}, "category", "not_spam"),
        ({"스팸유형": " 비 스팸 "}, "category", "not_spam"),
        ({"스팸유형": "새로운유형"}, "category", "other"),
        ({"신고유형": "RCS"}, "channel", "rcs"),
        ({"메시지 타입": "rcs"}, "channel", "rcs"),
        ({"신고자": 1055509999}, "reporter", "01055509999"),
        ({"신고자": "010-5550-9999"}, "reporter", "010-5550-9999"),
        ({"회신번호": 15881234}, "displayed_sender", "15881234"),
        ({"회신번호": 1055501111.0}, "displayed_sender", "01055501111"),
        ({"원발신번호": None}, "origin_number", None),
        ({"중계사": "모르는곳"}, "route.relay_id", None),
        ({"수신시간": datetime(2025, 12, 17, 13)}, "message_at_ms", T),
        ({"수신시간": "2025-12-17T04:00:00+00:00"}, "message_at_ms", T),
        ({"메시지": None}, "text", None),
        ({"메시지": "x" * 200_000}, "text", "x" * 100_000),
    ],
)
def test_cells_as_they_are_met(over: dict[str, object], field: str, value: object) -> None:
    made: Any = kr(**over)
    for part in field.split("."):
        made = getattr(made, part)
    assert made == value


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"신고유형": "음성(녹음)"}, "NOT_A_MESSAGE"),
        ({"seq": ""}, "FIELD_MISSING"),
        ({"회신번호": None}, "FIELD_MISSING"),
        ({"수신시간": "어제"}, "TIME_UNREADABLE"),
        ({"수신시간": "1899-12-31 00:00:00"}, "TIME_UNREADABLE"),
        ({"신고시간": None}, "FIELD_MISSING"),
    ],
)
def test_what_is_no_report_is_refused_with_a_reason(over: dict[str, object], reason: str) -> None:
    with pytest.raises(RowRefused) as refused:
        kr(**over)
    assert refused.value.reason == reason and refused.value.detail


def test_categories_are_a_closed_set() -> None:
    assert {*KOREAN.values(), *FEEDBACK.values()} <= set(CATEGORIES)


FORM: dict[str, object] = {
    "complainant": "9195550123", "sender": "VM-BANKXX", "date": "17/12/2025", "text": "loan approved", "id": "C1",
}  # fmt: skip


def india(**over: object) -> Report:
    return trai.report_of(FORM | over, Intake("trai", T + 40 * 3_600_000))


def test_an_indian_complaint_names_the_day_only() -> None:
    made = india()
    assert made.report_id == "trai-C1"
    day_ms = 1_765_909_800_000  # 2025-12-17T00:00+05:30
    assert (made.message_from_ms, made.message_at_ms) == (day_ms, day_ms + 86_399_999)
    assert (made.reporter, made.displayed_sender, made.text) == ("9195550123", "VM-BANKXX", "loan approved")


def test_an_indian_complaint_with_the_hour() -> None:
    made = india(time="14:30", complained_at="17/12/2025 18:00", id=None)
    assert (made.message_from_ms, made.message_at_ms) == (None, 1_765_909_800_000 + 14 * 3_600_000 + 1_800_000)
    assert made.reported_at_ms == 1_765_909_800_000 + 18 * 3_600_000
    assert made.report_id == india(time="14:30", complained_at="17/12/2025 18:00", id="").report_id


@pytest.mark.parametrize("field", ["complainant", "sender", "date", "text"])
def test_a_complaint_is_valid_with_four_fields(field: str) -> None:
    with pytest.raises(RowRefused):
        india(**{field: " "})


ARF: dict[str, object] = {
    "Feedback-Type": "abuse", "User-Agent": "portal/1", "Version": "1", "Original-Mail-From": "15881234",
    "Original_Rcpt_To": "821055509999", "Arrival-Date": "Wed, 17 Dec 2025 13:00:00 +0900", "Source-IP": "192.0.2.1",
    "Original-Envelope-Id": "smsc1-1", "Original-Message": "win 500",
}  # fmt: skip


def feedback(**over: object) -> Report:
    return arf.report_of(ARF | {k.replace("_", "-"): v for k, v in over.items()}, Intake("arf", NOW))


def test_feedback_fields_are_those_of_rfc_5965() -> None:
    made = feedback()
    assert (made.displayed_sender, made.reporter, made.message_at_ms) == ("15881234", "821055509999", T)
    assert (made.event_id, made.route.peer_ip, made.text, made.category) == ("smsc1-1", "192.0.2.1", "win 500", "other")
    assert feedback(**{"Feedback-Type": "not-spam"}).category == "not_spam"
    late = arf.report_of({k: v for k, v in ARF.items() if k != "Arrival-Date"}, Intake("arf", NOW))
    assert (late.message_at_ms, late.message_from_ms) == (NOW, NOW - 3 * 86_400_000)


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"Version": "2"}, "WRONG_VERSION"),
        ({"User-Agent": None}, "FIELD_MISSING"),
        ({"Original-Mail-From": ""}, "FIELD_MISSING"),
        ({"Arrival-Date": "yesterday"}, "TIME_UNREADABLE"),
    ],
)
def test_feedback_that_is_none(over: dict[str, object], reason: str) -> None:
    with pytest.raises(RowRefused) as refused:
        feedback(**over)
    assert refused.value.reason == reason


def test_a_portals_form() -> None:
    raw = msgspec.json.encode({"id": "p1", "reporter": "821055509999", "sender": "15881234", "text": "win",
                               "received_at_ms": T, "category": "gambling", "group": "g1"})  # fmt: skip
    made = portal.report_of(raw, Intake("portal", NOW))
    assert (made.report_id, made.message_at_ms, made.reporter_group) == ("portal-p1", T, "g1")
    assert made.message_from_ms is None and made.category == "gambling"


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"id":"1"}', b'{"id":"1","reporter":"2","sender":"3","sneder":""}',
                                 b'{"id":"","reporter":"2","sender":"3"}', b"[" * 100_000])  # fmt: skip
def test_a_form_that_is_none(raw: bytes) -> None:
    with pytest.raises(RowRefused) as refused:
        portal.report_of(raw, Intake("portal", NOW))
    assert refused.value.reason == "NOT_A_FORM"


def sheet(rows: list[list[object]]) -> io.BytesIO:
    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]  # a new workbook has a sheet
    book.save(out)
    out.seek(0)
    return out


HEADER = list(korean.COLUMNS)


def csv_of(encoding: str) -> io.BytesIO:
    quoted = [",".join(f'"{c}"' for c in row) for row in (HEADER, [ROW[name] for name in HEADER])]
    return io.BytesIO("\r\n".join(quoted).encode(encoding))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_csv_in_the_encodings_that_spreadsheets_write(encoding: str) -> None:
    (row,) = tables.csv_rows(csv_of(encoding), korean.COLUMNS)
    assert korean.report_of(row.cells, Intake("kisa", NOW)).report_id == kr().report_id


def test_csv_and_xlsx_give_the_same_report() -> None:
    made = [tables.Row(0, {})]
    made += tables.xlsx_rows(sheet([HEADER, [ROW[name] for name in HEADER], [None] * 12]), korean.COLUMNS)
    assert len(made) == 2 and made[1].number == 2
    assert korean.report_of(made[1].cells, Intake("kisa", NOW, {"어느중계": "relay-7"})) == kr()


def test_a_cell_too_many_is_the_rows_fault_alone() -> None:
    rows = list(tables.csv_rows(io.BytesIO(b"a,b\n1,2,3\n4,5\n"), ("a", "b")))
    assert [bool(row.broken) for row in rows] == [True, False]


@pytest.mark.parametrize("data", [b"", b"a,b\n1,2\n", b"PK\x03\x04nothing"])
def test_a_file_of_another_shape_is_refused_whole(data: bytes) -> None:
    with pytest.raises(InputError):
        list(tables.csv_rows(io.BytesIO(data), korean.COLUMNS))
    with pytest.raises(InputError):
        list(tables.xlsx_rows(io.BytesIO(data), korean.COLUMNS))


def test_a_workbook_made_to_fill_the_memory_is_refused() -> None:
    packed = sheet([HEADER, ["a" * 30_000] * 12] + [["a" * 30_000] * 12] * 40)
    with pytest.raises(InputError, match="unpacks to"):
        list(tables.xlsx_rows(packed, korean.COLUMNS))
