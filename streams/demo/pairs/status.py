"""Pairs on the state of a number: terminated, suspended, unallocated, and what the relay could have known.

The sender writes from another carrier.
"""

from __future__ import annotations

from streams.contracts.messages import Route
from streams.demo.cast import Owner, labels
from streams.demo.clock import EPOCH_MS, HOUR_MS, MINUTE_MS, at, rhythm, spread
from streams.demo.numbers import Block, sender
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.stage import Label, Line, Stage, Text
from streams.demo.texts import words

_PER_NUMBER = 5


def _lines(owner: Owner, label: Label, numbers: list[str], relay: str) -> list[Line]:
    return [
        Line(label=label, sender=sender(number, i % 3), route=Route(relay_id=relay), upstream=0.5)
        for i, number in enumerate(numbers)
    ]


def _all_day(owner: Owner, lines: list[Line], count: int, text: Text) -> None:
    for i, event_ms in enumerate(rhythm(owner.rng, count)):
        owner.send(lines[i % len(lines)], (event_ms,), text)


def terminated(stage: Stage, sizes: Sizes) -> Pair:
    """A p2p sender terminated over 24 hours ago; its twin was ported out. Half by their own row, half by the block."""
    owner = Owner(stage, "terminated")
    attack, twin = labels(owner.name)
    relay, count = owner.relay(), sizes.side // _PER_NUMBER
    gone = [owner.number() if i % 2 else owner.number(status="terminated") for i in range(count)]
    moved = [owner.number() if i % 2 else owner.number(status="ported_out") for i in range(count)]
    for number in gone[1::2]:
        owner.status(number, ("terminated", owner.recently(25, 200)))
    for number in moved[1::2]:
        owner.status(number, ("ported_out", owner.recently(25, 200)))
    text = words("고객님 택배 주소를 확인해 주세요 {n}", "Parcel {n} is on hold, confirm your address")
    for label, numbers in ((attack, gone), (twin, moved)):
        _all_day(owner, _lines(owner, label, numbers, relay), sizes.side, text)
    return Pair(owner.name, "ported out", "NUMBER_TERMINATED")


def suspended(stage: Stage, sizes: Sizes) -> Pair:
    """A suspended sender; its twin was reinstated an hour before it writes."""
    owner = Owner(stage, "suspended")
    attack, twin = labels(owner.name)
    relay, count = owner.relay(), sizes.side // _PER_NUMBER
    text = words("회비 입금 계좌 {n} 확인 바랍니다", "Please settle invoice {n} today")
    held = [owner.number() if i % 2 else owner.number(status="suspended") for i in range(count)]
    for number in held[1::2]:
        owner.status(number, ("suspended", owner.recently(2, 200)))
    _all_day(owner, _lines(owner, attack, held, relay), sizes.side, text)
    back = [owner.number() if i % 2 else owner.number(status="suspended") for i in range(count)]
    restored = spread(owner.rng, count, at(2), at(21))
    for i, (number, since) in enumerate(zip(back, restored, strict=True)):
        if i % 2:
            owner.status(number, ("suspended", owner.recently(2, 200)), ("active", since))
        else:
            owner.status(number, ("active", since))
    for i, line in enumerate(_lines(owner, twin, back, relay)):
        share = sizes.side // count + (i < sizes.side % count)
        first = restored[i] + HOUR_MS
        owner.send(line, spread(owner.rng, share, first, first + 20 * MINUTE_MS), text)
    return Pair(owner.name, "reinstated", "NUMBER_SUSPENDED")


def leaked(stage: Stage, sizes: Sizes) -> Pair:
    """The relay said ALLOW an epoch after the number's suspension was recorded; for the twin, before it was. Both are
    blocked here, but only the first is a leak."""
    owner = Owner(stage, "relay allowed what it could know")
    attack, twin = labels(owner.name)
    relay, count = owner.relay(), sizes.side // _PER_NUMBER
    text = words("미납 요금 안내 {n} 건, 즉시 확인", "Unpaid bill {n}: check now")
    for label, after_ms, lag_ms in (
        (attack, EPOCH_MS + 5 * MINUTE_MS, (100, 1000)), (twin, MINUTE_MS // 2, (2 * MINUTE_MS, 3 * MINUTE_MS)),
    ):  # fmt: skip
        numbers = [owner.number() for _ in range(count)]
        for i, (number, since) in enumerate(zip(numbers, spread(owner.rng, count, at(1), at(22)), strict=True)):
            owner.status(number, ("suspended", since))
            line = Line(
                label=label, sender=sender(number, i % 3), route=Route(relay_id=relay), upstream=1.0,
                upstream_lag_ms=lag_ms,
            )  # fmt: skip
            share = sizes.side // count + (i < sizes.side % count)
            owner.send(line, spread(owner.rng, share, since + after_ms, since + after_ms + MINUTE_MS), text)
    return Pair(owner.name, "relay could not know yet", "NUMBER_SUSPENDED", leak=True)


def unallocated(stage: Stage, sizes: Sizes) -> Pair:
    """A mobile number that was never allocated; its twin is a fixed line, a kind that the feed is not complete for.

    Half of the mobile numbers stand in a listed block as unallocated, half in a block that nobody listed.
    """
    owner = Owner(stage, "unallocated")
    attack, twin = labels(owner.name)
    relay, count = owner.relay(), sizes.side // _PER_NUMBER
    nowhere: Block = stage.book.block("mobile", listed=False)
    unlisted: Block = stage.book.block("fixed", listed=False)
    never = [nowhere.take() if i % 2 else owner.number(status="unallocated") for i in range(count)]
    fixed = [unlisted.take() for _ in range(count)]
    text = words("안녕하세요 어제 통화한 사람입니다 {n}", "Hi, we spoke on the phone, ref {n}")
    for label, numbers in ((attack, never), (twin, fixed)):
        _all_day(owner, _lines(owner, label, numbers, relay), sizes.side, text)
    return Pair(owner.name, "kind not covered", "NUMBER_UNALLOCATED")
