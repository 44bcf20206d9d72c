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
    return f"~{keys.publication_id}.{_hmac(keys.publication, text)[:16]}"


@lru_cache(maxsize=1 << 16)
def state_pseudonym(keys: Keys, text: str) -> str:
    """`~<20 hex digits>` under the state key, for votes, findings and sanctions."""
    return "~" + _hmac(keys.state, text)[:20]


def person_key(keys: Keys, person: str) -> str:
    """`~<20 hex digits>` of a recipient or reporter under the state key: keyed BLAKE2 (RFC 7693), at half the cost of
    an HMAC. Not cached: recipients hardly ever come twice."""
    hashed = _keyed(keys.state, 10).copy()
    hashed.update(person.encode("utf-8", "replace"))
    return "~" + hashed.hexdigest()


@lru_cache(maxsize=1 << 16)
def partner_pseudonym(key: bytes, number: str) -> str:
    """40 hex digits of a number under the key that two carriers share (HMAC-SHA256, RFC 2104)."""
    return _hmac(key, number)[:40]


def _hmac(key: bytes, text: str) -> str:
    """HMAC-SHA256 in hex; from a copy that has taken the key, which is half the work."""
    hashed = _begun(key).copy()
    hashed.update(text.encode("utf-8", "replace"))
    return hashed.hexdigest()


@lru_cache(maxsize=64)
def _begun(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod="sha256")


def partner_key_id(key: bytes) -> str:
    """16 hex digits by which two carriers see that they hold the same key."""
    return hmac.digest(key, b"dualblock partner key", "sha256").hex()[:16]


def input_hash(keys: Keys, raw: bytes) -> str:
    """11 characters (64 bits) that prove which bytes were decided, without showing them."""
    hashed = _keyed(keys.publication, 8).copy()
    hashed.update(raw)
    return brief(hashed.digest())


@lru_cache(maxsize=16)
def _keyed(key: bytes, size: int) -> blake2b:
    """A hash that has taken the key."""
    return blake2b(digest_size=size, key=key[:64])
