"""The recipients of a job as a Bloom filter over their state pseudonyms: a gate asks for one without the list.

Somebody who is in is always found; somebody who is not may be taken for one who is. So an error lets a message pass and
never blocks one: one stranger in a million up to 16 384 recipients, 0.05 % at 32 768, 0.7 % at 50 000
(docs/identity.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from streams.engine.pseudonym import Keys, person_key

MAX_BYTES = 64 * 1024
_BITS_EACH = 32


class Shape(NamedTuple):
    """A filter's size in bits and how many of them one recipient sets."""

    bits: int
    hashes: int


def shape(count: int) -> Shape:
    """The shape for so many recipients: 32 bits for each, up to 64 KiB; ln 2 times that as hashes, at most 16."""
    count = max(1, count)
    bits = min(MAX_BYTES, max(8, count * _BITS_EACH // 8)) * 8
    return Shape(bits, max(1, min(16, (bits * 693 // count + 500) // 1000)))


def filter_of(recipients: Iterable[str], count: int, keys: Keys) -> bytes:
    """The filter of so many recipients, each as E.164 with the plus."""
    bits, hashes = shape(count)
    found = bytearray(bits // 8)
    for recipient in recipients:
        for at in _places(recipient, keys, bits, hashes):
            found[at >> 3] |= 1 << (at & 7)
    return bytes(found)


def may_hold(held: bytes, count: int, recipient: str, keys: Keys) -> bool:
    """Whether a recipient may be among the `count` that the filter was made of; False is certain."""
    bits, hashes = shape(count)
    if len(held) * 8 != bits:
        return True  # made otherwise than ours: it proves nothing
    return all(held[at >> 3] >> (at & 7) & 1 for at in _places(recipient, keys, bits, hashes))


def _places(recipient: str, keys: Keys, bits: int, hashes: int) -> list[int]:
    """Enhanced double hashing (Dillinger and Manolios, 2004) over the two halves of the pseudonym's 80 bits."""
    digits = person_key(keys, recipient)
    one, two = int(digits[1:11], 16), int(digits[11:21], 16)
    found: list[int] = []
    for i in range(1, hashes + 1):
        found.append(one % bits)
        one += two
        two += i
    return found
