"""The twelve columns of Korea's national report feed, as daily CSV or XLSX. Times are Korean.

Published copies don't say who reported; where a carrier's own has `신고자` (the reporter's number), it is used. A row
without it stands for one person whom nothing is known about: it can't be joined to a delivery.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.contracts.messages import Channel, Route
from streams.contracts.reports import Report
from streams.intake.base import Intake, RowRefused, instant, number, offset, optional, report_id, required, text_of
from streams.intake.categories import korean

COLUMNS = (
    "seq", "신고유형", "스팸유형", "회신번호", "원발신번호", "중계사", "수신시간", "신고시간", "메시지", "메시지 타입",
    "저장시간", "파일이름",
)  # fmt: skip
REPORTER, SOURCE = "신고자", "kisa"
_KST = offset(9)
_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y%m%d%H%M%S", "%Y.%m.%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M")
_TYPES = {"문자": "sms", "RCS": "rcs", "기타": "other"}


def report_of(row: Mapping[str, object], intake: Intake) -> Report:
    """The report in a row. Raises RowRefused."""
    kind = required(row.get("신고유형"), "신고유형")
    if kind not in _TYPES:
        raise RowRefused("NOT_A_MESSAGE", f"신고유형 {kind!r} is no message: reports of calls are not for this system")
    seq = required(row.get("seq"), "seq")
    came_ms = instant(row.get("수신시간"), "수신시간", _KST, _FORMATS)
    reported_ms = instant(row.get("신고시간"), "신고시간", _KST, _FORMATS)
    shown = number(row.get("회신번호"), "0")
    if shown is None:
        raise RowRefused("FIELD_MISSING", "회신번호 is empty")
    text, relay = text_of(row.get("메시지")), optional(row.get("중계사"))
    own = report_id(intake.source, seq, reported_ms, shown, text)
    rcs = kind == "RCS" or (optional(row.get("메시지 타입")) or "").upper() == "RCS"
    channel: Channel = "rcs" if rcs else "mt"
    return Report(
        report_id=own,
        message_at_ms=came_ms,
        reported_at_ms=reported_ms,
        ingested_at_ms=intake.ingested_at_ms,
        report_type=_TYPES[kind],
        category=korean(required(row.get("스팸유형"), "스팸유형")),
        displayed_sender=shown,
        origin_number=number(row.get("원발신번호"), "0"),
        route=Route(relay_id=intake.relays.get(relay) if relay else None),
        channel=channel,
        reporter=number(row.get(REPORTER), "0") or own,
        text=text,
        source=intake.source,
    )
