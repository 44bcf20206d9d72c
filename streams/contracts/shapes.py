"""`sent` and `shapes`: what accounts and lines send, message by message, and how, as sums and sketches.

A sketch of k is the k smallest hashes of what was seen, each with what was seen of it. Of up to k different things it
is exact; beyond that it is a sample that is the same whoever merged it, in whatever order and however often cut.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from streams.contracts.base import Count, Ms, Record
from streams.contracts.messages import GroupSize, Leg
from streams.contracts.reputation import Finding, Subject

Hash = Annotated[int, Meta(ge=0, lt=2**53)]
#: Which of the 50 numbers of a block, a bit for each.
Bits = Annotated[int, Meta(ge=1, lt=2**50)]
#: No further from 1970 than calendars and what is derived from it go.
Epoch = Annotated[int, Meta(ge=-(2**44), le=2**44, description="number since 1970, in epochs of epoch_ms")]


class Fact(Record, frozen=True, array_like=True):
    """What one message adds to a subject. Written for every one, so by position. Retries (`retry_of`) add nothing."""

    epoch: Epoch
    leg: Leg
    place: Annotated[Hash, Meta(description="keyed hash of the recipient's block of 50 numbers")]
    bit: Annotated[int, Meta(ge=0, lt=50, description="which of the 50")]
    block: Annotated[Hash, Meta(description="keyed hash of the block of 10 000 that it lies in")]
    text: Annotated[Hash | None, Meta(description="fingerprint")] = None
    route: Annotated[Hash | None, Meta(description="relay and account, hashed")] = None
    peer: Annotated[Hash | None, Meta(description="peer address, hashed")] = None
    size: Annotated[GroupSize, Meta(description="messages; one into a group counts its size")] = 1
    unlisted: Annotated[bool, Meta(description="from an address that the account does not list")] = False


class Sent(Record, frozen=True, kw_only=True):
    """What one transaction of a gate saw sent, by the subjects of one partition of `sent`."""

    epoch_ms: Annotated[
        int, Meta(ge=1, le=2**40, description="length of an epoch, by the policy of the messages' time")
    ]
    facts: tuple[tuple[Subject, tuple[Fact, ...]], ...]


class Shape(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What was sent on one leg."""

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


class Habits(Record, frozen=True, omit_defaults=True):
    """How a subject used to send on a leg, from settled epochs with traffic.

    epochs: how many. peaks: (local day, messages of its busiest epoch); not yet of the last one, which holds `last`
    messages and began at last_ms: a burst that straddles two epochs must not excuse itself. texts: (fingerprint, when
    it was seen first, and last), in ms. judged, usual: messages whose text could be compared, and those that it was
    known of; the past counts less and less.
    """

    epochs: int = 0
    peaks: tuple[tuple[int, Count], ...] = ()
    last: int = 0
    last_ms: Ms = 0
    last_day: int = 0
    texts: tuple[tuple[Hash, Ms, Ms], ...] = ()
    judged: int = 0
    usual: int = 0

    def peak(self, before_ms: int) -> int:
        """Messages of the busiest epoch that neither is, nor ended at, this time."""
        return max((*(n for _, n in self.peaks), self.last if self.last_ms < before_ms else 0), default=0)

    def known(self, shape: Shape, since_ms: int) -> int:
        """Messages whose text was seen by then."""
        known = {name for name, first_ms, _ in self.texts if first_ms <= since_ms}
        return sum([n for name, n in shape.texts if name in known])


class Shapes(Record, frozen=True, kw_only=True, omit_defaults=True):
    """How a subject sends. Bounded: see docs/behaviour.md. Epochs are numbers in epochs of `epoch_ms`."""

    subject: Subject
    epoch_ms: int
    ahead: Annotated[int, Meta(description="messages that may still come before any rule could say something")] = 0
    ways: Annotated[tuple[Hash, ...], Meta(description="routes of the day, and since")] = ()
    ways_ahead: Annotated[int, Meta(description="routes that may still come before they are many")] = 0
    waiting: Annotated[tuple[Fact, ...], Meta(description="what was sent since it was looked at")] = ()
    open: Annotated[
        tuple[tuple[int, dict[Leg, Shape]], ...], Meta(description="the two newest epochs, rising: more may come")
    ] = ()
    day: Annotated[int | None, Meta(description="the local day (a number) that today holds")] = None
    today: dict[Leg, Shape] = {}
    acted: Annotated[dict[str, Ms], Meta(description="reason/leg → until when what followed stands")] = {}
    habits: dict[Leg, Habits] = {}
    told: Annotated[tuple[Finding, ...], Meta(description="the last findings, so that they can be withdrawn")] = ()
