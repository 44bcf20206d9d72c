"""Pairs of which only the shape of the traffic tells attack and twin apart."""

from __future__ import annotations

from streams.demo.cast import Owner, labels
from streams.demo.clock import DAY_FROM_MS, DAY_TO_MS, MINUTE_MS, epoch_start, ingest, spread
from streams.demo.numbers import sender
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.stage import Line, Stage
from streams.demo.texts import words

_CAP = 500
_RETRIES = 200
_OVER_IN = 24  # the epoch that holds the 500th message


def over_the_cap(stage: Stage, sizes: Sizes) -> Pair:
    """A line that goes on after its 500th message of the day. The twin's are 500 as well, and 200 of them were tried
    twice: a retry is no message more."""
    owner = Owner(stage, "line over its daily cap")
    attack, twin = labels(owner.name)
    text = words("모임 장소가 바뀌었습니다 {n}", "Rehearsal is at {n} tonight")
    number, other = owner.number(), owner.number()
    within = Line(label=(owner.name, "wave"), sender=sender(number), channel="mo", origin_number=number)
    last = [*spread(owner.rng, 5, epoch_start(_OVER_IN), epoch_start(_OVER_IN) + MINUTE_MS)]
    owner.send(within, [*spread(owner.rng, _CAP - 5, DAY_FROM_MS, epoch_start(_OVER_IN)), *last], text)
    over = Line(label=attack, sender=sender(number), channel="mo", origin_number=number)
    effect_ms = epoch_start(_OVER_IN + 2)
    before = spread(owner.rng, 10, epoch_start(_OVER_IN) + 2 * MINUTE_MS, effect_ms)
    owner.send(over, [*before, *spread(owner.rng, sizes.side - 10, effect_ms, DAY_TO_MS)], text)
    careful = Line(label=twin, sender=sender(other), channel="mo", origin_number=other)
    drafts = owner.send(careful, spread(owner.rng, _CAP, DAY_FROM_MS, DAY_TO_MS - 10 * MINUTE_MS), text)
    for draft in drafts[: 2 * _RETRIES : 2]:
        again = draft.event_ms + 2 * MINUTE_MS
        stage.drafts.append(
            draft._replace(event_ms=again, ingested_ms=ingest(owner.rng, again), first=draft)
        )  # fmt: skip
    return Pair(owner.name, "line with retries", "DAILY_CAP", effect_ms)
