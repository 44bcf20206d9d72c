"""Two pairs on names shown by rcs: an institution's own name, and a name that looks like a brand's."""

from __future__ import annotations

from streams.contracts.messages import Sender
from streams.contracts.registry import InstitutionEntry, InstitutionRow, Routes
from streams.demo.cast import Account, Owner, labels
from streams.demo.clock import REGISTRY_AT_MS, rhythm
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.stage import Label, Line, Stage, Text
from streams.demo.texts import words

_OFFICE = ("Haneul Revenue Office", "하늘세무원")
_BRAND = "Moa Mart"
# Cyrillic letters that look Latin, separators, full width: one skeleton with the brand.
_LOOKALIKES = (
    "M\u043ea Mart",
    "Mo\u0430 M\u0430rt",
    "Moa-Mart",
    "MOA_MART.",
    "\uff2doa\uff2dart",
    "M\u043e\u0430.M\u0430rt",
)


def _rcs(owner: Owner, label: Label, account: Account, names: tuple[str, ...], count: int, text: Text) -> None:
    for i, event_ms in enumerate(rhythm(owner.rng, count)):
        origination = i // len(names) % 2 == 0
        line = Line(
            label=label,
            sender=Sender(address=names[i % len(names)], ton=5, npi=0),
            channel="rcs",
            traffic_class="a2p",
            leg="origination" if origination else "termination",
            route=account.route(),
            upstream=0.0 if origination else 1.0,
        )
        owner.send(line, (event_ms,), text)


def institution(stage: Stage, sizes: Sizes) -> Pair:
    """An institution's name from somebody else's account; its twin comes from the institution's own."""
    owner = Owner(stage, "institution impersonated")
    attack, twin = labels(owner.name)
    relay = owner.relay()
    office, forger = owner.account(relay, owner.chain(relay, 1)), owner.account(relay, owner.chain(relay, 2))
    entry = InstitutionEntry(recorded_at_ms=REGISTRY_AT_MS, names=_OFFICE, owner=office.org, accounts=(office.id,))
    owner.row(InstitutionRow(key="institution:kr:haneul-revenue", timeline=(entry,)))
    text = words("환급금 {n}원 신청 안내", "A refund of {n} won is waiting for you")
    _rcs(owner, attack, forger, _OFFICE, sizes.side, text)
    _rcs(owner, twin, office, _OFFICE, sizes.side, text)
    return Pair(owner.name, "own account", "INSTITUTION_IMPERSONATED")


def lookalike(stage: Stage, sizes: Sizes) -> Pair:
    """A name that looks like a registered brand's; its twin is the brand."""
    owner = Owner(stage, "lookalike")
    attack, twin = labels(owner.name)
    relay = owner.relay()
    brand, forger = owner.account(relay, owner.chain(relay, 1)), owner.account(relay, owner.chain(relay, 1))
    routes = Routes(mode="exclusive", relays=(relay,), accounts=(brand.id,))
    owner.register(f"alnum:{_BRAND.casefold()}", brand.org, routes)
    text = words("[특가] 오늘만 쿠폰 {n} 증정", "Today only: voucher {n}")
    _rcs(owner, attack, forger, _LOOKALIKES, sizes.side, text)
    _rcs(owner, twin, brand, (_BRAND,), sizes.side, text)
    return Pair(owner.name, "the brand itself", "SENDER_LOOKALIKE")
