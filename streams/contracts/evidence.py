"""Evidence bundles: one decision with everything that it rests on, for somebody who has neither Kafka nor keys.

A person's number never leaves the carrier. Where it stood in a row or in the message, the decision's own pseudonym
stands; what would still say too much (the text, other people's rows) is left out and named.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from streams.contracts.base import Count, Ms, Record

#: What the signature covers beside the payload (`streams.signing`).
FORMAT = "dualblock-evidence/1"
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Kept(Record, frozen=True, kw_only=True):
    """A record as it stands on a topic."""

    entity: Annotated[str, Meta(description="of the topic, e.g. registry.history")]
    partition: Count
    offset: Count
    key: str
    value: Annotated[str, Meta(description="the bytes, as UTF-8")]
    sha256: Annotated[Sha256, Meta(description="of these bytes")]


class ReadRow(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of `versions.read`: the row that was read.

    Without record and excerpt nothing stood under the key, or it is withheld.
    """

    entity: Annotated[str, Meta(description="registry, sanctions, settings …")]
    key: Annotated[str, Meta(description="as read; of a withheld one only the kind, e.g. permission:")]
    version: Annotated[str, Meta(description="as versions.read names it")]
    record: Annotated[Kept | None, Meta(description="the row as it stands on its history topic")] = None
    excerpt: Annotated[str | None, Meta(description="the row without other people's and the person's number")] = None
    sealed: Annotated[
        str | None, Meta(description="keyed hash of the record's bytes, where they stay at the carrier")
    ] = None
    withheld: bool = False


class StandIn(Record, frozen=True, kw_only=True):
    """What the sender grammar said of a sender who is a person."""

    kind: str
    word: Annotated[str | None, Meta(description="what a feed must be complete for, e.g. kr:mobile")] = None
    number: Annotated[bool, Meta(description="it is a number, with a status")] = False


class Statement(Record, frozen=True, kw_only=True):
    """What the carrier says, who has keys and all the bytes. Nobody else can see to it."""

    input: Annotated[bool, Meta(description="the message's bytes are still there, and hash to versions.input")]
    recomputes: Annotated[bool, Meta(description="all of the decision came out again, to the byte")]


class Evidence(Record, frozen=True, kw_only=True):
    """The payload of a bundle, as canonical JSON."""

    case: Literal["decision", "leak"]
    jurisdiction: Annotated[str, Meta(description="the carrier's own")]
    made_at_ms: Annotated[Ms, Meta(description="when the bundle was made")]
    made_by: Annotated[str, Meta(description="engine version of who made it")]
    decision: Kept
    message: Annotated[str | None, Meta(description="the event as JSON without what is withheld")] = None
    withheld: Annotated[tuple[str, ...], Meta(description="fields of the message that stay at the carrier")] = ()
    stand_in: StandIn | None = None
    reads: Annotated[tuple[ReadRow, ...], Meta(description="in the order of versions.read")] = ()
    feeds: Annotated[
        dict[str, tuple[Kept, ...]], Meta(description="heartbeats and manifests of the feeds that were asked for")
    ] = {}
    alike: Annotated[dict[str, tuple[str, ...]], Meta(description="skeleton → keys of rows that look like it")] = {}
    policies: Annotated[
        dict[str, Kept], Meta(description="jurisdiction → the published policy, of the carrier's own and the message's")
    ] = {}
    packs: Annotated[
        dict[str, dict[str, dict[str, Any]]], Meta(description="jurisdiction → profile → the pack as shipped")
    ] = {}
    statement: Statement
