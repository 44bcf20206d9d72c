"""The directive agent's step: an order by reference number → a finding in the form that sanctions are keyed by.

Who gave it is shown by a signature under a key that the policy lists; which versions of a reference have come is kept,
so that an old one can't be played again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec
import orjson

from streams.contracts.base import Count, Id, Record
from streams.contracts.messages import Message, Sender
from streams.contracts.reports import Directive
from streams.contracts.reputation import Finding
from streams.engine.accounts import WRITTEN
from streams.engine.case import Case
from streams.engine.hosts import hosts
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.sanctioning import finding_of
from streams.engine.subjects import sender_subject
from streams.engine.view import View

FORM = "dualblock-directive/1"
#: (format, payload, signature, public key) → whether it is that key's signature of that payload.
Fits = Callable[[str, bytes, str, str], bool]


class Taken(Record, frozen=True, kw_only=True):
    """A version of an order that was carried out. offset: where it stood, to know a redelivery from a replay."""

    version: Count
    digest: Id
    offset: int


class Orders(Record, frozen=True, kw_only=True):
    """What came under one reference: its subject, and every version in the order of coming."""

    subject: str
    taken: tuple[Taken, ...]


def payload_of(raw: bytes) -> bytes:
    """What is signed of an order: its JSON without the signature, keys sorted, no spaces; fields that this version does
    not know are a part of it. Raises ValueError."""
    data = orjson.loads(raw)
    if not isinstance(data, dict):
        raise ValueError("NOT_A_DIRECTIVE: no JSON object")
    data.pop("signature", None)
    return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)


def verify(directive: Directive, payload: bytes, view: View, policies: Policies, fits: Fits) -> None:
    """Raise ValueError with a reason code unless the order is its authority's, by the policy of when it was recorded.

    A key that the newest policy revokes fails whatever it signed, whenever.
    """
    rules = policies.at(view, directive.recorded_at_ms).pack.orders
    signature = directive.signature
    if signature is None:
        if directive.authority in rules.unsigned:
            return
        raise ValueError(f"NOT_SIGNED: the policy takes nothing unsigned from {directive.authority}")
    key = rules.keys.get(signature.key)
    if key is None:
        raise ValueError(f"UNKNOWN_KEY: the policy of that time lists no key {signature.key}")
    newest = policies.at(view, 2**53).pack.orders.keys.get(signature.key)
    if key.revoked or (newest is not None and newest.revoked):
        raise ValueError(f"KEY_REVOKED: {signature.key} signs nothing any more")
    if key.authority != directive.authority:
        raise ValueError(f"KEY_OF_ANOTHER: {signature.key} is a key of {key.authority}, not of {directive.authority}")
    if not fits(FORM, payload, signature.value, key.public):
        raise ValueError("BAD_SIGNATURE: it was changed after signing, or signed with another key")


def take(held: Orders | None, directive: Directive, payload: bytes, offset: int) -> Orders:
    """What is known of the reference with this version. Raises ValueError with a reason code; nothing is taken then.

    The newest version again, or one from the very place where it was read before, is a redelivery and changes nothing.
    """
    digest = hashlib.sha256(payload).hexdigest()[:20]
    new = Taken(version=directive.version, digest=digest, offset=offset)
    if held is None:
        return Orders(subject=directive.subject, taken=(new,))
    newest = max(taken.version for taken in held.taken)
    same = next((taken for taken in held.taken if taken.version == new.version), None)
    if same is not None and same.digest != digest:
        raise ValueError(f"VERSION_REUSED: version {new.version} said something else; give the change a new version")
    if same is not None and (new.version == newest or same.offset == offset):
        return held
    if new.version < newest:
        raise ValueError(f"OLD_VERSION: version {new.version}, but {newest} is known")
    if directive.subject != held.subject:
        raise ValueError(f"SUBJECT_CHANGED: {directive.reference} is about {held.subject}; give a new order")
    return msgspec.structs.replace(held, taken=(*held.taken, new))


def direct(directive: Directive, view: View, policies: Policies, keys: Keys) -> Finding:
    """The finding of a directive. Raises ValueError with a reason code when it names no subject or releases nothing."""
    kind, _, name = directive.subject.partition(":")
    kinds: tuple[str, ...] = ("sender", "account", "reseller", "relay", "campaign", "host")
    if directive.act == "release":
        kinds = (*kinds, "pair")  # a relief of the breaker: only ended by an order, never given
    if not name or kind not in kinds:
        raise ValueError(f"NO_SUBJECT: {directive.subject!r} is not kind:name with a kind that can be sanctioned")
    if kind == "host":
        _host(name, policies.at(view, directive.recorded_at_ms).pack.shared_hosts)
    if directive.act == "expel" and kind not in ("reseller", "relay"):
        raise ValueError(f"NOT_EXPELLABLE: resellers and relays are expelled, not {directive.subject!r}")
    if kind != "sender" or name.startswith("~"):  # ~: already in the form of the sanctions topic
        return finding_of(directive, directive.subject)
    key, hash_sign, epoch = name.rpartition("#")
    if not (hash_sign and epoch.isdecimal()):  # service codes hold a # of their own
        return finding_of(directive, _keyed(name, directive, view, policies, keys))
    subject = _keyed(key, directive, view, policies, keys)
    return finding_of(directive, f"{subject.rpartition('#')[0]}#{epoch}")


def _host(name: str, shared: tuple[str, ...]) -> None:
    host, _, path = name.partition("/")
    if hosts(f"http://{host}") != (host,):
        raise ValueError(f"NO_SUCH_HOST: links are looked up by registered name, and {host} is none")
    if host in shared and not path.strip("/"):
        raise ValueError(f"SHARED_HOST: {host} is shared by strangers: an order names a path on it")
    if host not in shared and path:
        raise ValueError(f"PATH_OF_ONE_OWNER: all of {host} is one owner's: name the host alone")


def _keyed(key: str, directive: Directive, view: View, policies: Policies, keys: Keys) -> str:
    """A sender key as the gate looks for it: business senders in clear, others under the state key."""
    plain = key.startswith(("+", WRITTEN))
    address = key if plain else key.partition(":")[2].removeprefix("alnum:").removeprefix("code:")
    return sender_subject(case_of(address, directive.recorded_at_ms, view, policies), keys)


def case_of(address: str, at_ms: int, view: View, policies: Policies) -> Case:
    """A sender at a time, as if it had sent a message; for what must be found under the name that gates look for."""
    ott = address.removeprefix(WRITTEN) if address.startswith(WRITTEN) else None
    message = Message(
        event_id="-",
        producer="directive",
        event_time_ms=at_ms,
        ingested_at_ms=at_ms,
        leg="termination",
        channel="mt" if ott is None else "ott",
        traffic_class="a2p",
        sender=Sender(address=address),
        origin_id=ott,
        recipient="",
    )
    return Case(message, view, policies.at(view, at_ms))
