"""Honest traffic, one more twin: all senders exist, are registered where that is asked, and come by their own route."""

from __future__ import annotations

from streams.demo.cast import Owner
from streams.demo.clock import rhythm
from streams.demo.companies import NAME, Lines, found
from streams.demo.stage import Draft, Line, Stage, Text
from streams.demo.texts import chat, words

_NOTICE = words(
    "예약이 확정되었습니다 {n}", "배송이 시작되었습니다 {n}", "진료 예약 안내 {n}", "관리비 고지서입니다 {n}",
    "Your booking {n} is confirmed", "Order {n} has shipped", "Your visit {n} is tomorrow", "Receipt {n}, thank you",
)  # fmt: skip
_BRANDED = words("[알림] 포인트 {n}점 적립", "You earned {n} points", "이번 주 새 소식 {n}", "Member offer {n}")


def fill(stage: Stage, count: int) -> tuple[Owner, Lines, list[Draft]]:
    """Complete the cast and send `count` honest messages over the day, each to another person."""
    owner = Owner(stage, NAME)
    lines = found(owner)
    pools: tuple[tuple[int, list[Line], Text], ...] = (  # percent of the messages, lines, text
        (38, lines.subscribers, chat),
        (17, lines.other_carriers, chat),
        (3, lines.roaming, chat),
        (25, lines.at_carrier, _NOTICE),
        (12, lines.at_relay, _NOTICE),
        (5, lines.brands, _BRANDED),
    )
    by_percent = [pool for pool in pools for _ in range(pool[0])]
    random, drafts = owner.rng.random, []
    for event_ms in rhythm(owner.rng, count):
        _, senders, text = by_percent[int(random() * len(by_percent))]
        drafts += owner.send(senders[int(random() * len(senders))], (event_ms,), text)
    return owner, lines, drafts
