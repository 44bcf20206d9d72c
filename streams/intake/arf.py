"""Abuse feedback reports (ARF): the fields of RFC 5965 as a JSON object, for messages instead of mail.

Original-Mail-From is the displayed sender, Original-Rcpt-To the person who reports, Original-Envelope-Id our event id
where the reporter's carrier passed it on. Field names are read in any case, with `-` or `_`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from streams.contracts.messages import Route
from streams.contracts.reports import Report
from streams.intake.base import Intake, RowRefused, number, optional, report_id, required, text_of
from streams.intake.categories import FEEDBACK

SOURCE = "arf"
_WINDOW_MS = 3 * 86_400_000


def report_of(data: Mapping[str, object], intake: Intake) -> Report:
    """The report in an object. Raises RowRefused."""
    fields = {str(name).lower().replace("_", "-"): value for name, value in data.items()}
    if optional(fields.get("version")) != "1":
        raise RowRefused("WRONG_VERSION", "version must be 1 (RFC 5965 section 3.1)")
    required(fields.get("user-agent"), "user-agent")
    kind = required(fields.get("feedback-type"), "feedback-type").lower()
    shown, reporter = number(fields.get("original-mail-from")), number(fields.get("original-rcpt-to"))
    if shown is None or reporter is None:
        raise RowRefused("FIELD_MISSING", "original-mail-from and original-rcpt-to name sender and reporter")
    came_ms = _date(fields, "arrival-date", "received-date")
    reported_ms = _date(fields, "report-date")
    reported_ms = intake.ingested_at_ms if reported_ms is None else reported_ms
    text = text_of(fields.get("original-message"))
    own = optional(fields.get("report-id"))
    facts = () if own else (shown, reporter, came_ms, text)
    return Report(
        report_id=report_id(intake.source, own or "", *facts),
        message_at_ms=reported_ms if came_ms is None else came_ms,
        message_from_ms=reported_ms - _WINDOW_MS if came_ms is None else None,
        reported_at_ms=reported_ms,
        ingested_at_ms=intake.ingested_at_ms,
        category=FEEDBACK.get(kind, "other"),
        displayed_sender=shown,
        route=Route(peer_ip=_short(fields.get("source-ip"))),
        reporter=reporter,
        event_id=_short(fields.get("original-envelope-id")),
        text=text,
        source=intake.source,
    )


def _short(value: object) -> str | None:
    """A name or address; None where it is longer than any that we know."""
    text = optional(value)
    return text if text is not None and len(text) <= 256 else None


def _date(fields: Mapping[str, object], *names: str) -> int | None:
    """RFC 5322 date or ISO 8601, in ms; None where no such field is."""
    text = next((found for name in names if (found := optional(fields.get(name))) is not None), None)
    if text is None:
        return None
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            at = read(text)
        except (ValueError, TypeError, IndexError):
            continue
        if 2000 <= at.year <= 2100:
            return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    raise RowRefused("TIME_UNREADABLE", f"{names[0]} is no date: {text[:40]!r}")
