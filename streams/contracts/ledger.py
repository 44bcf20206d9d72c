"""`books`, `ledger`: what each relay and reseller carried, what was stopped, and what leaked, month by month."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from streams.contracts.base import Count, Record
from streams.contracts.reputation import Subject

Month = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}$", description="e.g. 2025-12, in the pack's time zone")]


class Counts(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Numbers of messages and reports."""

    origination: Annotated[Count, Meta(description="messages decided on the origination leg")] = 0
    termination: Annotated[Count, Meta(description="messages decided on the termination leg")] = 0
    blocked_origination: Annotated[Count, Meta(description="of these, blocked at the first gate")] = 0
    blocked_termination: Annotated[Count, Meta(description="of these, blocked at the second gate")] = 0
    leaks: Annotated[dict[str, int], Meta(description="what the first gate should have stopped, by reason")] = {}
    no_gate: Annotated[Count, Meta(description="failed on the termination leg without a verdict of a first gate")] = 0
    reports: Annotated[Count, Meta(description="reports about messages that came this way")] = 0


class Booking(Record, frozen=True, kw_only=True):
    """What one stretch of a log adds to a subject's month: `[first_offset, next_offset)` of the source's partition."""

    subject: Subject
    month: Month
    source: Annotated[Literal["decisions", "reports"], Meta(description="the topic whose records were counted")]
    partition: Annotated[int, Meta(ge=0, description="of the source")]
    first_offset: Count
    next_offset: Count
    counts: Counts

    def key(self) -> str:
        """The record's key on the topic: that of the row it is added to."""
        return f"{self.subject}/{self.month}"


class LedgerRow(Record, frozen=True, kw_only=True):
    """One subject's month. Key: `<subject>/<month>`."""

    subject: Subject
    month: Month
    counts: Counts = Counts()
    counted: Annotated[
        dict[str, int], Meta(description="source/partition → offset up to which all that came is in the counts")
    ] = {}
    beyond: Annotated[
        dict[str, tuple[int, ...]], Meta(description="source/partition → offsets beyond that one in the counts")
    ] = {}

    def key(self) -> str:
        """The record's key on the topic."""
        return f"{self.subject}/{self.month}"
