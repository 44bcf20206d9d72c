"""One pair on links: a host that many people report; its twin leads to a link shortener that strangers share."""

from __future__ import annotations

from random import Random

from streams.contracts.messages import Route
from streams.demo.cast import Owner, labels
from streams.demo.clock import DAY_TO_MS, EPOCH_MS, epoch_start, spread
from streams.demo.numbers import sender
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.stage import Label, Line, Stage, Text
from streams.demo.texts import coined

_REACHED = 1
_EFFECT_MS = epoch_start(_REACHED + 2)
_REPORTERS = 14  # a warning follows from 10 in a day; a campaign would need 10 of one text


def reported_host(stage: Stage, sizes: Sizes) -> Pair:
    """Every message has another text and another borrowed number, so that only the link is what they share."""
    owner = Owner(stage, "reported host")
    attack, twin = labels(owner.name)
    route = Route(relay_id=owner.relay())
    _wave(owner, attack, route, sizes.side, _linking("https://win{n}.lucky-prizes.example/{w}"))
    _wave(owner, twin, route, sizes.side, _linking("https://bit.ly/{w}{n}"))
    return Pair(owner.name, "shared host", "HOST_REPORTED", _EFFECT_MS, "LABEL")


def _linking(link: str) -> Text:
    def text(rng: Random) -> str:
        made = [coined(1_000 + int(rng.random() * 50_000_000)) for _ in range(4)]
        return " ".join(made[:3]) + " " + link.replace("{n}", str(int(rng.random() * 900))).replace("{w}", "x")

    return text


def _wave(owner: Owner, label: Label, route: Route, count: int, text: Text) -> None:
    numbers = [owner.number() for _ in range(max(20, count // 8))]
    before = max(_REPORTERS, count * 14 // 100)
    times = [
        *spread(owner.rng, _REPORTERS, epoch_start(0), epoch_start(1)),
        *spread(owner.rng, before - _REPORTERS, epoch_start(1), _EFFECT_MS),
        *spread(owner.rng, count - before, _EFFECT_MS, DAY_TO_MS),
    ]
    lines = [Line(label=label, sender=sender(n, i % 3), route=route) for i, n in enumerate(numbers)]
    drafts = [owner.send(lines[i % len(lines)], (event_ms,), text)[0] for i, event_ms in enumerate(times)]
    start = epoch_start(_REACHED)
    counted = spread(owner.rng, _REPORTERS, start + 3000, start + EPOCH_MS // 2)
    for draft, ingested_ms in zip(drafts[:_REPORTERS], counted, strict=True):
        owner.report(draft, category="gambling", ingested_ms=ingested_ms)
