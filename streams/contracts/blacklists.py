"""`blacklists`: who a partner has found to be sending abuse, as its signed lists say; and such a list as a file.

A list names what its issuer has confirmed on its own evidence. Businesses and hosts stand in clear; people only as
`person:` and a keyed hash, under a key that the issuer shares with one partner.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from streams.contracts.base import Count, Entry, Id, Ms, Record

#: Key prefix of the manifests: how far each issuer's lists were taken.
MANIFEST = "~manifest:"

Party = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,39}$", description="a carrier, as its partners name it")]
Trust = Annotated[
    Literal["shadow", "label", "block"],
    Meta(description="the most that an entry may do: be shown in decisions, label, or block"),
]
Grounds = Annotated[
    Literal["person", "regulator", "appeal_refused", "unappealed"],
    Meta(description="why the sanction behind it is confirmed"),
]
ListedSubject = Annotated[
    str,
    Meta(
        pattern="^(sender:.{1,128}|host:.{1,253}|ip:[0-9a-f.:]{2,45}|person:[0-9a-f]{40})$",
        description="sender:+8215… or sender:kr:15881234, host:name, ip:address, or person:keyed hash",
    ),
]
Hash = Annotated[
    str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256 over the canonical JSON of all entries, by subject")
]
KeyId = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]


class BlacklistItem(Record, frozen=True, kw_only=True):
    """One subject on a list. A number is meant as of `observed_at_ms`: who has it since then is not."""

    subject: ListedSubject
    observed_at_ms: Annotated[Ms, Meta(description="when the issuer's sanction was recorded")]
    expires_ms: Annotated[Ms, Meta(description="the issuer stands by it until then at the longest")]
    reason: Annotated[Id, Meta(description="the sanction's code")]
    grounds: Grounds
    counts: Annotated[dict[str, Count], Meta(description="the issuer's own reports behind it, by window")] = {}


class BlacklistFile(Record, frozen=True, kw_only=True):
    """A list as it is signed. A snapshot is the whole list; a delta, what changed since the snapshot `base`."""

    issuer: Party
    audience: Annotated[Party | None, Meta(description="the partner it was made for; null: anybody")] = None
    sequence: Annotated[int, Meta(ge=1, le=2**53, description="grows with each list of the issuer for this audience")]
    base: Annotated[Count | None, Meta(description="a delta: the sequence that it changes; null: a snapshot")] = None
    digest: Annotated[Hash, Meta(description="of all entries of the list, which a delta leads to")]
    issued_at_ms: Ms
    fresh_until_ms: Annotated[Ms, Meta(description="without a newer list no entry counts from then on")]
    persons_key: Annotated[KeyId | None, Meta(description="which key people's numbers stand under")] = None
    entries: Annotated[tuple[BlacklistItem, ...], Meta(description="by subject; a delta: new or changed ones")]
    removed: Annotated[tuple[ListedSubject, ...], Meta(description="a delta: subjects that are no longer listed")] = ()


class BlacklistEntry(Entry, frozen=True, kw_only=True):
    """What a list said of a subject, while it counts: until it expires, is delisted, or the list is no longer fresh.

    `version` is the time at which the list was taken.
    """

    trust: Trust
    seq: Annotated[Count, Meta(description="of the list that brought it")]
    observed_at_ms: Ms
    expires_ms: Ms
    reason: Id
    grounds: Grounds
    counts: dict[str, Count] = {}


class BlacklistRow(Record, frozen=True, kw_only=True):
    """A subject on one issuer's list."""

    key: Annotated[str, Meta(max_length=512, description="<issuer>:<subject>")]
    timeline: tuple[BlacklistEntry, ...]


class BlacklistManifest(Record, frozen=True, kw_only=True):
    """How far an issuer's lists were taken, under `~manifest:<issuer>`. What is older is never taken again."""

    issuer: Party
    seq: Count
    digest: Hash
    trust: Trust
    since_ms: Annotated[Ms, Meta(description="from when on the issuer's lists are looked at: the first one's effect")]
    recorded_at_ms: Ms
    fresh_until_ms: Ms
    entries: Annotated[Count, Meta(description="how many subjects the list holds")]
    persons_key: KeyId | None = None


def manifest_key(issuer: str) -> str:
    """`~manifest:carrier-b`."""
    return MANIFEST + issuer


def row_key(issuer: str, subject: str) -> str:
    """`carrier-b:sender:kr:15881234`."""
    return f"{issuer}:{subject}"


def key_of(value: BlacklistRow | BlacklistManifest) -> str:
    """Under which key a value stands on `blacklists`."""
    return manifest_key(value.issuer) if isinstance(value, BlacklistManifest) else value.key
