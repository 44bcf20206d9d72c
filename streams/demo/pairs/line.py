"""One pair on a person's own line: a spammer whom only reports catch, and a subscriber whose number others spoof."""

from __future__ import annotations

from streams.contracts.messages import Route
from streams.demo.cast import Owner, labels
from streams.demo.clock import DAY_TO_MS, EPOCH_MS, epoch_start, rhythm, spread
from streams.demo.numbers import sender
from streams.demo.pairs.base import REPORTS, Pair, Sizes
from streams.demo.stage import Draft, Line, Stage
from streams.demo.texts import words

_REPORTERS = 10  # a line; critical is 5 for a sender and 10 for a campaign
_LINE_A_DAY = 200
_REACHED = 1  # the epoch in which all votes are counted
_EFFECT_MS = epoch_start(_REACHED + 2)


def _reported(owner: Owner, drafts: list[Draft], category: str) -> None:
    """The recipients of the first messages (all of epoch 0) report them in epoch 1."""
    times = spread(owner.rng, _REPORTERS, epoch_start(_REACHED) + 3000, epoch_start(_REACHED) + EPOCH_MS // 2)
    for draft, ingested_ms in zip(drafts[:_REPORTERS], times, strict=True):
        owner.report(draft, category=category, ingested_ms=ingested_ms)


def _times(owner: Owner, count: int) -> list[int]:
    """As many messages as reporters in epoch 0, 12 % before the sanction counts, the rest after."""
    before = max(_REPORTERS, count * 12 // 100)
    return [
        *spread(owner.rng, _REPORTERS, epoch_start(0), epoch_start(1)),
        *spread(owner.rng, before - _REPORTERS, epoch_start(1), _EFFECT_MS),
        *spread(owner.rng, count - before, _EFFECT_MS, DAY_TO_MS),
    ]


def own_line(stage: Stage, sizes: Sizes) -> Pair:
    """A spammer on his own line (origin = display); the twin's number is forged by a wave that is as much reported.

    The wave (half from the web, half as if from another carrier) is neither attack nor twin; the victim's own
    messages are the twin, and stay deliverable only if nobody charges the number on the display.
    """
    owner = Owner(stage, "spammer's own line")
    attack, twin = labels(owner.name)
    lines = max(1, sizes.side // _LINE_A_DAY)
    share = [sizes.side // lines + (i < sizes.side % lines) for i in range(lines)]
    spammers, victims = [owner.number() for _ in range(lines)], [owner.number() for _ in range(lines)]
    spam = words("무료 체험 포커방 입장코드 {n}")
    for number, count in zip(spammers, share, strict=True):
        line = Line(label=attack, sender=sender(number), channel="mo", origin_number=number)
        _reported(owner, owner.send(line, _times(owner, count), spam), "gambling")
    relay = owner.relay()
    account = owner.account(relay, owner.chain(relay, 1))
    forged = words("Same-day loan of {n} approved")
    own = words("김치 {n}포기 담갔어 가지러 와", "Choir practice moved to room {n}")
    for number, count in zip(victims, share, strict=True):
        drafts: list[Draft] = []
        for i, event_ms in enumerate(_times(owner, count)):
            web = Line(
                label=(owner.name, "wave"), sender=sender(number), traffic_class="a2p" if i % 2 else "p2p",
                route=account.route(account=False) if i % 2 else Route(relay_id=relay), upstream=0.5,
            )  # fmt: skip
            drafts += owner.send(web, (event_ms,), forged)
        _reported(owner, drafts, "illegal_loan")
        hand = Line(label=twin, sender=sender(number), channel="mo", origin_number=number)
        owner.send(hand, rhythm(owner.rng, count), own)
    return Pair(owner.name, "spoofed subscriber", REPORTS, _EFFECT_MS)
