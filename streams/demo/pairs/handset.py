"""Two pairs on the handset: a number that must not come from the web, and one that shows another number."""

from __future__ import annotations

from streams.contracts.messages import Leg
from streams.contracts.registry import DnoEntry, DnoRow, PermissionEntry, PermissionRow, Routes
from streams.demo.cast import Owner, labels
from streams.demo.clock import REGISTRY_AT_MS, rhythm
from streams.demo.numbers import sender
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.stage import Line, Stage
from streams.demo.texts import words

_PER_NUMBER = 5


def do_not_originate(stage: Stage, sizes: Sizes) -> Pair:
    """A number whose owner wants nothing sent under it from the web, from the web; its twin is the handset itself."""
    owner = Owner(stage, "do not originate")
    attack, twin = labels(owner.name)
    relay = owner.relay()
    account = owner.account(relay, owner.chain(relay, 2))
    numbers = [owner.number() for _ in range(sizes.side // _PER_NUMBER)]
    for number in numbers:
        entry = DnoEntry(recorded_at_ms=REGISTRY_AT_MS)
        owner.row(DnoRow(key=f"dno:kr:{number}", timeline=(entry,)))
        # Registered for its owner's own mailings once: registration alone must not open the web again.
        owner.register(number, account.org, Routes(mode="open"))
    lure = words("엄마 나 휴대폰 고장났어 {n} 여기로 연락해", "Mum, my phone broke, write to {n}")
    own = words("엄마 오늘 늦어 저녁 먼저 드세요 {n}시", "Home by {n}, eat without me")
    for i, event_ms in enumerate(rhythm(owner.rng, sizes.side)):
        number, route = numbers[i % len(numbers)], account.route(account=i % 2 == 0)
        leg: Leg = "origination" if i % 2 == 0 else "termination"
        web = Line(
            label=attack, sender=sender(number), traffic_class="a2p", leg=leg, route=route, upstream=float(i % 4 == 1)
        )
        owner.send(web, (event_ms,), lure)
    for i, event_ms in enumerate(rhythm(owner.rng, sizes.side)):
        number = numbers[i % len(numbers)]
        hand = Line(label=twin, sender=sender(number, i % 3), channel="mo", origin_number=number)
        owner.send(hand, (event_ms,), own)
    return Pair(owner.name, "from the handset", "NUMBER_DO_NOT_ORIGINATE")


def origin_mismatch(stage: Stage, sizes: Sizes) -> Pair:
    """A handset that shows another number than the network's; its twin has a change permission for the pair."""
    owner = Owner(stage, "origin mismatch")
    attack, twin = labels(owner.name)
    text = words("사무실로 다시 연락 주세요 {n}", "Please call the office back, extension {n}")
    for label in (attack, twin):
        pairs = [(owner.number(), owner.number()) for _ in range(sizes.side // _PER_NUMBER)]
        if label == twin:
            for origin, shown in pairs:
                entry = PermissionEntry(recorded_at_ms=REGISTRY_AT_MS, reason="office line, same owner")
                owner.row(PermissionRow(key=f"permission:kr:{origin}>kr:{shown}", timeline=(entry,)))
        for i, event_ms in enumerate(rhythm(owner.rng, sizes.side)):
            origin, shown = pairs[i % len(pairs)]
            line = Line(label=label, sender=sender(shown, i % 3), channel="mo", origin_number=origin)
            owner.send(line, (event_ms,), text)
    return Pair(owner.name, "change permitted", "ORIGIN_MISMATCH")
