"""Shaping: what a message adds to its account and to the line that sent it, and what many come to. Pure.

A number on the display that nobody proved is a victim's, perhaps: only a sender that is genuine (its route binding or
the origin that the network set PASSes, and nothing of gate 1 FAILs) is charged. An account is named by the bind, which
the carrier itself has checked, so it is always charged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from streams.contracts.decisions import Decision
from streams.contracts.messages import Leg, Message
from streams.contracts.shapes import Fact, Shape
from streams.engine.decide import Decided
from streams.engine.people import is_number, person
from streams.engine.pseudonym import Keys
from streams.engine.sketches import BLOCKS, HASH_BITS, TEXTS, hashed, joined, least, summed, united
from streams.engine.subjects import MAX_SUBJECT

#: Numbers in a block: so many that one bit for each fits what JSON keeps exact.
BLOCK = 50
#: Numbers are allocated by so many.
ALLOCATED = 10_000
#: 2**53 over the golden ratio: multiples of it lie as evenly as hashes (Knuth, TAOCP 6.4).
_STRIDE = 5_566_755_282_872_655
_MASK = (1 << HASH_BITS) - 1
_MEMO = 50_000


class _Way(NamedTuple):
    """account: whom it charges, if anybody; route, peer: hashes."""

    account: tuple[str, ...]
    route: int | None
    peer: int | None


class Shaper:
    """Says what a message adds. Holds nothing but what it has computed before: it runs for every message."""

    def __init__(self, keys: Keys) -> None:
        self._key = keys.state
        self._blocks: dict[int, tuple[int, int]] = {}
        self._ways: dict[tuple[str | None, str | None, str | None], _Way] = {}

    def fact(self, message: Message, decided: Decided) -> tuple[tuple[str, ...], Fact] | None:
        """Whose (one or two subjects) and what; None where it is nobody's. A retry was counted with its first try."""
        decision, sender, pack = decided
        if message.retry_of is not None or not sender:
            return None
        route = message.route
        named = (route.relay_id, route.account_id, route.peer_ip)
        way = self._ways.get(named)
        if way is None:
            way = self._way(*named)
        subjects = way.account
        if genuine(decision) and len(sender) <= MAX_SUBJECT:
            subjects = (sender, *subjects)
        elif not subjects:
            return None
        who, mark = message.recipient, decision.fingerprint
        if not (who.isdigit() and who.isascii() and who[0] != "0"):  # else it is as it should be, as nearly all are
            who = person(who, pack.grammar)
        if is_number(who):
            allocated, rest = divmod(int(who), ALLOCATED)
            sub, bit = divmod(rest, BLOCK)
            held = self._blocks.get(allocated)
            if held is None:
                held = self._block(allocated)
            block, first = held
            place = first + sub * _STRIDE & _MASK
        else:
            place = block = hashed(who, self._key)  # an address that lies beside no other
            bit = 0
        return subjects, Fact(
            decision.event_time_ms // pack.epoch_ms,
            message.leg,
            place,
            bit,
            block,
            None if mark is None else int(mark, 16) >> 11,
            way.route,
            way.peer,
            message.group_size or 1,
            bool(decision.reasons) and _unlisted(decision),
        )

    def _block(self, allocated: int) -> tuple[int, int]:
        """The keyed hash of an allocated block, and another: where the first of its blocks of 50 lies. One hash for
        every block of 50 would be most of what a message costs."""
        if len(self._blocks) >= _MEMO:
            self._blocks.clear()
        found = (hashed(f"={allocated}", self._key), hashed(f"#{allocated}", self._key))
        self._blocks[allocated] = found
        return found

    def _way(self, relay: str | None, account: str | None, peer: str | None) -> _Way:
        if len(self._ways) >= _MEMO:
            self._ways.clear()
        found = self._ways[relay, account, peer] = _Way(
            () if account is None else (f"account:{account}",),
            None if relay is None else hashed(f"{relay}\x00{account}", self._key),
            None if peer is None else hashed(peer, self._key),
        )
        return found


def _unlisted(decision: Decision) -> bool:
    return any([r.code == "SOURCE_NOT_LISTED" for r in decision.reasons])


def genuine(decision: Decision) -> bool:
    """Whether the sender on the display was proved to be the one who sent."""
    passed, reasons = decision.passed, decision.reasons
    if "route" not in passed and "origin" not in passed:
        return False
    return not reasons or all([r.gate not in ("forgery", "standing") for r in reasons])


def summed_up(facts: Iterable[Fact]) -> dict[int, dict[Leg, Shape]]:
    """What the facts of one subject come to, by epoch and leg."""
    seen: dict[tuple[int, Leg], list[Fact]] = {}
    for fact in facts:
        seen.setdefault((fact.epoch, fact.leg), []).append(fact)
    found: dict[int, dict[Leg, Shape]] = {}
    for (epoch, leg), held in sorted(seen.items()):
        found.setdefault(epoch, {})[leg] = _shape(held)
    return found


def _shape(facts: list[Fact]) -> Shape:
    recipients: dict[int, int] = {}
    texts: dict[int, int] = {}
    for fact in facts:
        recipients[fact.place] = recipients.get(fact.place, 0) | 1 << fact.bit
        if fact.text is not None:
            texts[fact.text] = texts.get(fact.text, 0) + fact.size
    return Shape(
        sent=sum([fact.size for fact in facts]),
        unlisted=sum([fact.size for fact in facts if fact.unlisted]),
        recipients=least(recipients, BLOCKS),
        blocks=united({fact.block for fact in facts}, ()),
        texts=least(texts, TEXTS),
        routes=united({fact.route for fact in facts if fact.route is not None}, ()),
        peers=united({fact.peer for fact in facts if fact.peer is not None}, ()),
    )


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
