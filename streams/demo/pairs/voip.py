"""One pair on a stale feed: terminated VoIP numbers, judged only while their status feed is alive."""

from __future__ import annotations

from streams.contracts.messages import Route
from streams.demo.beats import VOIP_BACK_MS, VOIP_STALE_MS
from streams.demo.cast import Owner, labels
from streams.demo.clock import DAY_TO_MS, spread
from streams.demo.numbers import sender
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.stage import Line, Stage
from streams.demo.texts import words

_PER_NUMBER = 5


def stale_feed(stage: Stage, sizes: Sizes) -> Pair:
    """Terminated VoIP numbers after their feed came back; their twins during its stale hour, when nobody can know."""
    owner = Owner(stage, "terminated voip")
    attack, twin = labels(owner.name)
    route = Route(relay_id=owner.relay())
    text = words("인터넷 요금 {n}원 할인 상담", "Cut your internet bill by {n} won")
    for label, from_ms, to_ms in ((twin, VOIP_STALE_MS, VOIP_BACK_MS), (attack, VOIP_BACK_MS, DAY_TO_MS)):
        numbers = [owner.number("voip", "terminated") for _ in range(sizes.side // _PER_NUMBER)]
        for i, event_ms in enumerate(spread(owner.rng, sizes.side, from_ms, to_ms)):
            number = numbers[i % len(numbers)]
            line = Line(label=label, sender=sender(number, i % 3), route=route, upstream=float(i % 2))
            owner.send(line, (event_ms,), text)
    return Pair(owner.name, "stale hour", "NUMBER_TERMINATED")
