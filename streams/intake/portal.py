"""A report portal's own form, as JSON over HTTP or in a file: an object for each report."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from streams.contracts.base import Id, Ms, Short, Text
from streams.contracts.messages import Channel
from streams.contracts.reports import Report
from streams.intake.base import Intake, RowRefused, report_id
from streams.intake.categories import ours

SOURCE = "portal"
_WINDOW_MS = 3 * 86_400_000


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is posted. A field that is misspelt is refused: it would be missed silently."""

    id: Annotated[str, Meta(min_length=1, max_length=128, description="the portal's own; the same report has the same")]
    reporter: Annotated[str, Meta(min_length=1, max_length=256)]
    sender: Annotated[str, Meta(min_length=1, max_length=256)]
    received_at_ms: Ms | None = None
    reported_at_ms: Ms | None = None
    category: Short = "other"
    channel: Channel = "mt"
    group: Id | None = None
    event_id: Id | None = None
    text: Text | None = None
    group_chat: bool = False


_DECODE = msgspec.json.Decoder(Form).decode


def report_of(raw: bytes, intake: Intake) -> Report:
    """The report in a request's body. Raises RowRefused."""
    try:
        form = _DECODE(raw)
    except (ValueError, RecursionError) as error:
        raise RowRefused("NOT_A_FORM", str(error)[:300]) from error
    reported_ms = intake.ingested_at_ms if form.reported_at_ms is None else form.reported_at_ms
    known = form.received_at_ms is not None
    return Report(
        report_id=report_id(intake.source, form.id),
        message_at_ms=form.received_at_ms if form.received_at_ms is not None else reported_ms,
        message_from_ms=None if known else reported_ms - _WINDOW_MS,
        reported_at_ms=reported_ms,
        ingested_at_ms=intake.ingested_at_ms,
        category=ours(form.category),
        displayed_sender=form.sender,
        channel=form.channel,
        reporter=form.reporter,
        reporter_group=form.group,
        event_id=form.event_id,
        text=form.text,
        group_chat=form.group_chat,
        source=intake.source,
    )
