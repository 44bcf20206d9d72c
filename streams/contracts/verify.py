"""The verification API's words, and `verifications`: who asked what, and what was said."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from streams.contracts.base import Count, Id, Ms, Octet, Record, Short
from streams.contracts.decisions import Gate, Mode
from streams.contracts.messages import Channel, Leg, TrafficClass

Standing = Annotated[
    Literal["valid", "invalid", "unknown"],
    Meta(description="invalid: a check fails or a sanction stands; valid: none does, and the register vouches for it"),
]
MAX_QUESTIONS = 1000


class Question(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """May this sender, or this account, be used over this route at this time? Unknown fields are refused: a misspelt
    one would be answered as if it had not been asked."""

    sender: Annotated[
        Short | None, Meta(description="as it would stand in the message; null: about the route only")
    ] = None
    ton: Annotated[Octet | None, Meta(description="type of number (SMPP 3.4 §5.2.5)")] = None
    account: Annotated[Id | None, Meta(description="the sending customer's account")] = None
    chain: Annotated[tuple[Id, ...], Meta(max_length=16, description="resellers, from the relay outwards")] = ()
    relay: Annotated[Id | None, Meta(description="null: the caller's own")] = None
    leg: Leg = "origination"
    channel: Channel = "mt"
    traffic_class: TrafficClass = "a2p"
    at_ms: Annotated[Ms | None, Meta(description="null: now")] = None


class Because(Record, frozen=True, kw_only=True):
    """What speaks against it."""

    code: Id
    check: Annotated[Id, Meta(description="the check that says so, or `sanctions`")]
    gate: Gate
    mode: Annotated[Mode, Meta(description="what a gate does with it today: OBSERVE lets it pass")]


class Doubt(Record, frozen=True, kw_only=True):
    """A check that can't tell."""

    check: Id
    why: str


class Answer(Record, frozen=True, kw_only=True):
    """What the gates' own checks say. About another relay's route the verdict stands alone."""

    standing: Standing
    at_ms: Ms
    reasons: tuple[Because, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    passed: tuple[Id, ...] = ()
    policy: Annotated[str | None, Meta(description="version of the policy that was applied")] = None
    read: Annotated[str | None, Meta(description="versions of the rows that were read, in the order of reading")] = None


class SenderFacts(Record, frozen=True, kw_only=True):
    """A sender as the register has it. What its owner listed is shown only where the caller's relay is among it."""

    key: str
    kind: str
    registered: Annotated[bool | None, Meta(description="null: shown for the caller's own senders only")] = None
    state: str | None = None
    owner: str | None = None
    mode: Annotated[str | None, Meta(description="open, listed or exclusive")] = None
    accounts: tuple[str, ...] = ()
    legs: tuple[Leg, ...] = ()
    version: Annotated[Count | None, Meta(description="of the row's entry")] = None


class AccountFacts(Record, frozen=True, kw_only=True):
    """One of the caller's accounts as the register has it."""

    account: str
    state: str
    reseller: str | None = None
    owner: str | None = None
    chain: Annotated[tuple[str, ...], Meta(description="from the caller's relay outwards")] = ()
    version: Count


class Asked(Record, frozen=True, kw_only=True, gc=False):
    """One question of a request and its answer. People's numbers stand here as pseudonyms."""

    sender: str | None = None
    account: str | None = None
    relay: str
    leg: Leg
    at_ms: Ms
    standing: Standing
    codes: tuple[str, ...] = ()


class Verification(Record, frozen=True, kw_only=True):
    """One request to the API that was answered: written, and acknowledged, before the answer leaves."""

    key_id: Annotated[Id, Meta(description="of the API key, never the key")]
    relay: Id
    remote: Annotated[str, Meta(description="the caller's address")]
    path: str
    asked_at_ms: Ms
    asked: tuple[Asked, ...]


class Refusal(msgspec.Struct, frozen=True):
    """What every refused request gets: one sentence that says what to change."""

    error: str
