"""Two pairs on the way a registered sender takes: the wrong relay, and a reseller whose certificate ended."""

from __future__ import annotations

from streams.contracts.messages import Route
from streams.contracts.registry import Routes
from streams.demo.cast import Owner, both_legs, labels
from streams.demo.clock import DAY_FROM_MS, DAY_TO_MS, at, rhythm, spread
from streams.demo.numbers import sender
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.stage import Line, Stage
from streams.demo.texts import words


def wrong_route(stage: Stage, sizes: Sizes) -> Pair:
    """A bank's number through a relay that its row does not list; its twin comes through the second one listed."""
    owner = Owner(stage, "wrong route")
    attack, twin = labels(owner.name)
    first, second, wrong = owner.relay(), owner.relay(), owner.relay()
    bank = owner.account(second, owner.chain(second, 2))
    forger = owner.account(wrong, owner.chain(wrong, 1))
    number = owner.number("representative")
    owner.register(number, bank.org, Routes(mode="exclusive", relays=(first, second)))
    text = words("[두루은행] 이체 한도가 변경되었습니다 {n}", "[Duru Bank] Your transfer limit changed, ref {n}")
    for label, account in ((attack, forger), (twin, bank)):
        line = Line(label=label, sender=sender(number), traffic_class="a2p")
        legs = both_legs(line, account)
        for i, event_ms in enumerate(rhythm(owner.rng, sizes.side)):
            owner.send(legs[i // 2 % 2], (event_ms,), text)
    return Pair(owner.name, "second listed route", "SENDER_WRONG_ROUTE")


def uncertified(stage: Stage, sizes: Sizes) -> Pair:
    """A reseller whose certificate ended at noon; its twin is the same reseller before noon."""
    owner = Owner(stage, "uncertified reseller")
    attack, twin = labels(owner.name)
    relay, noon = owner.relay(), at(12)
    above = owner.reseller(relay)
    chain = (above, owner.reseller(above, to_ms=noon))
    shop = owner.account(relay, chain)
    number = owner.number("fixed")
    owner.register(number, shop.org, Routes(mode="exclusive", relays=(relay,)))
    text = words("[솔바람가구] 배송 예정일 안내 {n}", "[Solbaram] Your sofa leaves today, order {n}")
    for label, from_ms, to_ms in ((twin, DAY_FROM_MS, noon), (attack, noon, DAY_TO_MS)):
        legs = both_legs(Line(label=label, sender=sender(number, 1), traffic_class="a2p"), shop)
        for i, event_ms in enumerate(spread(owner.rng, sizes.side, from_ms, to_ms)):
            owner.send(legs[i // 2 % 2], (event_ms,), text)
    return Pair(owner.name, "before noon", "RESELLER_UNCERTIFIED")


def abroad(stage: Stage, sizes: Sizes) -> Pair:
    """A service number on an international trunk; its twin is a roaming subscriber whose HLR gives no answer."""
    owner = Owner(stage, "national sender from abroad")
    attack, twin = labels(owner.name)
    relay = owner.relay(international=True)
    route = Route(relay_id=relay, international=True)
    numbers = [owner.number("representative") for _ in range(5)]
    for i, number in enumerate(numbers):
        owner.register(number, f"org:abroad-{i}", Routes(mode="open"))
    text = words("해외 결제 {n}원 승인되었습니다", "Purchase abroad approved: {n} won")
    lines = [Line(label=attack, sender=sender(n), traffic_class="a2p", route=route, upstream=0.5) for n in numbers]
    for i, event_ms in enumerate(rhythm(owner.rng, sizes.side)):
        owner.send(lines[i % 5], (event_ms,), text)
    home = words("여행 잘 하고 있어 사진 {n}장", "Landed, hotel room {n}")
    for i, event_ms in enumerate(rhythm(owner.rng, sizes.side)):
        number = owner.number()
        # Half as the home network sees them (it set the origin), half as another carrier's message.
        from_handset = Line(label=twin, sender=sender(number, 1), channel="mo", origin_number=number, route=route)
        from_carrier = Line(label=twin, sender=sender(number, 2), route=route)
        owner.send(from_handset if i % 2 else from_carrier, (event_ms,), home)
    return Pair(owner.name, "roaming subscriber", "NATIONAL_SENDER_FROM_ABROAD")
