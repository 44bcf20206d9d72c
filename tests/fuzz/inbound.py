"""Targets: reports as portals, mail systems, sheets and phones send them; content lists as people publish them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from openpyxl import Workbook

from streams.cli.reports import Reject, _reports
from streams.contracts.base import encoder
from streams.contracts.lists import ContentList, ListPart
from streams.contracts.reports import Half, Report
from streams.engine.lists import Compiled, ListRefused, hash_of, pack_list, unpack_list
from streams.errors import InputError
from streams.intake import arf, korean, portal, trai
from streams.intake.base import Intake, RowRefused
from streams.intake.forwards import lost
from streams.intake.halves import Halves
from tests.engine.kit import HOUR, T
from tests.fuzz.promise import DEEP, NOT_A_RECORD, Target, with_field

_encode = encoder().encode
_INTAKE = Intake("portal", T + HOUR, {"어느중계": "relay-7"})


def _readable(report: Report) -> None:
    """What goes to the topic can be read there."""
    assert msgspec.json.decode(_encode(report), type=Report) == report


def _object(read: Callable[[dict[str, Any], Intake], Report], raw: bytes) -> None:
    try:
        data = msgspec.json.decode(raw, type=dict[str, Any])
    except NOT_A_RECORD:
        return
    with suppress(RowRefused):
        _readable(read(data, _INTAKE))


def _portal(raw: bytes) -> None:
    with suppress(RowRefused):
        _readable(portal.report_of(raw, _INTAKE))


def _file(name: str, format: str, raw: bytes) -> None:
    """A file of `reports import`: every row is a report or a reject."""
    found: Iterator[Any] = _reports(io.BytesIO(raw), Path(name), format, _INTAKE)
    try:
        for row in found:
            if isinstance(row, Reject):
                msgspec.json.encode(row._asdict())
            else:
                _readable(row[1])
    except InputError as error:
        assert str(error)


def _forwards(raw: bytes) -> None:
    """Short messages to 7726, one a line."""
    halves = Halves(_INTAKE)
    for line in (*raw.split(b"\n"), *_FORWARDS):
        try:
            found = halves.take(line)
        except RowRefused:
            continue
        if found.half is not None:
            assert msgspec.json.decode(_encode(found.half), type=Half) == found.half
        if found.report is not None:
            _readable(found.report)
    for half in halves.waiting():
        assert lost(half)


def _list(raw: bytes) -> None:
    """A content list that somebody publishes: refused with a sentence, or packed, unpacked and searched."""
    try:
        content = msgspec.json.decode(raw, type=ContentList)
        part = pack_list(content, T)
    except ListRefused as refused:
        assert str(refused)
        return
    except NOT_A_RECORD:
        return
    assert unpack_list(part) == content
    compiled = Compiled((content,), ())
    for text in ("", "당첨 win 500", "a" * 2000, content.name):
        compiled.find(text, T)


def _part(raw: bytes) -> None:
    """The bytes of a list as they stand on the topic, written by whoever."""
    for data in (raw.decode("utf-8", "replace"), _packed(raw)):
        with suppress(ListRefused):
            unpack_list(ListPart(hash=hash_of(raw), published_ms=T, data=data))


def _packed(raw: bytes) -> str:
    import base64
    import zlib

    return base64.b64encode(zlib.compress(raw)).decode()


_FORM = {
    "id": "p1", "reporter": "01055509999", "sender": "15881234", "received_at_ms": T, "category": "gambling",
    "text": "win 500", "group": "g", "event_id": "e1", "channel": "mt",
}  # fmt: skip
_ARF = {
    "Feedback-Type": "abuse", "User-Agent": "x/1", "Version": 1, "Original-Mail-From": "15881234",
    "Original-Rcpt-To": "01055509999", "Arrival-Date": "Wed, 17 Dec 2025 13:00:00 +0900", "Source-IP": "203.0.113.9",
    "Original-Envelope-Id": "e1", "Report-Id": "r1", "Original-Message": "win", "Report-Date": "2025-12-17T13:30+09:00",
}  # fmt: skip
_KOREA = {
    "seq": "77120", "신고유형": "문자", "스팸유형": "도박", "회신번호": "010-5550-1111", "원발신번호": "07055502222",
    "중계사": "어느중계", "수신시간": "2025-12-17 13:00:00", "신고시간": "20251217140000", "메시지": "당첨 500",
    "메시지 타입": "SMS", "저장시간": "2025-12-17 14:01:00", "파일이름": "x.xlsx", "신고자": "01055509999",
}  # fmt: skip
_TRAI = {"complainant": "9999900000", "sender": "AD-BANKXX", "date": "17/12/2025", "text": "win 500", "time": "13:00"}
_FORWARDS = (
    b'{"id":"f1","reporter":"01055509999","text":"win 500"}',
    b'{"id":"f2","reporter":"01055509999","text":"010-5550-1111","received_at_ms":1765944000000}',
)
_LIST = {
    "name": "phish", "category": "phishing", "owner": "duty desk", "expires_ms": T + HOUR,
    "phrases": [{"id": "a", "text": "당첨"}], "patterns": [{"id": "b", "text": "win \\d+"}],
}  # fmt: skip


def _csv(row: dict[str, Any], encoding: str = "utf-8") -> bytes:
    return "\n".join(",".join(map(str, line)) for line in (row, row.values())).encode(encoding) + b"\n"


def _xlsx(row: dict[str, Any]) -> bytes:
    book, out = Workbook(), io.BytesIO()
    for line in (list(row), list(row.values())):
        book.worksheets[0].append(line)
    book.save(out)
    return out.getvalue()


def _json(*values: object) -> tuple[bytes, ...]:
    return tuple(json.dumps(value, ensure_ascii=False).encode() for value in values)


TARGETS: tuple[Target, ...] = (
    Target("report-portal", _portal, _json(_FORM), found=(with_field(_json(_FORM)[0], DEEP),)),
    Target("report-arf", partial(_object, arf.report_of), _json(_ARF)),
    Target("report-korea", partial(_object, korean.report_of), _json(_KOREA)),
    Target("report-trai", partial(_object, trai.report_of), _json(_TRAI)),
    Target("report-7726", _forwards, _FORWARDS),
    Target("reports-korea-csv", partial(_file, "r.csv", "korea"), (_csv(_KOREA), _csv(_KOREA, "cp949")), json=False),
    Target("reports-trai-csv", partial(_file, "r.csv", "trai"), (_csv(_TRAI),), json=False),
    Target("reports-korea-xlsx", partial(_file, "r.xlsx", "korea"), (_xlsx(_KOREA),), json=False),
    Target("reports-portal-file", partial(_file, "r.ndjson", "portal"), _json(_FORM)),
    Target("content-list", _list, _json(_LIST)),
    Target("content-list-part", _part, _json(_LIST)),
)
