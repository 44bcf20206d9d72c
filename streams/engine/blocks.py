"""Number blocks: 10 000 states, one nibble each, the even number in the high half; zlib, base64."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from functools import lru_cache

from streams.contracts.registry import NumberStatus

STATES: tuple[NumberStatus, ...] = ("unknown", "unallocated", "active", "suspended", "terminated", "ported_out")
SIZE = 10_000
_KNOWN = dict.fromkeys(map(ord, "0123456789abcdef"[: len(STATES)]))


def encode(states: Mapping[int, NumberStatus], default: NumberStatus = "unknown") -> str:
    """Pack states by index 0..9999; numbers that are not named get `default`."""
    nibble = STATES.index(default)
    packed = bytearray([nibble << 4 | nibble]) * (SIZE // 2)
    for index, state in states.items():
        code, at = STATES.index(state), index >> 1
        packed[at] = (packed[at] & 0xF0 | code) if index & 1 else (packed[at] & 0x0F | code << 4)
    return base64.b64encode(zlib.compress(bytes(packed), 6)).decode()


@lru_cache(maxsize=4096)
def _unpack(states: str) -> bytes:
    stream = zlib.decompressobj()
    try:
        # No more than a block has: a few kilobytes of zlib can say a gigabyte.
        packed = stream.decompress(base64.b64decode(states, validate=True), SIZE // 2 + 1)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"block states are not zlib in base64: {error}") from error
    if len(packed) == SIZE // 2 and not stream.eof:
        raise ValueError("block states break off before their checksum")
    if len(packed) != SIZE // 2:
        raise ValueError(f"a block has {SIZE // 2} bytes, not {len(packed)}")
    return packed


def state_at(states: str, index: int) -> NumberStatus:
    """The state of one number of the block. Raises ValueError when the block does not decode or has an unknown code."""
    byte = _unpack(states)[index >> 1]
    code = byte & 0x0F if index & 1 else byte >> 4
    if code >= len(STATES):
        raise ValueError(f"no such state: {code}")
    return STATES[code]


def decode(states: str) -> dict[int, NumberStatus]:
    """All states that are not `unknown`, by index. Raises ValueError as `state_at`."""
    check_states(states)
    return {i: STATES[int(code)] for i, code in enumerate(_unpack(states).hex()) if code != "0"}


def check_states(states: str) -> None:
    """Raises ValueError where `state_at` would for a number of the block."""
    other = _unpack(states).hex().translate(_KNOWN)
    if other:
        raise ValueError(f"no such state: {int(other[0], 16)}")
