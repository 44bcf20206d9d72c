"""Forwards to 7726: first the text, then, when asked for it, the sender's number. A state machine by reporter.

A half is never dropped: the first waits in Kafka for the second, and what never finds its other half becomes a dead
letter, as it came.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from streams.contracts.base import Ms, Text
from streams.contracts.reports import Half, Report
from streams.intake.base import Intake, RowRefused, report_id

SOURCE = "7726"
TIMEOUT_MS = 24 * 3_600_000
_WINDOW_MS = 3 * 86_400_000
_NUMBER = re.compile(r"[+*\d][\d\s().*#-]{2,24}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{1,10}")

ASK = "Thank you. Now send us the number or name that this message came from."
THANKS = "Thank you. Your report has been taken."
TEXT_FIRST = "Please forward the message itself first, then the number it came from."


class Forward(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One short message to 7726, as the SMSC hands it over."""

    id: Annotated[str, Meta(min_length=1, max_length=128, description="the SMSC's id of it; a repetition has the same")]
    reporter: Annotated[str, Meta(min_length=1, max_length=256)]
    text: Annotated[Text, Meta(min_length=1)]
    received_at_ms: Ms | None = None


class Outcome(NamedTuple):
    """What follows from a forward. half: to be kept for the reporter (None: nothing changes); dead: (reason, bytes) of
    a half that stays alone; reply: what the person is told."""

    said: Literal["kept", "reported", "alone", "repeated"]
    reply: str
    half: Half | None = None
    report: Report | None = None
    dead: tuple[str, bytes] | None = None


_DECODE = msgspec.json.Decoder(Forward).decode


def forward_of(raw: bytes) -> Forward:
    """The forward in a request's body. Raises RowRefused."""
    try:
        return _DECODE(raw)
    except (ValueError, RecursionError) as error:
        raise RowRefused("NOT_A_FORWARD", str(error)[:300]) from error


def take(forward: Forward, raw: bytes, held: Half | None, intake: Intake, timeout_ms: int = TIMEOUT_MS) -> Outcome:
    """The next state. held: the reporter's half as it is kept, answered or not."""
    at_ms = intake.ingested_at_ms if forward.received_at_ms is None else forward.received_at_ms
    if held is not None and forward.id in (held.half_id, held.answered_by):
        return Outcome("repeated", ASK if forward.id == held.half_id and held.answered_by is None else THANKS)
    waiting = held is not None and held.answered_by is None and at_ms - held.received_at_ms <= timeout_ms
    alone = None if held is None or held.answered_by is not None else held
    if waiting and held is not None and (is_number(forward.text) or _NAME.fullmatch(forward.text.strip())):
        done = msgspec.structs.replace(held, answered_by=forward.id, text="", body="")
        return Outcome("reported", THANKS, done, _report(forward, held, at_ms, intake))
    if is_number(forward.text):
        return Outcome("alone", TEXT_FIRST, dead=("FIRST_HALF_MISSING", raw))
    half = Half(
        half_id=forward.id,
        reporter=forward.reporter,
        text=forward.text,
        received_at_ms=at_ms,
        ingested_at_ms=intake.ingested_at_ms,
        source=intake.source,
        body=raw.decode("utf-8", "replace"),
    )
    return Outcome("kept", ASK, half, dead=None if alone is None else lost(alone))


def lost(half: Half) -> tuple[str, bytes]:
    """The dead letter of a first half whose second never came."""
    return "SECOND_HALF_MISSING", half.body.encode()


def is_number(text: str) -> bool:
    """Whether a whole text is a number."""
    return _NUMBER.fullmatch(text.strip()) is not None


def _report(forward: Forward, held: Half, at_ms: int, intake: Intake) -> Report:
    return Report(
        report_id=report_id(intake.source, held.half_id),
        message_at_ms=held.received_at_ms,
        message_from_ms=held.received_at_ms - _WINDOW_MS,
        reported_at_ms=at_ms,
        ingested_at_ms=intake.ingested_at_ms,
        displayed_sender=forward.text.strip(),
        reporter=held.reporter,
        text=held.text,
        source=intake.source,
    )
