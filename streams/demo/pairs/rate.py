"""One pair on rates: a registered sender that one in 200 recipients reports, and a bank with ten angry customers."""

from __future__ import annotations

from streams.contracts.registry import Routes
from streams.demo.cast import Account, Owner, both_legs, labels
from streams.demo.clock import DAY_TO_MS, EPOCH_MS, MINUTE_MS, epoch_start, spread
from streams.demo.numbers import sender
from streams.demo.pairs.base import REPORTS, Pair, Sizes
from streams.demo.stage import Draft, Line, Stage
from streams.demo.texts import words

_FIRST = 1_200  # delivered in epochs 0 and 1: twice the minimum sample
_PER_REPORT = 200  # 0.5 % of recipients
_EFFECT_MS = epoch_start(4)  # votes on messages of epoch 1 count from epoch 2


def reported_sender(stage: Stage, sizes: Sizes) -> Pair:
    """Both are registered and come by their own route, so both are judged by reporters over delivered messages."""
    owner = Owner(stage, "reported registered sender")
    attack, twin = labels(owner.name)
    relay = owner.relay()
    mailer, bank = owner.account(relay, owner.chain(relay, 3)), owner.account(relay, owner.chain(relay, 1))
    number = owner.number("representative")
    owner.register(number, mailer.org, Routes(mode="exclusive", relays=(relay,)))
    line = Line(label=attack, sender=sender(number), traffic_class="a2p")
    _mailing(owner, line, mailer, sizes.reported)
    bank_number = owner.number("representative")
    owner.register(bank_number, bank.org, Routes(mode="exclusive", relays=(relay,)))
    _codes(owner, Line(label=twin, sender=sender(bank_number), traffic_class="a2p"), bank, sizes.bank)
    return Pair(owner.name, "bank with ten angry reports", REPORTS, _EFFECT_MS)


def _mailing(owner: Owner, line: Line, account: Account, count: int) -> None:
    origination, termination = both_legs(line, account, name_account=True)
    text = words("무료 종목 추천방 입장 {n}", "Stock tips club, free seat {n}")
    drafts = owner.send(termination, spread(owner.rng, _FIRST, epoch_start(0), epoch_start(2)), text)
    at_relay = (count - _FIRST) // 4  # where the account's sanction meets what the sender's one cannot see
    for leg, share in ((termination, count - _FIRST - at_relay), (origination, at_relay)):
        drafts += owner.send(leg, spread(owner.rng, share, _EFFECT_MS, DAY_TO_MS), text)
    for draft in drafts[::_PER_REPORT]:
        _complain(owner, draft, "stocks")


def _codes(owner: Owner, line: Line, account: Account, count: int) -> None:
    """One-time codes, evenly over the day; the ten reports come one by one from six o'clock on."""
    _, termination = both_legs(line, account, name_account=True)
    text = words("[온누리은행] 인증번호 {n} 타인에게 알리지 마세요", "[Onnuri Bank] Your code is {n}. Never share it.")
    codes = owner.send(termination, spread(owner.rng, count, epoch_start(0), DAY_TO_MS), text)
    for i in range(10):
        hour = 6 + 1.75 * i + owner.rng.random()
        _complain(owner, codes[int(count * hour / 24) + 1], "financial")


def _complain(owner: Owner, draft: Draft, category: str) -> None:
    """Reported within the epoch of the message, so that the epoch in which the vote counts is the same for any seed."""
    last = draft.event_ms // EPOCH_MS * EPOCH_MS + EPOCH_MS - 1
    ingested = min(draft.ingested_ms + MINUTE_MS + owner.rng.randrange(2 * MINUTE_MS), last)
    owner.report(draft, category=category, ingested_ms=ingested)
