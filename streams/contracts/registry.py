"""`feeds` and `registry`: the value under a key is a timeline (in `feeds`: the entries that are new)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from streams.contracts.base import Count, Entry, Id, Ms, Record
from streams.contracts.messages import Channel, Leg, Purpose, TrafficClass

BOTH_LEGS: tuple[Leg, ...] = ("origination", "termination")
NumberStatus = Annotated[
    Literal["unknown", "unallocated", "active", "suspended", "terminated", "ported_out"],
    Meta(description="ported_out: in service with another carrier"),
]
Key = Annotated[str, Meta(min_length=1, max_length=256, description="the record's key: kind:name")]
#: What an owner is known by, `kind:value`: `business:1234567890` in clear, every other kind under the state key.
OwnerKeys = Annotated[
    tuple[Annotated[str, Meta(pattern="^(business:[^~]|[a-z]{1,16}:~).*$", max_length=256)], ...],
    Meta(max_length=32, description="who is behind it: business:<id>, owner:~…, number:~…, hint:~…"),
]


class Routes(Record, frozen=True, kw_only=True):
    """Who may carry a sender. An empty list constrains nothing."""

    mode: Annotated[Literal["open", "listed", "exclusive"], Meta(description="only exclusive rows may BLOCK")] = (
        "listed"
    )
    relays: tuple[Id, ...] = ()
    resellers: tuple[Id, ...] = ()
    accounts: tuple[Id, ...] = ()


class SenderEntry(Entry, frozen=True, kw_only=True):
    state: Literal["active", "suspended"] = "active"
    owner: Annotated[Id | None, Meta(description="organisation, e.g. org:4410")] = None
    class_: Literal["business", "personal"] = msgspec.field(default="business", name="class")
    routes: Routes = Routes()
    legs: tuple[Leg, ...] = BOTH_LEGS
    dropped_by: Annotated[
        Id | None, Meta(description="the generation that ended it by no longer listing it; null: its end was stated")
    ] = None
    shared: Annotated[bool, Meta(description="several owners use this sender: its route binding proves nobody")] = False
    owner_keys: Annotated[OwnerKeys, Meta(description="of accounts (…:ott:…) only: who is behind it")] = ()


class ResellerEntry(Entry, frozen=True, kw_only=True):
    state: Literal["active", "suspended", "expelled"] = "active"
    certificate: Annotated[Id | None, Meta(description="number of the mass-sender certificate")] = None
    parent: Annotated[Id | None, Meta(description="relay or reseller above")] = None
    owner_keys: OwnerKeys = ()


class AccountEntry(Entry, frozen=True, kw_only=True):
    state: Literal["active", "suspended"] = "active"
    reseller: Id | None = None
    owner: Annotated[Id | None, Meta(description="organisation, as in sender rows")] = None
    networks: Annotated[tuple[str, ...], Meta(description="CIDR prefixes it sends from; empty = not listed")] = ()
    owner_keys: OwnerKeys = ()
    requires_job: Annotated[bool, Meta(description="it sends nothing without a job that it has signed")] = False


class RelayEntry(Entry, frozen=True, kw_only=True):
    state: Literal["active", "suspended"] = "active"
    international: Annotated[bool, Meta(description="it carries messages from abroad")] = False
    carrier: Annotated[Id | None, Meta(description="the carrier whose network it connects; null: none's")] = None
    jurisdiction: Annotated[
        Id | None, Meta(description="whose rules its senders keep (origination leg); null: the carrier's own")
    ] = None
    certificate: Annotated[Id | None, Meta(description="number of the mass-sender certificate")] = None
    owner_keys: OwnerKeys = ()


class CertificateEntry(Entry, frozen=True, kw_only=True):
    """A mass-sender certificate; it is valid for as long as an active entry counts."""

    holder: Annotated[Key, Meta(description="whose it is: reseller:<id> or relay:<id>")]
    state: Literal["active", "suspended"] = "active"
    channels: Annotated[tuple[Channel, ...], Meta(description="what it covers; empty = every channel")] = ()
    purposes: Annotated[tuple[Purpose, ...], Meta(description="what it covers; empty = every purpose")] = ()
    issuer: Annotated[Id | None, Meta(description="who issued it")] = None


class DnoEntry(Entry, frozen=True, kw_only=True):
    """Do-not-originate: the subscriber asked that nothing under this number come this way."""

    legs: tuple[Leg, ...] = BOTH_LEGS
    channels: tuple[Channel, ...] = ("mt",)
    classes: tuple[TrafficClass, ...] = ("a2p",)


class InstitutionEntry(Entry, frozen=True, kw_only=True):
    names: Annotated[tuple[str, ...], Meta(description="names that only it may use; compared by skeleton")]
    owner: Annotated[Id | None, Meta(description="organisation, as in sender and account rows")] = None
    accounts: Annotated[tuple[Id, ...], Meta(description="its accounts, beside those of its owner")] = ()


class PermissionEntry(Entry, frozen=True, kw_only=True):
    """The origin number may show the other number (the law has a closed list of reasons)."""

    reason: Annotated[str, Meta(description="which of the law's reasons")] = ""


class AllowEntry(Entry, frozen=True, kw_only=True):
    rank: Annotated[
        Literal["emergency", "protected"],
        Meta(
            description="emergency: above forgery checks; protected: above sanctions, while the route binding is PASS"
        ),
    ] = "protected"
    legs: tuple[Leg, ...] = BOTH_LEGS
    routes: Annotated[tuple[Id, ...], Meta(description="relays; an emergency allow needs one")] = ()
    owner: Annotated[str, Meta(min_length=1, description="who answers for it")]
    reason: Annotated[str, Meta(min_length=1, description="why it is allowed")]


class ConsentEntry(Entry, frozen=True, kw_only=True):
    """A recipient wants the owner's advertisements. Ended: taken back."""

    night: Annotated[bool, Meta(description="also in quiet hours: a consent of its own")] = False


