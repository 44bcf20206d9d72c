"""Blocks: ten thousand states, one nibble each; the even number in the high half."""

import base64
import zlib

import pytest

from streams.engine.blocks import SIZE, STATES, decode, encode, state_at
from streams.engine.numberplan import block_key


def test_the_layout_is_the_designs() -> None:
    packed = zlib.decompress(base64.b64decode(encode({0: "active", 1: "terminated", 9999: "ported_out"})))
    assert (len(packed), packed[0], packed[-1]) == (5000, 0x24, 0x05)
    assert STATES == ("unknown", "unallocated", "active", "suspended", "terminated", "ported_out")


@pytest.mark.parametrize("default", STATES)
def test_what_goes_in_comes_out(default: str) -> None:
    states = {n: STATES[n % 6] for n in range(0, SIZE, 7)}
    packed = encode(states, next(s for s in STATES if s == default))
    assert all(state_at(packed, n) == states.get(n, default) for n in range(0, SIZE, 3))


def test_decode_leaves_the_unknown_out() -> None:
    assert decode(encode({7: "active", 8: "unknown"})) == {7: "active"}


@pytest.mark.parametrize(
    "states",
    ["", "not base64!", "AAAA", base64.b64encode(zlib.compress(b"\x22")).decode(),
     base64.b64encode(zlib.compress(b"\xff" * 5000)).decode()],
)  # fmt: skip
def test_what_is_no_block(states: str) -> None:
    with pytest.raises(ValueError):
        state_at(states, 0)


def test_no_more_is_unpacked_than_a_block_has() -> None:
    bomb = base64.b64encode(zlib.compress(bytes(10_000_000))).decode()
    with pytest.raises(ValueError, match="not 5001$"):
        state_at(bomb, 0)


def test_a_block_that_breaks_off_before_its_checksum_is_none() -> None:
    whole = base64.b64decode(encode({7: "active"}))
    with pytest.raises(ValueError, match="break off"):
        state_at(base64.b64encode(whole[:-2]).decode(), 7)


def test_the_key_is_the_number_without_its_last_four() -> None:
    assert block_key("+821055501111") == "block:+82105550"
    assert block_key("kr:15881234") == "block:kr:1588"
