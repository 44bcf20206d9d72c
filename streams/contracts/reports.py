"""`reports` and `directives`: what people report and what a regulator orders."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from streams.contracts.base import Count, Id, Ms, Permille, Record, Short, Text
from streams.contracts.messages import Channel, Leg, Route, TrafficClass


class Report(Record, frozen=True, kw_only=True):
    """One person's report about one message (the Korean feed's twelve columns are the model)."""

    report_id: Id
    message_at_ms: Annotated[Ms, Meta(description="when the reported message came")]
    reported_at_ms: Ms
    ingested_at_ms: Ms
    report_type: Annotated[str, Meta(description="kind of message reported")] = "sms"
    category: Annotated[str, Meta(description="'not_spam' casts no vote")] = "other"
    displayed_sender: Annotated[Short, Meta(description="what the phone showed; may be forged")]
    origin_number: Annotated[Short | None, Meta(description="the number the network itself set, where known")] = None
    route: Route = Route()
    channel: Channel = "mt"
    leg: Leg = "termination"
    traffic_class: Annotated[TrafficClass | None, Meta(description="null: p2p on mo, a2p elsewhere")] = None
    reporter: Annotated[str, Meta(min_length=1, max_length=256, description="number in any spelling, or an id")]
    reporter_group: Annotated[Id | None, Meta(description="reporters of one group are one voter")] = None
    event_id: Annotated[Id | None, Meta(description="of the reported message, where known")] = None
    text: Annotated[Text | None, Meta(description="for the fingerprint; never published")] = None
    group_chat: bool = False
    source: Annotated[Id | None, Meta(description="who took it in; its share of a threshold may be capped")] = None
    message_from_ms: Annotated[
        Ms | None, Meta(description="earliest time the message may have come; null: it came at message_at_ms")
    ] = None
    received: Annotated[
        bool | None, Meta(description="whether the reporter was delivered such a message; null: not known")
    ] = None
    fingerprint: Annotated[str | None, Meta(description="of the delivered text, where it was found")] = None
    weight_permille: Annotated[Permille, Meta(description="by how the reporter's earlier reports fared")] = 1000
    jurisdiction: Annotated[Id | None, Meta(description="as the message's; null: the carrier's own")] = None
    origin_id: Annotated[Short | None, Meta(description="rcs, ott: the account as the platform set it")] = None


class Half(Record, frozen=True, kw_only=True):
    """The first half of a 7726 forward: the text, waiting for the sender's number. Key: reporter by the state key."""

    half_id: Annotated[Id, Meta(description="the SMSC's id of the forwarded text")]
    reporter: Annotated[str, Meta(min_length=1, max_length=256)]
    text: Text
    received_at_ms: Ms
    ingested_at_ms: Ms
    source: Id = "7726"
    body: Annotated[Text, Meta(description="the request as it came, for the dead letter")] = ""
    answered_by: Annotated[Id | None, Meta(description="id of the second half; a repeated one is recognised")] = None


class Scope(Record, frozen=True, kw_only=True):
    """What a directive or sanction covers; an empty list means all. The share is the entry's `share_permille`."""

    legs: tuple[Leg, ...] = ()
    channels: tuple[Channel, ...] = ()
    purpose: Annotated[
        Literal["advertising"] | None,
        Meta(description="advertising only: stamped so, labelled, or a text ever seen labelled; unknown is labelled"),
    ] = None


class Signature(Record, frozen=True, kw_only=True):
    """Ed25519 over `dualblock-directive/1`, a line feed, and the record without its signature: its JSON with sorted
    keys and without spaces."""

    key: Annotated[Id, Meta(description="the name under which the policy lists the authority's key")]
    value: Annotated[str, Meta(max_length=128, description="base64 of 64 bytes")]


class Directive(Record, frozen=True, kw_only=True):
    """An order of the regulator. Key: its reference number."""

    reference: Annotated[Id, Meta(description="the authority's own number for the order")]
    subject: Annotated[str, Meta(max_length=512, description="kind:name; a release names the subject, too")] = ""
    act: Annotated[
        Literal["suspend", "terminate", "block", "throttle", "expel", "release", "withdraw"],
        Meta(description="expel: a reseller or relay, with all below it; release: another order; withdraw: this one"),
    ]
    releases: Annotated[Id | None, Meta(description="release: the reference or sanction_id that it ends")] = None
    scope: Scope = Scope()
    share_permille: Permille = 1000
    from_ms: Ms
    to_ms: Annotated[Ms | None, Meta(description="null = until released")] = None
    recorded_at_ms: Ms
    authority: Annotated[Id, Meta(description="'regulator' outranks allow rules and checks")] = "regulator"
    version: Annotated[Count, Meta(description="of the reference; a lower one than is known is refused")] = 1
    signature: Annotated[Signature | None, Meta(description="of the authority; the policy says who may do without")] = (
        None
    )
