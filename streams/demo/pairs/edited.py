"""One pair on edited copies: a phishing text that changes with every message; its twin comes by a proved route."""

from __future__ import annotations

from random import Random

from streams.contracts.messages import Route
from streams.contracts.registry import Routes
from streams.demo.cast import Owner, labels
from streams.demo.clock import DAY_TO_MS, EPOCH_MS, epoch_start, rhythm, spread
from streams.demo.numbers import sender
from streams.demo.pairs.base import REPORTS, Pair, Sizes
from streams.demo.stage import Line, Stage

_REACHED = 1
_EFFECT_MS = epoch_start(_REACHED + 2)
_REPORTERS = 20  # critical is 10 in a day, and every copy has lost some band to its edit
_NAMES = ("김하늘", "이서준", "박지우", "최민아", "정도윤", "강시온", "윤채원", "한이든")
_TEXT = (
    "[온누리은행] 고객님의 계좌에서 평소와 다른 해외 결제가 확인되어 이용이 일시 정지되었습니다. 본인이 아니시면 "
    "오늘 안에 아래 주소에서 본인 확인을 마치고 보안카드 정보를 다시 등록해 주시기 바랍니다. 확인하지 않으시면 계좌가 "
    "해지될 수 있습니다. 결제 금액 {n}원 http://onnuri-{n}.example/{n}"
)


def edited(rng: Random) -> str:
    """A copy with other numbers and links and one small edit: a name, a space, a sign of no width, a letter."""
    text = _TEXT.replace("{n}", str(100_000 + int(rng.random() * 900_000)))
    way, at = int(rng.random() * 4), 12 + int(rng.random() * 100)
    if way == 0:
        return f"{_NAMES[int(rng.random() * len(_NAMES))]}님, {text}"
    return text[:at] + (" ", "\u200b", "요")[way - 1] + text[at:]


def edited_copies(stage: Stage, sizes: Sizes) -> Pair:
    """Both send the same ever changing text over one relay; only the bank's number is bound to that route."""
    owner = Owner(stage, "edited phishing text")
    attack, twin = labels(owner.name)
    relay = owner.relay()
    bank = owner.account(relay, owner.chain(relay, 1))
    route = Route(relay_id=relay)
    numbers = [owner.number() for _ in range(max(20, sizes.side // 8))]
    lines = [Line(label=attack, sender=sender(n, i % 3), route=route) for i, n in enumerate(numbers)]
    before = max(_REPORTERS, sizes.side * 14 // 100)
    times = [
        *spread(owner.rng, _REPORTERS, epoch_start(0), epoch_start(1)),
        *spread(owner.rng, before - _REPORTERS, epoch_start(1), _EFFECT_MS),
        *spread(owner.rng, max(sizes.side, 7 * before) - before, _EFFECT_MS, DAY_TO_MS),
    ]
    drafts = [owner.send(lines[i % len(lines)], (event_ms,), edited)[0] for i, event_ms in enumerate(times)]
    start = epoch_start(_REACHED)
    counted = spread(owner.rng, _REPORTERS, start + 3000, start + EPOCH_MS // 2)
    for draft, ingested_ms in zip(drafts[:_REPORTERS], counted, strict=True):
        owner.report(draft, category="phishing", ingested_ms=ingested_ms)
    number = owner.number("representative")
    owner.register(number, bank.org, Routes(mode="exclusive", relays=(relay,)))
    line = Line(label=twin, sender=sender(number), traffic_class="a2p", route=bank.route(account=False))
    owner.send(line, rhythm(owner.rng, sizes.side), edited)
    return Pair(owner.name, "the same text, route proved", REPORTS, _EFFECT_MS)
