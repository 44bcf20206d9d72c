"""What customers are told, in Korean and English: clauses for contracts, and a letter for each notice.

The words are in `customers.toml`.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any, Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

from streams.contracts.appeals import Notice

Language = Literal["ko", "en"]
Audience = Literal["sender", "recipient"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Carrier(NamedTuple):
    """Who tells. spam_box: where recipients see what is held; contact: whom to ask."""

    name: str
    spam_box: str
    contact: str


def clause(audience: Audience, language: Language, carrier: Carrier) -> str:
    """The clauses for a contract: that lawful messages may be filtered, where what is held is seen, how it is freed."""
    text: str = _texts()[language]["contract"][audience]
    return text.strip().format_map(_own(carrier))


def letter(notice: Notice, subject: str, language: Language, carrier: Carrier, time_zone: str) -> str:
    """What the subject of a notice is told. subject: as its addressee knows it; times are local."""
    held = _texts()[language]
    nothing = held["words"]["nothing"]

    def local(at_ms: int | None, otherwise: str = nothing) -> str:
        return otherwise if at_ms is None else _local(at_ms, time_zone)

    facts = _own(carrier) | {
        "subject": subject,
        "sanction": notice.sanction_id,
        "step": held["steps"][notice.step],
        "from": local(notice.from_ms),
        "until": local(notice.to_ms, held["words"]["open_end"]),
        "reason": notice.reason,
        "why": notice.why_after or nothing,
        "reference": notice.reference or nothing,
        "appeal": notice.appeal_id or nothing,
        "appeal_until": local(notice.appeal_until_ms),
        "decide_by": local(notice.decide_by_ms),
    }
    texts = [held["notice"][notice.kind]]
    if notice.kind in ("before", "after"):
        texts.append(held["notice"]["held"])
    return "\n".join(text.strip().format_map(facts) for text in texts)


def _own(carrier: Carrier) -> dict[str, str]:
    return {"carrier": carrier.name, "spam_box": carrier.spam_box, "contact": carrier.contact}


def _local(at_ms: int, time_zone: str) -> str:
    try:
        at = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(time_zone))
    except OverflowError:
        return f"{at_ms} ms"
    return f"{at:%Y-%m-%d %H:%M} ({time_zone})"


@cache
def _texts() -> dict[str, Any]:
    path = resources.files(__package__) / "customers.toml"
    found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    missing = set(get_args(Language)) - found.keys()
    if missing:
        raise ValueError(f"customers.toml has no texts in {', '.join(sorted(missing))}")
    return found
