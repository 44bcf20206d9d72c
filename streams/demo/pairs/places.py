"""Two pairs on countries: what is spam in one is not in another, by the rules of the recipient's or the relay's."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from streams.contracts.messages import Sender
from streams.contracts.registry import Routes
from streams.demo.cast import Owner, both_legs, labels
from streams.demo.clock import at, rhythm
from streams.demo.numbers import sender
from streams.demo.pairs.advertising import agree
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.stage import Line, Stage, send
from streams.demo.texts import words

_AD = words("(광고) 해솔찻집 밤 배송 할인 {n}원 무료수신거부 080-870-0002")
_NAME = "HoaSen Shop"
#: Prime, so that ten million steps of it meet each number once.
_APART = 7_919


def same_hour(stage: Stage, sizes: Sizes) -> Pair:
    """Advertisements at ten in the evening to people in Korea; the twin is the same to people in Singapore, whose law
    knows no hours."""
    owner = Owner(stage, "advertisement at 22:00 under KR")
    attack, twin = labels(owner.name)
    relay = owner.relay()
    shop, number = owner.account(relay, owner.chain(relay, 1)), owner.number("fixed")
    owner.register(number, shop.org, Routes(mode="exclusive", relays=(relay,)))
    abroad = _people("651")
    for label, place in ((attack, None), (twin, "sg")):
        line = Line(
            label=label, sender=sender(number, 2), traffic_class="a2p", route=shop.route(account=False),
            purpose="advertising", jurisdiction=place,
        )  # fmt: skip
        times = [at(22) + i * 1_800_000 // sizes.side for i in range(sizes.side)]
        if place is None:
            agree(owner, shop, owner.send(line, times, _AD))
        else:
            send(stage, owner.rng, line, times, _AD, abroad)
    return Pair(owner.name, "same hour under SG", "AD_QUIET_HOURS", mode="LABEL")


def same_name(stage: Stage, sizes: Sizes) -> Pair:
    """A name as the sender of an SMS in Korea; the twin is the same name in Vietnam, where it is registered."""
    owner = Owner(stage, "name as SMS sender in KR")
    attack, twin = labels(owner.name)
    text = words("HoaSen: ma giao hang {n}", "HoaSen: your parcel {n} is on its way")
    for label, place, people in ((attack, None, owner.people.next), (twin, "vn", _people("841"))):
        relay = owner.relay(jurisdiction=place)
        shop = owner.account(relay, owner.chain(relay, 1))
        if place is not None:
            owner.register(f"alnum:{_NAME.casefold()}", shop.org, Routes(mode="exclusive", relays=(relay,)), place)
        line = Line(
            label=label, sender=Sender(address=_NAME, ton=5, npi=0), traffic_class="a2p", jurisdiction=place
        )  # fmt: skip
        legs = both_legs(line, shop)
        for i, event_ms in enumerate(rhythm(owner.rng, sizes.side)):
            send(stage, owner.rng, legs[i // 2 % 2], (event_ms,), text, people)
    return Pair(owner.name, "same name in VN", "SENDER_KIND_NOT_ALLOWED")


def _people(prefix: str) -> Callable[[], str]:
    """Recipients abroad, each once and far from the last: in a row they would be harvesting. Subscriber numbers there
    don't begin with 1, so no person has one."""
    numbers = count(0, _APART)
    return lambda: f"{prefix}{next(numbers) % 10_000_000:07d}"
