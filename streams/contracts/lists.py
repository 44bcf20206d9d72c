"""`policy` under `<jurisdiction>/list:<name>`: phrases and patterns of one category, with owner and expiry."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from streams.contracts.base import Id, Ms, Record

Category = Literal["fraud", "phishing", "impersonation", "adult", "gambling"]
#: What stands between jurisdiction and name in a list's key.
LIST_MARK = "/list:"


class ListItem(Record, frozen=True, kw_only=True):
    """A phrase or a pattern. Decisions name it by `id` only."""

    id: Annotated[str, Meta(min_length=1, max_length=32)]
    text: Annotated[str, Meta(min_length=1, max_length=512, description="phrase as it is written, or RE2 pattern")]


class ContentList(Record, frozen=True, kw_only=True):
    """What a list says. Packs name it by the hash of these bytes, so it never changes under a decision."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    category: Category
    owner: Annotated[str, Meta(min_length=1, description="who answers for it")]
    expires_ms: Annotated[Ms, Meta(description="from then on it is UNKNOWN what it says")]
    phrases: Annotated[tuple[ListItem, ...], Meta(max_length=200_000)] = ()
    patterns: Annotated[tuple[ListItem, ...], Meta(max_length=256)] = ()


class ListPart(Record, frozen=True, kw_only=True):
    """One version of a list."""

    hash: Annotated[Id, Meta(description="sha256: over the list's JSON, as packs name it")]
    published_ms: Ms
    data: Annotated[str, Meta(max_length=900_000, description="the list's JSON, zlib, base64")]


class ListRow(Record, frozen=True, kw_only=True):
    """Key `<jurisdiction>/list:<name>`. The version before stays for the policy that still names it."""

    key: Annotated[str, Meta(min_length=1, max_length=256)]
    current: ListPart
    previous: ListPart | None = None
