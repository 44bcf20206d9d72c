"""Pseudonyms: people's numbers leave the engine only as keyed hashes.

A plain hash of a phone number is undone by trying all of them, so the hash is keyed (HMAC, RFC 2104). Publication keys
rotate freely; the state key, under which votes and sanctions are kept, changes only by migration.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from streams.engine.short import brief


class Keys(NamedTuple):
    """publication_id: at most 8 characters, shown in every pseudonym so that readers know which key it was.
    partners: (carrier, key) of those who share blacklists with us; people's numbers stand there under this key."""

    publication_id: str
    publication: bytes
    state: bytes
    partners: tuple[tuple[str, bytes], ...] = ()


@lru_cache(maxsize=1 << 16)
def pseudonym(keys: Keys, text: str) -> str:
    """`~<key id>.<16 hex digits>` under the publication key, of a sender."""
    return recipient_pseudonym(keys, text)


def recipient_pseudonym(keys: Keys, text: str) -> str:
    """The same of anybody. Not cached: recipients hardly ever come twice, and would push the senders out."""
    return (
        f"~{keys.publication_id}.{hmac.digest(keys.publication, text.encode('utf-8', 'replace'), 'sha256').hex()[:16]}"
    )


@lru_cache(maxsize=1 << 16)
def state_pseudonym(keys: Keys, text: str) -> str:
    """`~<20 hex digits>` under the state key, for votes, findings and sanctions."""
    return state_once(keys, text)


def state_once(keys: Keys, text: str) -> str:
    """The same, not remembered: for recipients."""
    return "~" + hmac.digest(keys.state, text.encode("utf-8", "replace"), "sha256").hex()[:20]


def person_key(keys: Keys, person: str) -> str:
    """`~<20 hex digits>` of a recipient or reporter under the state key: keyed BLAKE2 (RFC 7693), at half the cost of
    an HMAC. Not cached: recipients hardly ever come twice."""
    return "~" + blake2b(person.encode("utf-8", "replace"), digest_size=10, key=keys.state[:64]).hexdigest()


@lru_cache(maxsize=1 << 16)
def partner_pseudonym(key: bytes, number: str) -> str:
    """40 hex digits of a number under the key that two carriers share (HMAC-SHA256, RFC 2104)."""
    return hmac.digest(key, number.encode("utf-8", "replace"), "sha256").hex()[:40]


def partner_key_id(key: bytes) -> str:
    """16 hex digits by which two carriers see that they hold the same key."""
    return hmac.digest(key, b"dualblock partner key", "sha256").hex()[:16]


def input_hash(keys: Keys, raw: bytes) -> str:
    """11 characters (64 bits) that prove which bytes were decided, without showing them."""
    return brief(blake2b(raw, digest_size=8, key=keys.publication[:64]).digest())
