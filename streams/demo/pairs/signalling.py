"""Three pairs on what the network saw: a spoofed handset abroad, a faked SMSC, a forward that nobody asked for."""

from __future__ import annotations

from dataclasses import replace

from streams.contracts.messages import Route, Signalling
from streams.contracts.registry import NetworkEntry, NetworkRow
from streams.demo.cast import Owner, labels
from streams.demo.clock import MINUTE_MS, REGISTRY_AT_MS, rhythm
from streams.demo.numbers import sender
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.stage import Line, Stage, Text
from streams.demo.texts import words

#: Global titles under +999, which the ITU keeps in reserve: nobody's.
_HUB, _CARRIER, _FORGER = "999800", "999801", "99970000017"


def from_abroad(stage: Stage, sizes: Sizes) -> Pair:
    """A handset's message from abroad while the HLR says that its owner is at home; for the twin it says nothing."""
    owner = Owner(stage, "mo from abroad, subscriber at home")
    attack, twin = labels(owner.name)
    text = words("급하게 송금 부탁해 {n}", "Please wire {n} today, I'll explain later")
    for label, roaming in ((attack, False), (twin, None)):
        for event_ms in rhythm(owner.rng, sizes.side):
            number = owner.number()
            told = Signalling(roaming=roaming, hlr_at_ms=event_ms - 5 * MINUTE_MS, sending_net="99901")
            line = Line(
                label=label, sender=sender(number, 1), channel="mo", origin_number=number, signalling=told,
                route=Route(international=True),
            )  # fmt: skip
            owner.send(line, (event_ms,), text)
    return Pair(owner.name, "no HLR answer", "NATIONAL_SENDER_FROM_ABROAD")


def faked_smsc(stage: Stage, sizes: Sizes) -> Pair:
    """Routing query and forward under different addresses; the twin's are a hub's and its carrier's, both trusted."""
    owner = Owner(stage, "SRI and forward addresses differ")
    attack, twin = labels(owner.name)
    for prefix in (_HUB, _CARRIER):
        entry = NetworkEntry(recorded_at_ms=REGISTRY_AT_MS, network=f"net-{prefix}", trusted=True)
        owner.row(NetworkRow(key=f"network:gt:{prefix}", timeline=(entry,)))
    text = words("택배 주소 확인 {n}", "Address check for parcel {n}")
    for label, forward in ((attack, _FORGER), (twin, _CARRIER + "00021")):
        told = Signalling(sri_sccp=_HUB + "00011", fsm_sccp=forward, sri_seen=True)
        _forwards(owner, Line(label=label, sender=sender("0"), signalling=told), sizes, text)
    return Pair(owner.name, "trusted addresses", "SMSC_FAKED")


def unsolicited(stage: Stage, sizes: Sizes) -> Pair:
    """A forward that no routing query preceded; for the twin nobody tells whether one did."""
    owner = Owner(stage, "forward without SRI")
    attack, twin = labels(owner.name)
    text = words("당첨 번호 {n} 확인하세요", "You have won, ticket {n}")
    for label, seen in ((attack, False), (twin, None)):
        told = Signalling(fsm_sccp=_FORGER[:-2] + "31", fsm_map=_FORGER[:-2] + "31", sri_seen=seen)
        _forwards(owner, Line(label=label, sender=sender("0"), signalling=told), sizes, text)
    return Pair(owner.name, "field not told", "FORWARD_UNSOLICITED")


def _forwards(owner: Owner, line: Line, sizes: Sizes, text: Text) -> None:
    """People's messages that another carrier forwards."""
    for event_ms in rhythm(owner.rng, sizes.side):
        owner.send(replace(line, sender=sender(owner.number(), 2)), (event_ms,), text)
