"""Inputs that were once good: examples cut, spliced, given wrong types, huge numbers, half characters, deep nests.

Beside them bytes of no meaning at all. JSON is written by hand here, so that it can hold what no library would write.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st


class Verbatim(bytes):
    """Stands in a tree for bytes that are written as they are."""


#: What goes where something else belongs.
NASTY: tuple[bytes, ...] = (
    b"null", b"true", b'""', b"[]", b"{}", b"[null]", b'{"":{}}', b"0", b"-1", b"-0", b"0.5", b"1e400", b"-1e400",
    b"9007199254740992", b"9007199254740993", b"-9007199254740993", b"9223372036854775808", b"18446744073709551616",
    b"-18446744073709551617", b"9" * 400, b"9" * 5000, b"01", b"NaN", b"Infinity", b"-", b"+1", b"0x10", b"1E2",
    b'"\\u0000"', b'"\\ud83d"', b'"\\udc00\\ud800"', b'"\xed\xa0\x80"', b'"\xff"', b'"\x00"', b'"\n"', b'"\\x41"', b'"',
    b'" "', b'"0"', b'"-1"', b'"1e5"', b'"' + b"A" * 257 + b'"', b'"' + b"\xc3\xa9" * 200 + b'"',
    b'"' + b"x" * 70_000 + b'"', '"\U0001f4a9"'.encode(), '"\u2028\u202e\ufeff"'.encode(), '"٣²Ⅷ"'.encode(), b'"~"',
    b'"#"', b'":"', b'"kr:"', b'"%s{}"', b'"../../x"', b"[" * 300 + b"]" * 300, b"[" * 5000 + b"]" * 5000,
    b'{"a":' * 3000 + b"1" + b"}" * 3000, b"[" * 100_000, b'"2025-12-17T09:00:00Z"', b'"AAAA"', b'"eJw="',
    b'"203.0.113.0/33"', b'"::/0"', b'"Asia/Seoul"', b'"BLOCK"', b'"(a+)+b"',
)  # fmt: skip
#: What is done to a place of a tree, and to a stretch of bytes.
ACTS = ("nasty", "nasty", "nasty", "moved", "dropped", "doubled", "unknown", "number", "text")
ODD_NAMES = ("", "x", "\x00", "self", "__class__")
ODD_BYTES = (b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r", b"\n", b'"', b"[" * 3000)


def dump(value: Any) -> bytes:
    """JSON, pairs in their order; a list of pairs under `Pairs` may repeat a name."""
    if isinstance(value, Verbatim):
        return bytes(value)
    if isinstance(value, Pairs):
        return b"{" + b",".join(json.dumps(k).encode() + b":" + dump(v) for k, v in value) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(dump(v) for v in value) + b"]"
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


class Pairs(list[Any]):
    """An object as [name, value] lists."""


def tree(value: Any) -> Any:
    """A parsed value with objects as pairs."""
    if isinstance(value, dict):
        return Pairs([k, tree(v)] for k, v in value.items())
    return [tree(v) for v in value] if isinstance(value, list) else value


def places(value: Any, found: list[tuple[list[Any], int]] | None = None) -> list[tuple[list[Any], int]]:
    """Every place of a tree that holds a value: (list, index)."""
    found = [] if found is None else found
    if isinstance(value, Pairs):
        for pair in value:
            found.append((pair, 1))
            places(pair[1], found)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found.append((value, index))
            places(inner, found)
    return found


def each_place(seed: bytes) -> Iterator[bytes]:
    """A seed with each of its values replaced by each of what does not belong there, one at a time."""
    for number in range(len(places([tree(json.loads(seed))]))):
        for nasty in NASTY:
            root = [tree(json.loads(seed))]
            where, at = places(root)[number]
            where[at] = Verbatim(nasty)
            yield dump(root[0])


@st.composite
def spoilt_json(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """A seed with one to four of its values replaced, dropped, doubled, moved, or joined by unknown ones."""
    root = [tree(json.loads(draw(st.sampled_from(seeds))))]
    for _ in range(draw(st.integers(1, 4))):
        held = places(root)
        where, at = held[draw(st.integers(0, len(held) - 1))]
        act = draw(
            st.sampled_from(("nasty", "nasty", "nasty", "moved", "dropped", "doubled", "unknown", "number", "text"))
        )
        if act == "nasty":
            where[at] = Verbatim(draw(st.sampled_from(NASTY)))
        elif act == "number":
            where[at] = draw(st.one_of(st.integers(), st.integers(-(2**54), 2**54)))
        elif act == "text":
            where[at] = draw(st.text(max_size=40))
        elif act == "moved":
            other, there = held[draw(st.integers(0, len(held) - 1))]
            where[at] = copy.deepcopy(other[there])
        elif isinstance(where[at], Pairs) and where[at]:
            inner = where[at]
            pair = inner[draw(st.integers(0, len(inner) - 1))]
            if act == "dropped":
                inner.remove(pair)
            elif act == "doubled":
                inner.append([pair[0], Verbatim(draw(st.sampled_from(NASTY)))])
            else:
                inner.append(
                    [
                        draw(st.sampled_from(("", "x", "\x00", "self", "__class__"))),
                        Verbatim(draw(st.sampled_from(NASTY))),
                    ]
                )
        elif isinstance(where[at], list) and where[at] and act != "unknown":
            where[at] = where[at][:-1] if act == "dropped" else where[at] * draw(st.integers(2, 40))
    return dump(root[0])


@st.composite
def spoilt_bytes(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """A seed cut, with bytes changed, put in or taken out, or joined to another seed."""
    raw = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        act = draw(st.sampled_from(("cut", "put", "flip", "splice", "nasty", "out")))
        if act == "cut":
            del raw[at:]
        elif act == "put":
            raw[at:at] = draw(st.binary(max_size=8))
        elif act == "flip" and at < len(raw):
            raw[at] ^= 1 << draw(st.integers(0, 7))
        elif act == "splice":
            raw[at:] = draw(st.sampled_from(seeds))[draw(st.integers(0, 200)) :]
        elif act == "nasty":
            raw[at:at] = draw(
                st.sampled_from(
                    (b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r", b"\n", b'"', b"[" * 3000)
                )
            )
        elif act == "out":
            del raw[at : at + draw(st.integers(1, 20))]
    return bytes(raw)


def inputs(seeds: Sequence[bytes], *, is_json: bool) -> st.SearchStrategy[bytes]:
    """Spoilt seeds, the seeds in other encodings, and plain bytes."""
    kinds = [spoilt_bytes(seeds), st.binary(max_size=400), st.sampled_from([*seeds, *(recoded(s) for s in seeds)])]
    return st.one_of(spoilt_json(seeds), spoilt_json(seeds), *kinds) if is_json else st.one_of(*kinds[:1], *kinds)


def recoded(raw: bytes) -> bytes:
    """As a Windows tool would have saved it."""
    return raw.decode("utf-8", "replace").encode("utf-16")
