"""Pseudonyms: people's numbers leave the engine only as keyed hashes.

A plain hash of a phone number is undone by trying all of them, so the hash is keyed (HMAC, RFC 2104). Publication keys
rotate freely; the state key, under which votes and sanctions are kept, changes only by migration.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING, NamedTuple

from streams.engine.short import brief

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

#: Bytes that SHA-256 takes at once.
_BLOCK = 64


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
    """HMAC-SHA256 in hex, from copies that have taken the key: a quarter of what a new one costs, and half of what a
    copy of the library's does, which is an object around each step."""
    begun, ended = _begun(key)
    inner, outer = begun.copy(), ended.copy()
    inner.update(text.encode("utf-8", "replace"))
    outer.update(inner.digest())
    return outer.hexdigest()


@lru_cache(maxsize=64)
def _begun(key: bytes) -> tuple[Hash, Hash]:
    """The two hashes of RFC 2104 after the key, as its section 4 has them kept."""
    block = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return sha256(bytes([byte ^ 0x36 for byte in block])), sha256(bytes([byte ^ 0x5C for byte in block]))


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
