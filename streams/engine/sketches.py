"""Bottom-k sketches: the k smallest hashes of what was seen, each with what was seen of it.

A hash that is among the k smallest of a union is among the k smallest of every part that holds it, so no part has lost
anything of it: merging is associative, commutative and exact for what is kept (Cohen and Kaplan, "Summarizing data
using bottom-k sketches", PODC 2007). A library's HyperLogLog would count distinct numbers only; here each kept hash
also says *which* numbers of a block were sent to, and how often a text was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b

#: Blocks of numbers, texts, and routes or peers that a sketch keeps.
BLOCKS, TEXTS, NAMES = 64, 32, 32
Sketch = tuple[tuple[int, int], ...]
#: Hashes are integers that JSON keeps exact.
HASH_BITS = 53


def hashed(text: str, key: bytes = b"") -> int:
    """53 bits of BLAKE2b (RFC 7693), keyed where `text` must not be found by trying."""
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=8, key=key[:64], person=b"shapes").digest()
    return int.from_bytes(digest, "big") >> (64 - HASH_BITS)


def least(held: Mapping[int, int], k: int) -> Sketch:
    """The k smallest hashes, rising, with what they hold."""
    return tuple([(name, held[name]) for name in sorted(held)[:k]])


def joined(a: Sketch, b: Sketch) -> Sketch:
    """Of blocks: every number that either saw."""
    out = dict(a)
    for name, bits in b:
        out[name] = out.get(name, 0) | bits
    return least(out, BLOCKS)


def summed(a: Sketch, b: Sketch) -> Sketch:
    """Of texts: how often both together saw them."""
    out = dict(a)
    for name, count in b:
        out[name] = out.get(name, 0) + count
    return least(out, TEXTS)


def united(a: Iterable[int], b: Iterable[int]) -> tuple[int, ...]:
    """Of routes or peers: all that either saw."""
    return tuple(sorted({*a, *b})[:NAMES])


def estimate(seen: int, held: int, greatest: int, k: int) -> int:
    """How much all of it would be, where `held` hashes of at most k saw `seen`: exact while fewer than k are held.

    With k held, the share of all hashes that lies below the greatest kept one tells the rest; the standard error of
    the number of hashes is about 1 / sqrt(k - 2), 13 % at 64.
    """
    if held < k or greatest <= 0:
        return seen
    return seen * ((k - 1) << HASH_BITS) // (k * greatest)
