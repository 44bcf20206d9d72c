"""`recent`: what was delivered to whom, as the gate saw it, so that a report can be joined to its message."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from streams.contracts.base import Count, Id, Ms, Record
from streams.contracts.messages import Channel, TrafficClass

Origin = Annotated[
    Literal["same", "other"] | None,
    Meta(description="the number the network set beside the displayed one; null: none was set"),
]


class Delivery(Record, frozen=True, kw_only=False, array_like=True):
    """One message that the gate let through on the termination leg. Written for every one, so by position."""

    recipient: Annotated[Id, Meta(description="pseudonym under the state key")]
    event_time_ms: Ms
    event_id: Id
    sender: Annotated[Id, Meta(description="sender key as a pseudonym under the state key")]
    channel: Channel
    traffic_class: TrafficClass
    relay_id: Id | None = None
    account_id: Id | None = None
    fingerprint: Annotated[str | None, Meta(description="of the text, as in the decision")] = None
    origin: Origin = None
    international: bool = False
    chain: tuple[Id, ...] = ()
    jurisdiction: Annotated[Id | None, Meta(description="whose rules judged it; null: the carrier's own")] = None


class Mark(Record, frozen=True, kw_only=True):
    """All deliveries from one partition of `messages` before this time stand before the mark, in every partition."""

    partition: Annotated[int, Meta(ge=0, description="of messages")]
    closed_before_ms: Ms
    next_offset: Annotated[Count, Meta(description="of messages: one past the last record it speaks of")] = 0


class Hole(Record, frozen=True, kw_only=True):
    """In this time something was delivered that is not told here: not received can't be concluded from absence."""

    from_ms: Ms
    to_ms: Ms


class Recent(Record, frozen=True, kw_only=True):
    """What one transaction of a gate has delivered, to the recipients of one partition of `recent`."""

    deliveries: tuple[Delivery, ...]
    marks: tuple[Mark, ...] = ()
    holes: tuple[Hole, ...] = ()
