"""What every record on a topic has in common: frozen, unknown fields ignored, new fields defaulted."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

#: Times are milliseconds since 1970-01-01T00:00:00Z; 2**53 is where JSON numbers stop being exact.
Ms = Annotated[int, Meta(ge=-(2**53), le=2**53, description="milliseconds since the Unix epoch, UTC")]
Id = Annotated[str, Meta(min_length=1, max_length=256)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Octet = Annotated[int, Meta(ge=0, le=255)]
Short = Annotated[str, Meta(max_length=256)]
Text = Annotated[str, Meta(max_length=100_000)]
Permille = Annotated[int, Meta(ge=0, le=1000, description="thousandths")]


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record or a part of one. Immutable; equality is by value."""


class Entry(Record, frozen=True, kw_only=True):
    """One interval of a timeline. It counts at event time e when `recorded_at_ms <= e` and `from_ms <= e < to_ms`.

    Of several that count, the one with the highest `version` wins.
    """

    from_ms: Annotated[Ms, Meta(description="counts from this time on (inclusive)")] = 0
    to_ms: Annotated[Ms | None, Meta(description="counts until this time (exclusive); null = no end known")] = None
    recorded_at_ms: Annotated[Ms, Meta(description="when it was written down; readers before that do not see it")] = 0
    version: Annotated[Count, Meta(description="number of the entry within its key; ending an entry keeps it")] = 1
    end_recorded_at_ms: Annotated[Ms | None, Meta(description="when the end was written down, if later")] = None


R = TypeVar("R")


def read(decoder: msgspec.json.Decoder[R], value: bytes | str) -> R:
    """What the bytes say. Raises ValueError (of msgspec, or for what is no UTF-8), also where they nest too deep."""
    try:
        return decoder.decode(value)
    except RecursionError as error:
        raise msgspec.DecodeError("nested too deep") from error


def encoder() -> msgspec.json.Encoder:
    """An encoder that gives the same bytes for the same record on every machine (dict keys sorted)."""
    return msgspec.json.Encoder(order="deterministic")
