"""`messages`: who claims what, and what the network itself knows. Stamped by the SMSC adapter, edge or ingest."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from streams.contracts.base import Count, Id, Ms, Octet, Record, Short, Text

Leg = Annotated[
    Literal["origination", "termination"],
    Meta(description="at the relay (submit_sm) or at the receiving carrier (deliver_sm)"),
]
Channel = Literal["mo", "mt", "rcs", "ott"]
TrafficClass = Annotated[Literal["a2p", "p2p"], Meta(description="application-to-person or person-to-person")]
Purpose = Literal["advertising", "transactional", "personal"]
Verdict = Literal["ALLOW", "BLOCK"]
GroupSize = Annotated[int, Meta(ge=1, le=1_000_000)]


class Sender(Record, frozen=True, kw_only=True):
    """The sender as it stands in the message (SMPP source_addr, source_addr_ton, source_addr_npi)."""

    address: Annotated[Short, Meta(description="as received, not normalised")]
    ton: Annotated[Octet | None, Meta(description="type of number (SMPP 3.4 §5.2.5)")] = None
    npi: Annotated[Octet | None, Meta(description="numbering plan indicator (SMPP 3.4 §5.2.6)")] = None


class Route(Record, frozen=True, kw_only=True):
    """How the message came in, as the receiving system knows it; null where this leg does not know."""

    relay_id: Annotated[Id | None, Meta(description="the relay (aggregator) that handed it over")] = None
    chain: Annotated[tuple[Id, ...], Meta(max_length=16, description="resellers, from the relay outwards")] = ()
    account_id: Annotated[Id | None, Meta(description="the sending customer's account")] = None
    bind_id: Annotated[Id | None, Meta(description="the SMPP bind or API credential")] = None
    peer_ip: Annotated[Short | None, Meta(description="IPv4 or IPv6 address of the peer")] = None
    international: Annotated[bool, Meta(description="the trunk it came in on is an international one")] = False


class Content(Record, frozen=True, kw_only=True):
    """The text; used for the fingerprint and content rules, never published."""

    text: Annotated[Text, Meta(description="as the recipient would read it")] = ""
    parts: Annotated[int, Meta(ge=1, le=255, description="number of segments")] = 1


Address = Annotated[Id | None, Meta(description="global title, digits (E.164 or E.214)")]
Network = Annotated[Id | None, Meta(description="as network rows name it, e.g. MCC and MNC")]


class Signalling(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What the SMSC or its firewall learnt from HLR and signalling; null = not told, which proves nothing.

    sri: the routing query (SRI-SM) for the recipient; fsm: the forward (MT-FSM) that followed it. sccp: the calling
    party's address on the network; map: the service centre's address inside.
    """

    roaming: Annotated[bool | None, Meta(description="the subscriber is registered abroad")] = None
    imsi_match: Annotated[bool | None, Meta(description="the IMSI that sent it is the number's")] = None
    hlr_at_ms: Annotated[Ms | None, Meta(description="when the HLR answered")] = None
    serving_net: Annotated[Network, Meta(description="the network that serves the sender, as the HLR says")] = None
    sending_net: Annotated[Network, Meta(description="the network whose switch handed the message in (MO-FSM)")] = None
    sri_sccp: Address = None
    sri_map: Address = None
    fsm_sccp: Address = None
    fsm_map: Address = None
    sri_seen: Annotated[bool | None, Meta(description="a routing query for this forward was seen")] = None
    link: Annotated[Id | None, Meta(description="the link set it came in on")] = None


#: Nothing was told: what a message without `signalling` holds.
UNTOLD = Signalling()


class Upstream(Record, frozen=True, kw_only=True):
    """The decision that the relay's own gate stamped on the message."""

    decision_id: Id | None = None
    verdict: Verdict
    event_time_ms: Ms


class Message(Record, frozen=True, kw_only=True):
    """One message event; one decision follows."""

    event_id: Annotated[Id, Meta(description="unique for its producer and leg; a repeated event keeps it")]
    producer: Annotated[Id, Meta(description="the system that stamped this record")]
    event_time_ms: Ms
    ingested_at_ms: Ms
    leg: Leg
    channel: Annotated[Channel, Meta(description="the web is mt with class a2p")]
    traffic_class: TrafficClass
    sender: Sender
    origin_number: Annotated[Short | None, Meta(description="the number the network itself set")] = None
    recipient: Annotated[Short, Meta(description="as received; published as a pseudonym only")]
    route: Route = Route()
    content: Content = Content()
    signalling: Signalling = UNTOLD
    upstream: Annotated[Upstream | None, Meta(description="null: no gate stood before this one")] = None
    group_chat: Annotated[bool | None, Meta(description="sent into a group; null where that is not known")] = None
    group_size: Annotated[
        GroupSize | None,
        Meta(description="people who get a message into a group; it counts so many times"),
    ] = None
    deadline_ms: Annotated[Ms | None, Meta(description="the SMSC stops waiting at this time")] = None
    retry_of: Annotated[Id | None, Meta(description="event_id of the first try")] = None
    purpose: Annotated[Purpose | None, Meta(description="as the sending customer declared it; null: unknown")] = None
    jurisdiction: Annotated[
        Id | None, Meta(description="whose rules hold: the recipient's country; null: the carrier's own")
    ] = None
    origin_id: Annotated[
        Short | None, Meta(description="rcs, ott: the account as the platform set it, platform:id")
    ] = None
    job_id: Annotated[Id | None, Meta(description="the bulk send it belongs to; null: none, or not known here")] = None
    schema_version: Annotated[Count, Meta(description="of this record")] = 1
