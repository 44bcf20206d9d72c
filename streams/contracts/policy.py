"""`policy`: which pack and profile a jurisdiction runs, and what was laid over the shipped pack."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from streams.contracts.base import Entry, Id, Record

Profile = Literal["observe", "enforce"]


class PolicyEntry(Entry, frozen=True, kw_only=True):
    profile: Annotated[Profile, Meta(description="observe: decide and say, block nothing")] = "observe"
    pack: Annotated[dict[str, Any], Meta(description="laid over the shipped pack, key by key")] = {}


class PolicyRow(Record, frozen=True, kw_only=True):
    """Key: the jurisdiction. No row = the shipped pack in profile observe: all is allowed and observed."""

    jurisdiction: Annotated[Id, Meta(description="name of a shipped pack, e.g. kr")]
    timeline: tuple[PolicyEntry, ...]
