"""What a decoder promises: any bytes → a value, or one of its documented errors; and what it took stays the same.

A `Target` is one decoder or loader. Hypothesis (`test_targets.py`) and atheris (`atheris_run.py`) drive the same ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

V = TypeVar("V")

#: What msgspec raises for bytes that are no such record (its own errors are ValueErrors). Whoever decodes catches both.
NOT_A_RECORD = (ValueError, RecursionError)
EXAMPLES = Path(__file__).parents[1] / "contracts" / "examples"


class Target(NamedTuple):
    """check: returns, or raises what must never be raised. seeds: inputs that mean something, to be spoilt.

    json: the seeds are JSON values, which may be spoilt by structure as well. found: what broke the promise once.
    """

    name: str
    check: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    json: bool = True
    found: tuple[bytes, ...] = ()


def kept(
    decode: Callable[[bytes], V], encode: Callable[[V], bytes], *errors: type[Exception]
) -> Callable[[bytes], V | None]:
    """A check: `decode` gives a value or raises one of `errors`; a value that it gives is written and read again."""

    def check(raw: bytes) -> V | None:
        try:
            value = decode(raw)
        except errors:
            return None
        again = encode(value)
        read = decode(again)
        assert read == value, f"read again it is {read!r}, not {value!r}"
        assert encode(read) == again
        return value

    return check


def taken(decode: Callable[[bytes], V], *errors: type[Exception]) -> Callable[[bytes], V | None]:
    """A check: `decode` gives a value or raises one of `errors`."""

    def check(raw: bytes) -> V | None:
        try:
            return decode(raw)
        except errors:
            return None

    return check


def examples(*topics: str) -> tuple[bytes, ...]:
    """The contracts' examples of some topics, one record each."""
    records: list[Any] = []
    for topic in topics:
        records += json.loads((EXAMPLES / f"{topic}.json").read_text(encoding="utf-8"))
    return tuple(json.dumps(record, ensure_ascii=False).encode() for record in records)


def with_field(raw: bytes, value: bytes) -> bytes:
    """A JSON object with one more field, which no contract knows."""
    return raw.rstrip()[:-1] + b',"x":' + value + b"}"


#: For fields that nobody knows: readers skip them, and skipping recurses, too.
DEEP = b"[" * 5000 + b"]" * 5000
LONG = b"9" * 5000


def lines(*topics: str) -> bytes:
    """The same as NDJSON."""
    return b"\n".join(examples(*topics)) + b"\n"
