"""`shapes`: how an account or a line sends, as sums and sketches that merge in any order.

A sketch of k is the k smallest hashes of what was seen, each with what was seen of it. Of up to k different things it
is exact; beyond that it is a sample that is the same whoever merged it, in whatever order and however often cut.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from streams.contracts.base import Count, Record
from streams.contracts.messages import Leg
from streams.contracts.reputation import Subject

Hash = Annotated[int, Meta(ge=0, lt=2**53)]
#: Which of the 50 numbers of a block, a bit for each.
Bits = Annotated[int, Meta(ge=1, lt=2**50)]


class Shape(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What was sent on one leg. Retries (`retry_of`) are nowhere in it."""

    sent: Annotated[Count, Meta(description="messages; one into a group counts its size")] = 0
    unlisted: Annotated[Count, Meta(description="of them from an address that the account does not list")] = 0
    recipients: Annotated[
        tuple[tuple[Hash, Bits], ...],
        Meta(max_length=64, description="(keyed hash of a block of 50 numbers, which of them), by hash"),
    ] = ()
    blocks: Annotated[
        tuple[Hash, ...], Meta(max_length=32, description="keyed hashes of the blocks of 10 000 that they lie in")
    ] = ()
    texts: Annotated[
        tuple[tuple[Hash, Count], ...], Meta(max_length=32, description="(fingerprint, messages), by hash")
    ] = ()
    routes: Annotated[tuple[Hash, ...], Meta(max_length=32, description="relay and account, hashed")] = ()
    peers: Annotated[tuple[Hash, ...], Meta(max_length=32, description="peer addresses, hashed")] = ()


class Shapes(Record, frozen=True, kw_only=True):
    """What one partition of `messages` shows of a subject in an epoch; `[first_offset, next_offset)` of it."""

    subject: Subject
    epoch: Annotated[int, Meta(description="number since 1970, in epochs of epoch_ms")]
    epoch_ms: Annotated[int, Meta(ge=1, description="length of an epoch, by the policy of the messages' time")]
    partition: Annotated[int, Meta(ge=0, description="of messages")]
    first_offset: Count
    next_offset: Count
    legs: dict[Leg, Shape]
