"""Two pairs on advertisements: one second too late in the evening, and to people who never agreed."""

from __future__ import annotations

from collections.abc import Iterable

from streams.config import DEMO_KEYS
from streams.contracts.registry import ConsentEntry, ConsentRow, Routes
from streams.demo.cast import Account, Owner, labels
from streams.demo.clock import REGISTRY_AT_MS, at, rhythm
from streams.demo.numbers import sender
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.stage import Draft, Line, Stage
from streams.demo.texts import words
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.recipient import recipient_key
from streams.packs import shipped

_EVENING = words("(광고) 도담마트 주말 할인 {n}원 쿠폰 무료수신거부 080-870-0000")
_BY_DAY = words("(광고) 소담서점 새 책 소식 {n}호 무료수신거부 080-870-0001")


def quiet_hours(stage: Stage, sizes: Sizes) -> Pair:
    """Advertisements within the first second of the night; the twin within the last second of the day."""
    owner = Owner(stage, "advertisement at 21:00:00")
    attack, twin = labels(owner.name)
    shop, number = _shop(owner, owner.relay())
    for label, first_ms in ((attack, at(21)), (twin, at(21) - 1000)):
        times = [first_ms + i * 1000 // sizes.side for i in range(sizes.side)]
        line = Line(label=label, sender=sender(number), traffic_class="a2p", route=shop.route(account=False))
        agree(owner, shop, owner.send(line, times, _EVENING))
    return Pair(owner.name, "at 20:59:59", "AD_QUIET_HOURS", mode="LABEL")


def without_consent(stage: Stage, sizes: Sizes) -> Pair:
    """Advertisements to people who agreed to another shop's; the twin to people who agreed to this one's."""
    owner = Owner(stage, "advertisement without consent")
    attack, twin = labels(owner.name)
    relay = owner.relay()
    shop, number = _shop(owner, relay)
    other, _ = _shop(owner, relay)
    by_day = [ms for ms in rhythm(owner.rng, sizes.side * 4) if at(9) <= ms < at(20)][: sizes.side]
    for label, agreed in ((attack, other), (twin, shop)):
        line = Line(label=label, sender=sender(number), traffic_class="a2p", route=shop.route(account=False))
        agree(owner, agreed, owner.send(line, by_day, _BY_DAY))
    return Pair(owner.name, "consent current", "AD_WITHOUT_CONSENT", mode="LABEL")


def _shop(owner: Owner, relay: str) -> tuple[Account, str]:
    shop, number = owner.account(relay, owner.chain(relay, 1)), owner.number("representative")
    owner.register(number, shop.org, Routes(mode="exclusive", relays=(relay,)))
    return shop, number


def agree(owner: Owner, shop: Account, drafts: Iterable[Draft]) -> None:
    """The recipients' consents, as the register has them; by day only."""
    keys, grammar = Keys(*DEMO_KEYS), Policies(shipped(), "kr").default.pack.grammar
    for draft in drafts:
        person = recipient_key(draft.recipient, grammar, keys)
        entry = ConsentEntry(recorded_at_ms=REGISTRY_AT_MS)
        owner.row(ConsentRow(key=f"consent:{shop.org}>{person}", timeline=(entry,)))
