"""Pairs of which only the shape of the traffic tells attack and twin apart."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import msgspec

from streams.contracts.registry import Routes
from streams.demo.cast import Owner, labels
from streams.demo.clock import DAY_FROM_MS, DAY_TO_MS, MINUTE_MS, epoch_start, ingest, spread
from streams.demo.numbers import digits, sender
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.stage import Label, Line, Stage, report, send
from streams.demo.texts import words

_CAP = 500
_RETRIES = 200
_OVER_IN = 24  # the epoch that holds the 500th message
_FOUND = 8  # the epoch in which a shape is enough
_TAKEN_IN = 26


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


def in_turn(stage: Stage, sizes: Sizes) -> Pair:
    """An account that writes to every number of a block; the twin's are as many, and customers: scattered."""
    owner = Owner(stage, "recipients in turn")
    attack, twin = labels(owner.name)
    text = words("무료 상담 신청하세요 {n}", "Free advice, reply {n}")
    prefix, told = digits(stage.book.neighbours()), count()
    found, effect_ms = _found_out(owner, 120), epoch_start(_FOUND + 2)
    rest = [
        *spread(owner.rng, 10, epoch_start(_FOUND + 1), effect_ms),
        *spread(owner.rng, sizes.side, effect_ms, DAY_TO_MS),
    ]
    line = _company(owner, attack)

    def to() -> str:
        return f"{prefix}{next(told):04d}"

    send(stage, owner.rng, replace(line, label=(owner.name, "wave")), found, text, to)
    send(stage, owner.rng, line, rest, text, to)
    owner.send(_company(owner, twin), [*found, *rest], text)
    return Pair(owner.name, "as many, scattered", "RECIPIENTS_SEQUENTIAL", effect_ms)


def taken_over(stage: Stage, sizes: Sizes) -> Pair:
    """An account that sends five times as much as ever, and what it never sent; the twin as much of its usual texts."""
    owner = Owner(stage, "account taken over")
    attack, twin = labels(owner.name)
    usual = words("진료 예약 안내 {n} 늘봄의원", "Neulbom clinic: your visit is at {n}")
    strange = words("통장 대여 하루 {n}만원", "Rent out your account, {n} a day")
    before = spread(owner.rng, 3 * _TAKEN_IN, DAY_FROM_MS, epoch_start(_TAKEN_IN))
    effect_ms = epoch_start(_TAKEN_IN + 2)
    burst = spread(owner.rng, 25, epoch_start(_TAKEN_IN), epoch_start(_TAKEN_IN + 1))
    rest = spread(owner.rng, max(sizes.side, 150), effect_ms, DAY_TO_MS)
    for label, text in ((attack, strange), (twin, usual)):
        line = _company(owner, label)
        owner.send(replace(line, label=(owner.name, "wave")), before, usual)
        owner.send(line, [*burst, *rest], text)
    return Pair(owner.name, "more of the usual", "TAKEOVER_SUSPECTED", effect_ms)


def bulk_unlisted(stage: Stage, sizes: Sizes) -> Pair:
    """Bulk from an address that the account does not list; the twin from one that it does."""
    owner = Owner(stage, "bulk from an unlisted address")
    attack, twin = labels(owner.name)
    text = words("포인트가 소멸됩니다 {n}", "Your points expire on {n}")
    found, effect_ms = _found_out(owner, 20), epoch_start(_FOUND + 2)
    rest = spread(owner.rng, sizes.side, effect_ms, DAY_TO_MS)
    line = _company(owner, attack)
    line = replace(line, route=msgspec.structs.replace(line.route, peer_ip="2001:db8::7"))
    owner.send(replace(line, label=(owner.name, "wave")), found, text)
    owner.send(line, rest, text)
    owner.send(_company(owner, twin), [*found, *rest], text)
    return Pair(owner.name, "bulk from a listed one", "BULK_UNLISTED", effect_ms)


def group_reported(stage: Stage, sizes: Sizes) -> Pair:
    """Two messages into a group of 300, which five of it report; in the twin's one of them reports five times."""
    owner = Owner(stage, "group of 300 reported by five")
    attack, twin = labels(owner.name)
    text = words("[리딩방] 급등주 {n} 무료 공개", "Hot stock {n}, join the room")
    effect_ms = epoch_start(3)  # votes on messages of epoch 0 count from epoch 1
    first = spread(owner.rng, 2, epoch_start(0), epoch_start(0) + 5 * MINUTE_MS)
    rest = spread(owner.rng, sizes.side, effect_ms, DAY_TO_MS)
    for label in (attack, twin):
        line = _company(owner, label)
        route = msgspec.structs.replace(line.route, account_id=None)
        line = replace(line, leg="termination", channel="rcs", route=route, group_size=300)
        draft = owner.send(line, [*first, *rest], text)[0]
        members = [digits(stage.book.person()) for _ in range(5 if label == attack else 1)]
        for i in range(5):
            told = draft._replace(recipient=members[i % len(members)])
            report(stage, told, category="stocks", ingested_ms=epoch_start(0) + (10 + i) * MINUTE_MS)
    return Pair(owner.name, "by one of it five times", "REPORTS_RATE_", effect_ms)


def _company(owner: Owner, label: Label) -> Line:
    """A registered company's line at its relay, over its own account."""
    relay = owner.relay()
    account = owner.account(relay, owner.chain(relay, 1))
    number = owner.number("fixed")
    owner.register(number, account.org, Routes(mode="exclusive", relays=(relay,)))
    return Line(
        label=label, sender=sender(number), traffic_class="a2p", leg="origination", route=account.route()
    )  # fmt: skip


def _found_out(owner: Owner, messages: int) -> list[int]:
    """The messages of the epoch whose shape is enough."""
    return spread(owner.rng, messages, epoch_start(_FOUND), epoch_start(_FOUND + 1))
