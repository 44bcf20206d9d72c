"""One pair on a campaign: one text under many borrowed numbers, and a shop that a rival's people report."""

from __future__ import annotations

from streams.contracts.messages import Route
from streams.demo.cast import Owner, labels
from streams.demo.clock import DAY_TO_MS, EPOCH_MS, epoch_start, rhythm, spread
from streams.demo.numbers import sender
from streams.demo.pairs.base import REPORTS, Pair, Sizes
from streams.demo.stage import Draft, Line, Stage
from streams.demo.texts import words

_REACHED = 1
_EFFECT_MS = epoch_start(_REACHED + 2)
_REPORTERS = 12  # and one in a hundred messages; critical is 10 in a day
_GROUP = 24  # people of one reporter group: one voter


def campaign(stage: Stage, sizes: Sizes) -> Pair:
    """Both come by one unproven route (p2p from another carrier); the shop is reported more, but by one group."""
    owner = Owner(stage, "campaign on an unproven route")
    attack, twin = labels(owner.name)
    route = Route(relay_id=owner.relay())
    numbers = [owner.number() for _ in range(max(20, sizes.side // 8))]
    lines = [Line(label=attack, sender=sender(n, i % 3), route=route) for i, n in enumerate(numbers)]
    text = words("단기 알바 일당 {n}원 문의 https://job-{n}.example/go")
    reporters = _REPORTERS + sizes.side // 100
    before = max(reporters, sizes.side * 14 // 100)
    times = [
        *spread(owner.rng, reporters, epoch_start(0), epoch_start(1)),
        *spread(owner.rng, before - reporters, epoch_start(1), _EFFECT_MS),
        *spread(owner.rng, sizes.side - before, _EFFECT_MS, DAY_TO_MS),
    ]
    drafts = [owner.send(lines[i % len(lines)], (event_ms,), text)[0] for i, event_ms in enumerate(times)]
    _report(owner, drafts[:reporters], None)
    _shop(owner, Line(label=twin, sender=sender(owner.number()), route=route), sizes.side)
    return Pair(owner.name, "shop reported by one group", REPORTS, _EFFECT_MS)


def _shop(owner: Owner, line: Line, count: int) -> None:
    text = words("도담빵집 단골 할인 쿠폰 {n}", "Dodam Bakery: regulars save {n} won")
    first = spread(owner.rng, _GROUP, epoch_start(0), epoch_start(1))
    rest = rhythm(owner.rng, count - _GROUP)
    drafts = [owner.send(line, (event_ms,), text)[0] for event_ms in (*first, *rest)]
    _report(owner, drafts[:_GROUP], "rival-1")


def _report(owner: Owner, drafts: list[Draft], group: str | None) -> None:
    start = epoch_start(_REACHED)
    for draft, ingested_ms in zip(
        drafts, spread(owner.rng, len(drafts), start + 3000, start + EPOCH_MS // 2), strict=True
    ):  # fmt: skip
        owner.report(draft, category="job_scam", ingested_ms=ingested_ms, group=group)
