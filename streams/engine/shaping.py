"""Shaping: what a message adds to the shape of its account and of the line that sent it. Pure; the gate sums it up.

A number on the display that nobody proved is a victim's, perhaps: only a sender that is genuine (its route binding or
the origin that the network set PASSes, and nothing of gate 1 FAILs) is charged. An account is named by the bind, which
the carrier itself has checked, so it is always charged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from streams.contracts.decisions import Decision
from streams.contracts.messages import Leg, Message
from streams.contracts.shapes import Shape, Shapes
from streams.engine.decide import Decided
from streams.engine.people import is_number, person
from streams.engine.pseudonym import Keys
from streams.engine.sketches import BLOCKS, TEXTS, hashed, joined, least, summed, united
from streams.engine.subjects import MAX_SUBJECT

#: Numbers in a block: so many that one bit for each fits what JSON keeps exact.
BLOCK = 50
#: Numbers are allocated by so many.
ALLOCATED = 10_000
_MEMO = 50_000


class Seen:
    """What a transaction saw of a subject on one leg; not yet cut to the size of a sketch. ways: (route, peer)."""

    __slots__ = ("blocks", "recipients", "sent", "texts", "unlisted", "ways")

    def __init__(self) -> None:
        self.sent = self.unlisted = 0
        self.recipients: dict[int, int] = {}
        self.blocks: set[int] = set()
        self.texts: dict[int, int] = {}
        self.ways: set[tuple[int | None, int | None]] = set()

    def shape(self) -> Shape:
        """Cut to size."""
        return Shape(
            sent=self.sent, unlisted=self.unlisted, recipients=least(self.recipients, BLOCKS),
            blocks=united(self.blocks, ()), texts=least(self.texts, TEXTS),
            routes=united((route for route, _ in self.ways if route is not None), ()),
            peers=united((peer for _, peer in self.ways if peer is not None), ()),
        )  # fmt: skip


#: By (subject, epoch, its length in ms, leg).
Open = dict[tuple[str, int, int, Leg], Seen]


class Shaper:
    """Adds messages to what is open. Holds nothing but what it has computed before: it runs for every message."""

    def __init__(self, keys: Keys) -> None:
        self._key = keys.state
        self._blocks: dict[int, int] = {}
        self._ways: dict[tuple[str | None, str | None, str | None], tuple[int | None, int | None]] = {}

    def note(self, message: Message, decided: Decided, into: Open) -> None:
        """A message was decided. A retry was counted with its first try."""
        decision, sender, pack = decided
        if message.retry_of is not None or not sender:
            return
        route = message.route
        account = route.account_id
        subjects = (sender,) if genuine(decision) else ()
        if account is not None:
            subjects = (*subjects, f"account:{account}")
        if not subjects:
            return
        length, leg = pack.epoch_ms, message.leg
        epoch = decision.event_time_ms // length
        size = message.group_size or 1
        unlisted = size if decision.reasons and _unlisted(decision) else 0
        place, bit, block = self._place(person(message.recipient, pack.grammar))
        text = -1 if decision.fingerprint is None else int(decision.fingerprint, 16) >> 11
        way = (route.relay_id, account, route.peer_ip)
        passed = self._ways.get(way)
        if passed is None:
            passed = self._way(*way)
        for subject in subjects:
            key = (subject, epoch, length, leg)
            seen = into.get(key)
            if seen is None:
                seen = into[key] = Seen()
            seen.sent += size
            seen.unlisted += unlisted
            recipients = seen.recipients
            recipients[place] = recipients.get(place, 0) | bit
            seen.blocks.add(block)
            if text >= 0:
                seen.texts[text] = seen.texts.get(text, 0) + size
            seen.ways.add(passed)

    def _place(self, who: str) -> tuple[int, int, int]:
        """The keyed hash of the recipient's block of 50, its bit there, and the hash of its allocated block."""
        if not is_number(who):
            name = hashed(who, self._key)  # an address that lies beside no other
            return name, 1, name
        number = int(who)
        allocated = number // ALLOCATED
        held = self._blocks.get(allocated)
        if held is None:
            if len(self._blocks) >= _MEMO:
                self._blocks.clear()
            held = self._blocks[allocated] = hashed(f"={allocated}", self._key)
        return hashed(str(number // BLOCK), self._key), 1 << number % BLOCK, held

    def _way(self, relay: str | None, account: str | None, peer: str | None) -> tuple[int | None, int | None]:
        """The hashes of a route and of a peer's address."""
        if len(self._ways) >= _MEMO:
            self._ways.clear()
        route = None if relay is None else hashed(f"{relay}\x00{account}", self._key)
        found = self._ways[relay, account, peer] = (route, None if peer is None else hashed(peer, self._key))
        return found


def _unlisted(decision: Decision) -> bool:
    return any([r.code == "SOURCE_NOT_LISTED" for r in decision.reasons])


def genuine(decision: Decision) -> bool:
    """Whether the sender on the display was proved to be the one who sent."""
    if "origin" not in decision.passed and "route" not in decision.passed:
        return False
    reasons = decision.reasons
    return not reasons or all([r.gate not in ("forgery", "standing") for r in reasons])


def deltas(opened: Open, partition: int, first_offset: int, next_offset: int) -> Iterator[Shapes]:
    """What a transaction has to say of one partition of `messages`, one delta for each subject and epoch."""
    together: dict[tuple[str, int, int], dict[Leg, Shape]] = {}
    for (subject, epoch, epoch_ms, leg), seen in opened.items():
        if len(subject) <= MAX_SUBJECT:
            together.setdefault((subject, epoch, epoch_ms), {})[leg] = seen.shape()
    for (subject, epoch, epoch_ms), legs in together.items():
        yield Shapes(
            subject=subject, epoch=epoch, epoch_ms=epoch_ms, partition=partition, first_offset=first_offset,
            next_offset=next_offset, legs=legs,
        )  # fmt: skip


def merged(a: Mapping[Leg, Shape], b: Mapping[Leg, Shape]) -> dict[Leg, Shape]:
    """Both together, leg by leg."""
    out = dict(a)
    for leg, more in b.items():
        held = out.get(leg)
        out[leg] = more if held is None else _both(held, more)
    return out


def _both(a: Shape, b: Shape) -> Shape:
    return Shape(
        sent=a.sent + b.sent, unlisted=a.unlisted + b.unlisted, recipients=joined(a.recipients, b.recipients),
        blocks=united(a.blocks, b.blocks), texts=summed(a.texts, b.texts), routes=united(a.routes, b.routes),
        peers=united(a.peers, b.peers),
    )  # fmt: skip
