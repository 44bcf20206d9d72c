"""India's complaint form (TRAI, TCCCPR 2018 as amended in 2025): who complains, who sent it, when, and what it said.

A complaint is valid with the complainant's number, the sender, the date and a short text; the time of day may be
missing, so the message may have come at any time of that day.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.contracts.reports import Report
from streams.intake.base import Intake, RowRefused, day, instant, number, offset, optional, report_id, required, text_of

COLUMNS = ("complainant", "sender", "date", "text")
SOURCE = "trai"
_IST = offset(5.5)
_DATES = ("%d/%m/%Y", "%d/%m/%y", "%d-%m-%Y", "%Y-%m-%d")
_TIMES = ("%H:%M", "%H:%M:%S", "%I:%M %p")


def report_of(row: Mapping[str, object], intake: Intake) -> Report:
    """The report in a form. Optional fields: `id`, `time`, `complained_at` (local), `category`. Raises RowRefused."""
    complainant, sender = number(row.get("complainant")), optional(row.get("sender"))
    if complainant is None or sender is None:
        raise RowRefused("FIELD_MISSING", "a complaint names the complainant's number and the sender")
    first, last = day(row.get("date"), "date", _IST, _DATES)
    text, time = required(text_of(row.get("text")), "text"), optional(row.get("time"))
    complained = row.get("complained_at")
    reported_ms = intake.ingested_at_ms if optional(complained) is None else _at(complained)
    from_ms: int | None = first
    if time is not None:
        last, from_ms = first + instant(f"2000-01-01 {time}", "time", _IST, _joined(_TIMES)) - _midnight(), None
    own = optional(row.get("id"))
    return Report(
        report_id=report_id(intake.source, own)
        if own
        else report_id(intake.source, "", complainant, sender, last, text),
        message_at_ms=min(last, max(reported_ms, first)),
        message_from_ms=from_ms,
        reported_at_ms=reported_ms,
        ingested_at_ms=intake.ingested_at_ms,
        displayed_sender=sender[:256],
        reporter=complainant,
        text=text,
        source=intake.source,
    )


def _at(value: object) -> int:
    return instant(value, "complained_at", _IST, tuple(f"{d} %H:%M" for d in _DATES))


def _joined(times: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"%Y-%m-%d {time}" for time in times)


def _midnight() -> int:
    return instant("2000-01-01 00:00", "time", _IST, ("%Y-%m-%d %H:%M",))
