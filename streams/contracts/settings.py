"""`settings.requests`, `settings`: what a recipient wants to receive. Recipients stand under the state key only."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from streams.contracts.base import Entry, Id, Ms, Record

Recipient = Annotated[str, Meta(pattern="^~[0-9a-f]{20}$", description="pseudonym under the state key")]
Listed = Annotated[
    str, Meta(min_length=1, max_length=128, description="a sender's key: businesses in clear, people as ~pseudonym")
]
Keyword = Annotated[str, Meta(min_length=1, max_length=64)]
Filtered = Annotated[Literal["SPAM_BOX", "DROP"], Meta(description="what happens to a message that is filtered")]


class Wishes(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One recipient's own rules. Nothing set: everything is delivered."""

    mode: Annotated[Literal["open", "allow_only"], Meta(description="allow_only: nobody but those in `allow`")] = "open"
    block: Annotated[tuple[Listed, ...], Meta(max_length=500, description="senders never wanted")] = ()
    allow: Annotated[tuple[Listed, ...], Meta(max_length=500, description="senders wanted, whatever the text")] = ()
    keywords: Annotated[
        tuple[Keyword, ...], Meta(max_length=50, description="a text that holds one of them is filtered")
    ] = ()
    unknown: Annotated[bool, Meta(description="filter senders neither registered nor in `allow`")] = False
    block_action: Filtered = "DROP"
    filter_action: Annotated[Filtered, Meta(description="of mode, keywords and unknown")] = "SPAM_BOX"


class SettingsRequest(Record, frozen=True, kw_only=True):
    """A recipient's new rules, whole; or, with `wishes` null, the erasure of all that was ever set."""

    request_id: Id
    recipient: Recipient
    recorded_at_ms: Ms
    from_ms: Annotated[Ms | None, Meta(description="counts from then on; never before it was recorded")] = None
    wishes: Annotated[Wishes | None, Meta(description="null: erase")]


class SettingsEntry(Entry, frozen=True, kw_only=True, omit_defaults=True):
    """Rules that count from `from_ms` until a later version does."""

    request_id: Id
    wishes: Wishes


class SettingsRow(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What a recipient has set. Erased: an empty timeline that stays."""

    recipient: Recipient
    timeline: tuple[SettingsEntry, ...] = ()
    erased_at_ms: Annotated[Ms | None, Meta(description="requests recorded until then are forgotten")] = None
