"""What all formats share: where a report comes from, how a row is refused, ids, numbers and texts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import NamedTuple

MAX_TEXT = 100_000
_DAY_MS = 86_400_000


class RowRefused(ValueError):
    """A row or request that is no report. reason: a code; detail: what to correct."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


class Intake(NamedTuple):
    """One run of taking reports in. source: named in every report, its votes' share may be capped; also the beginning
    of report ids. relays: the names that a format uses for relays → ours."""

    source: str
    ingested_at_ms: int
    relays: Mapping[str, str] = {}


def report_id(source: str, own: str, *facts: object) -> str:
    """`<source>-<own id>`, or with 8 hex digits over the facts where the source counts its rows anew in every file.

    The same row has the same id whenever and wherever it is read, so reading it again doubles nothing.
    """
    text = f"{source}-{own}"
    if facts:
        text += "-" + hashlib.sha256("\x00".join(map(str, facts)).encode("utf-8", "replace")).hexdigest()[:8]
    return text if len(text) <= 200 else f"{source[:100]}-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"


def required(value: object, name: str) -> str:
    """A text that must be there. Raises RowRefused."""
    text = optional(value)
    if text is None:
        raise RowRefused("FIELD_MISSING", f"{name} is empty")
    return text


def optional(value: object) -> str | None:
    """A cell's text, or None for an empty one."""
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).encode("utf-8", "replace").decode().strip()
    return text or None


def number(value: object, trunk: str = "") -> str | None:
    """A phone number's cell. A spreadsheet that took it for a quantity has dropped the leading zero."""
    text = optional(value)
    if text is None or len(text) > 256:
        return None if text is None else text[:256]
    if isinstance(value, int | float) and len(text) in (9, 10):
        return trunk + text
    return text


def text_of(value: object) -> str | None:
    """A message's text, at most as long as a report takes."""
    text = optional(value)
    return None if text is None else text[:MAX_TEXT]


def instant(value: object, name: str, zone: timezone, formats: tuple[str, ...]) -> int:
    """A local time, as text or as a spreadsheet's own, in ms. Raises RowRefused."""
    if isinstance(value, datetime):
        return _ms(value if value.tzinfo else value.replace(tzinfo=zone), name)
    text = required(value, name)
    for form in formats:
        try:
            return _ms(datetime.strptime(text, form).replace(tzinfo=zone), name)
        except ValueError:
            continue
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise RowRefused("TIME_UNREADABLE", f"{name} is no time: {text[:40]!r}") from error
    return _ms(found if found.tzinfo else found.replace(tzinfo=zone), name)


def day(value: object, name: str, zone: timezone, formats: tuple[str, ...]) -> tuple[int, int]:
    """A date as [first, last] ms of that day. Raises RowRefused."""
    if isinstance(value, datetime):
        value = value.date()
    found = value if isinstance(value, date) else None
    text = "" if found else required(value, name)
    for form in formats if found is None else ():
        try:
            found = datetime.strptime(text, form).date()
            break
        except ValueError:
            continue
    if found is None:
        raise RowRefused("TIME_UNREADABLE", f"{name} is no date: {text[:40]!r}")
    first = _ms(datetime(found.year, found.month, found.day, tzinfo=zone), name)
    return first, first + _DAY_MS - 1


def _ms(at: datetime, name: str) -> int:
    if not 2000 <= at.year <= 2100:
        raise RowRefused("TIME_UNREADABLE", f"{name} is in the year {at.year}")
    return int(at.astimezone(UTC).timestamp() * 1000)


def offset(hours: float) -> timezone:
    """A zone that knows no summer time."""
    return timezone(timedelta(hours=hours))
