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
from streams.engine.case import Case
from streams.engine.epochs import epoch_of
from streams.engine.jurisdiction import placed
from streams.engine.people import is_number, person
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.sketches import BLOCKS, NAMES, TEXTS, hashed, joined, least, summed, united
from streams.engine.subjects import MAX_SUBJECT, sender_subject
from streams.engine.view import View

#: Numbers in a block: so many that one bit for each fits what JSON keeps exact.
BLOCK = 50
#: Numbers are allocated by so many.
ALLOCATED = 10_000
_MEMO = 50_000


class Seen:
    """What a transaction saw of a subject on one leg; not yet cut to the size of a sketch."""

    __slots__ = ("blocks", "peers", "recipients", "routes", "sent", "texts", "unlisted")

    def __init__(self) -> None:
        self.sent = self.unlisted = 0
        self.recipients: dict[int, int] = {}
        self.blocks: set[int] = set()
        self.texts: dict[int, int] = {}
        self.routes: set[int] = set()
        self.peers: set[int] = set()

    def shape(self) -> Shape:
        """Cut to size."""
        return Shape(
            sent=self.sent, unlisted=self.unlisted, recipients=least(self.recipients, BLOCKS),
            blocks=tuple(sorted(self.blocks)[:NAMES]), texts=least(self.texts, TEXTS),
            routes=tuple(sorted(self.routes)[:NAMES]), peers=tuple(sorted(self.peers)[:NAMES]),
        )  # fmt: skip


#: By (subject, epoch, its length in ms), then by leg.
Open = dict[tuple[str, int, int], dict[Leg, Seen]]


class Shaper:
    """Adds messages to what is open. Holds nothing but what it has computed before: it runs for every message."""

    def __init__(self, policies: Policies, keys: Keys) -> None:
        self._policies, self._keys = policies, keys
        self._names: dict[str, int] = {}

    def note(self, message: Message, decision: Decision, view: View, into: Open) -> None:
        """A message was decided. A retry was counted with its first try."""
        if message.retry_of is not None or decision.sender.key == "~":
            return
        policy = self._policies.at(view, decision.event_time_ms)
        length = policy.pack.epoch_ms
        epoch = epoch_of(decision.event_time_ms, length)
        route = message.route
        subjects = [] if route.account_id is None else [f"account:{route.account_id}"]
        if genuine(decision):
            case, _ = placed(Case(message, view, policy), self._policies)
            subjects.append(sender_subject(case, self._keys))
        if not subjects:
            return
        size = 1
        unlisted = any([r.code == "SOURCE_NOT_LISTED" for r in decision.reasons])
        place, bit, block = self._place(person(message.recipient, policy.pack.grammar))
        mark = decision.fingerprint
        for subject in subjects:
            legs = into.get((subject, epoch, length))
            if legs is None:
                legs = into[subject, epoch, length] = {}
            seen = legs.get(message.leg)
            if seen is None:
                seen = legs[message.leg] = Seen()
            seen.sent += size
            seen.recipients[place] = seen.recipients.get(place, 0) | bit
            seen.blocks.add(block)
            if unlisted:
                seen.unlisted += size
            if mark is not None:
                name = int(mark, 16) >> 11
                seen.texts[name] = seen.texts.get(name, 0) + size
            if route.relay_id is not None:
                seen.routes.add(self._name(f"{route.relay_id}\x00{route.account_id}"))
            if route.peer_ip is not None:
                seen.peers.add(self._name(route.peer_ip))

    def _place(self, who: str) -> tuple[int, int, int]:
        """The keyed hash of the recipient's block of 50, its bit there, and the hash of its allocated block."""
        if not is_number(who):
            name = hashed(who, self._keys.state)  # an address that lies beside no other
            return name, 1, name
        number = int(who)
        block, place = divmod(number, BLOCK)
        return hashed(str(block), self._keys.state), 1 << place, self._name(f"={number // ALLOCATED}")

    def _name(self, text: str) -> int:
        found = self._names.get(text)
        if found is None:
            if len(self._names) >= _MEMO:
                self._names.clear()
            found = self._names[text] = hashed(text, self._keys.state)
        return found


def genuine(decision: Decision) -> bool:
    """Whether the sender on the display was proved to be the one who sent."""
    if "origin" not in decision.passed and "route" not in decision.passed:
        return False
    return all([r.gate not in ("forgery", "standing") for r in decision.reasons])


def deltas(opened: Open, partition: int, first_offset: int, next_offset: int) -> Iterator[Shapes]:
    """What a transaction has to say of one partition of `messages`, one delta for each subject and epoch."""
    for (subject, epoch, epoch_ms), legs in opened.items():
        if len(subject) <= MAX_SUBJECT:
            shapes: dict[Leg, Shape] = {leg: seen.shape() for leg, seen in legs.items()}
            yield Shapes(
                subject=subject, epoch=epoch, epoch_ms=epoch_ms, partition=partition, first_offset=first_offset,
                next_offset=next_offset, legs=shapes,
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