class NetworkEntry(Entry, frozen=True, kw_only=True):
    """Whose signalling addresses these are. Key `network:gt:<digits>`: the longest prefix of an address counts."""

    network: Annotated[Id, Meta(description="as messages name it, e.g. MCC and MNC")]
    own: Annotated[bool, Meta(description="ours: it must never come in from abroad")] = False
    trusted: Annotated[bool, Meta(description="its addresses may differ: checks on them are skipped")] = False
    links: Annotated[tuple[Id, ...], Meta(description="link sets it may come in on; empty = not listed")] = ()


Coordinate = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{43}$", description="32 bytes, base64url")]


class PublicKey(Record, frozen=True, kw_only=True):
    """A public key as a JWK's members (RFC 7517; RFC 8037 for OKP)."""

    kty: Literal["OKP", "EC"]
    crv: Literal["Ed25519", "P-256"]
    x: Coordinate
    y: Annotated[Coordinate | None, Meta(description="EC only")] = None


class KeyEntry(Entry, frozen=True, kw_only=True):
    """A signing key's state. Its algorithm is pinned here; what an assertion says of itself changes nothing."""

    state: Annotated[
        Literal["active", "retired", "compromised"],
        Meta(description="retired: what was issued before still counts; compromised: nothing it signed does"),
    ] = "active"
    alg: Annotated[
        Literal["EdDSA", "Ed25519", "ES256"],
        Meta(description="the only algorithm it may be used with; Ed25519 as RFC 9864 names it, EdDSA as RFC 8037 did"),
    ]
    jwk: PublicKey


class NumberEntry(Entry, frozen=True, kw_only=True):
    status: NumberStatus
    owner_epoch: Annotated[Count, Meta(description="rises when the number is issued to somebody else")] = 0


class SenderRow(Record, frozen=True, kw_only=True, tag_field="kind", tag="sender"):
    key: Key
    timeline: tuple[SenderEntry, ...]


class ResellerRow(Record, frozen=True, kw_only=True, tag_field="kind", tag="reseller"):
    key: Key
    timeline: tuple[ResellerEntry, ...]


class AccountRow(Record, frozen=True, kw_only=True, tag_field="kind", tag="account"):
    key: Key
    timeline: tuple[AccountEntry, ...]


class RelayRow(Record, frozen=True, kw_only=True, tag_field="kind", tag="relay"):
    key: Key
    timeline: tuple[RelayEntry, ...]


class CertificateRow(Record, frozen=True, kw_only=True, tag_field="kind", tag="certificate"):
    """Key `certificate:<number>`; the holder's own row names the number."""

    key: Key
    timeline: tuple[CertificateEntry, ...]


class DnoRow(Record, frozen=True, kw_only=True, tag_field="kind", tag="dno"):
    key: Key
    timeline: tuple[DnoEntry, ...]


class InstitutionRow(Record, frozen=True, kw_only=True, tag_field="kind", tag="institution"):
    key: Key
    timeline: tuple[InstitutionEntry, ...]


class PermissionRow(Record, frozen=True, kw_only=True, tag_field="kind", tag="permission"):
    key: Key
    timeline: tuple[PermissionEntry, ...]


class AllowRow(Record, frozen=True, kw_only=True, tag_field="kind", tag="allow"):
    key: Key
    timeline: tuple[AllowEntry, ...]


class ConsentRow(Record, frozen=True, kw_only=True, tag_field="kind", tag="consent"):
    """Key `consent:<owner>>~<recipient>`; the recipient as a pseudonym under the state key, never in clear."""

    key: Key
    timeline: tuple[ConsentEntry, ...]


class NetworkRow(Record, frozen=True, kw_only=True, tag_field="kind", tag="network"):
    key: Key
    timeline: tuple[NetworkEntry, ...]


class KeyRow(Record, frozen=True, kw_only=True, tag_field="kind", tag="key"):
    """Key `key:<account>/<kid>`: a key that an account signs its bulk sends with."""

    key: Key
    timeline: tuple[KeyEntry, ...]


class NumberRow(Record, frozen=True, kw_only=True, tag_field="kind", tag="number"):
    """A change more recent than the number's block; read before it."""

    key: Key
    timeline: tuple[NumberEntry, ...]


class BlockStates(Record, frozen=True, kw_only=True):
    generation: Annotated[Id, Meta(description="name of the import that it came with")]
    as_of_ms: Ms
    states: Annotated[str, Meta(description="10 000 nibbles, zlib, base64; 0 unknown … 5 ported_out")]


class BlockRow(Record, frozen=True, kw_only=True, tag_field="kind", tag="block"):
    """10 000 numbers, the unit in which authorities allocate."""

    key: Key
    current: BlockStates
    previous: Annotated[BlockStates | None, Meta(description="for readers at a time before the current one")] = None


TimelineRow = (
    SenderRow | ResellerRow | AccountRow | RelayRow | DnoRow | InstitutionRow | PermissionRow | AllowRow | ConsentRow
    | NumberRow | CertificateRow | NetworkRow | KeyRow
)  # fmt: skip
Row = TimelineRow | BlockRow
