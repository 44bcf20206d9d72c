"""One pair on who received it: two shops' lines, reported by equally many; only one was ever sent to who complains."""

from __future__ import annotations

from streams.demo.cast import Owner, labels
from streams.demo.clock import DAY_TO_MS, EPOCH_MS, epoch_start, spread
from streams.demo.numbers import sender
from streams.demo.pairs.base import REPORTS, Pair, Sizes
from streams.demo.stage import Draft, Label, Line, Stage, Text
from streams.demo.texts import words

_REPORTERS = 12  # critical is 5 for a sender and 10 for a campaign
_SENT, _REACHED = 2, 3  # epochs: of the messages reported, and of the reports
_EFFECT_MS = epoch_start(_REACHED + 2)


def received(stage: Stage, sizes: Sizes) -> Pair:
    """The twin's reporters are this carrier's subscribers, as another message shows that they get; never the shop's.

    So each of them weighs a tenth, and twelve together less than two.
    """
    owner = Owner(stage, "shop's line reported by who received it")
    attack, twin = labels(owner.name)
    pushy, quiet, friends = (_line(owner, label) for label in (attack, twin, twin))
    offers = _shop(owner, pushy, sizes.side, words("오늘만 홍삼 {n}원 특가", "Red ginseng for {n} today only"))
    _report(owner, offers[:_REPORTERS])
    sold = _shop(
        owner, quiet, sizes.side, words("주문하신 떡 {n}상자 나왔어요", "Your {n} boxes of rice cake are ready")
    )
    told = owner.send(
        friends, spread(owner.rng, _REPORTERS, epoch_start(0), epoch_start(1)), words("동창회 {n}기 모임 안내")
    )  # fmt: skip
    claimed = spread(owner.rng, _REPORTERS, epoch_start(_SENT) + EPOCH_MS // 2, epoch_start(_REACHED))
    _report(owner, [
        Draft(at_ms, at_ms, quiet, other.recipient, sold[0].text, None)
        for at_ms, other in zip(claimed, told, strict=True)
    ])  # fmt: skip
    return Pair(owner.name, "shop reported by who never got it", REPORTS, _EFFECT_MS)


def _line(owner: Owner, label: Label) -> Line:
    number = owner.number()
    return Line(label=label, sender=sender(number), channel="mo", origin_number=number)


def _shop(owner: Owner, line: Line, count: int, text: Text) -> list[Draft]:
    before = max(_REPORTERS, count * 14 // 100)
    times = [
        *spread(owner.rng, _REPORTERS, epoch_start(_SENT), epoch_start(_REACHED)),
        *spread(owner.rng, before - _REPORTERS, epoch_start(_REACHED), _EFFECT_MS),
        *spread(owner.rng, count - before, _EFFECT_MS, DAY_TO_MS),
    ]
    return owner.send(line, times, text)


def _report(owner: Owner, drafts: list[Draft]) -> None:
    start = epoch_start(_REACHED)
    times = spread(owner.rng, len(drafts), start + 3000, start + EPOCH_MS // 2)
    for draft, ingested_ms in zip(drafts, times, strict=True):
        owner.report(draft, category="other", ingested_ms=ingested_ms)
