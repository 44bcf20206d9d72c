"""The rules of behaviour beside the cap: each with what trips it, what looks alike and must not, and where it stops."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from streams.contracts.reputation import Finding
from streams.engine.shaping import ALLOCATED, BLOCK
from streams.engine.sketches import BLOCKS, NAMES, hashed, least
from tests.engine.kit import DAY, HOUR, MINUTE, T
from tests.engine.test_behaving import ACCOUNT, LINE, Delta, delta, said

SENDER = "sender:kr:15881234#0"


def to(numbers: Iterable[int], **shape: Any) -> dict[str, Any]:
    """A shape's fields for one message to each of these numbers."""
    held: dict[int, int] = {}
    every = list(numbers)
    for number in every:
        name = hashed(str(number // BLOCK))
        held[name] = held.get(name, 0) | 1 << number % BLOCK
    blocks = sorted({hashed(f"={number // ALLOCATED}") for number in every})
    return {"sent": len(every), "recipients": least(held, BLOCKS), "blocks": tuple(blocks[:NAMES])} | shape


def codes(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(f.reason, f.step) for f in findings]


def scattered(count: int, seed: int = 1) -> list[int]:
    return Random(seed).sample(range(821_010_000_000, 821_099_999_999), count)


# -- harvesting ------------------------------------------------------------------------------------------------------

START = 821_055_550_000
HARVEST = ("RECIPIENTS_SEQUENTIAL", "THROTTLE")


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        (range(START, START + 100), [HARVEST]),
        (range(START, START + 99), []),  # too few
        (Random(2).sample(range(START, START + ALLOCATED), 120), [HARVEST]),  # permuted over one allocated block
        (Random(2).sample(range(START, START + 4 * ALLOCATED), 150), []),  # 37 in each
        (range(START, START + 300_000), [HARVEST]),  # more blocks than a sketch keeps
        (scattered(120), []),
        (scattered(50_000), []),
        ([*range(START, START + 100), *scattered(60)], [HARVEST]),
        ([*range(START, START + 100), *scattered(120)], []),  # a company that writes to its own people, too
    ],
    ids=["turn", "few", "permuted", "four blocks", "sweep", "scattered", "bulk", "most", "some"],
)
def test_harvesting(numbers: Iterable[int], wanted: list[tuple[str, str]]) -> None:
    assert codes(said([delta(0, ACCOUNT, **to(numbers))])) == wanted


def test_harvesting_is_seen_however_slowly_and_in_whatever_order() -> None:
    numbers = Random(3).sample(range(START, START + 100), 100)
    deltas = [delta(epoch, ACCOUNT, **to(numbers[epoch::20])) for epoch in range(20)]
    (found,) = said(deltas)
    assert found.from_ms == T + 21 * MINUTE and found.to_ms == found.from_ms + DAY
    assert found.counts == {"recipients": 100, "in_turn": 100, "blocks": 1} and found.share_permille == 900


def test_a_pack_may_leave_harvesting_out() -> None:
    everything = delta(0, ACCOUNT, **to(range(START, START + 500)))
    assert said([everything], sequential={"recipients": 0}) == []


# -- takeover --------------------------------------------------------------------------------------------------------

RULES = {"messages": 20, "factor": 5, "history_epochs": 10, "known_after_ms": 5 * MINUTE}
USUAL, STRANGE = 11, 22


def past(epochs: int = 20, sent: int = 4, text: int = USUAL) -> list[Delta]:
    return [delta(n, ACCOUNT, sent=sent, texts=((text, sent),)) for n in range(epochs)]


def burst(epoch: int, sent: int, text: int) -> Delta:
    return delta(epoch, ACCOUNT, sent=sent, texts=((text, sent),))


@pytest.mark.parametrize(
    ("before", "now", "wanted"),
    [
        (past(), [burst(20, 20, STRANGE)], [("TAKEOVER_SUSPECTED", "THROTTLE")]),
        (past(), [burst(20, 20, USUAL)], [("VOLUME_SUDDEN", "OBSERVE")]),
        (past(sent=10), [burst(20, 20, STRANGE)], [("CONTENT_NEW", "OBSERVE")]),
        (past(sent=10), [burst(20, 20, USUAL)], []),
        (past(), [burst(20, 19, STRANGE)], []),  # too few messages to say
        (past(9), [burst(9, 20, STRANGE)], []),  # nobody knows it yet
        # A burst that straddles two epochs does not excuse itself.
        (past(), [burst(20, 15, STRANGE), burst(21, 60, STRANGE)], [("TAKEOVER_SUSPECTED", "THROTTLE")]),
        # One after the other is both.
        (
            past(),
            [burst(20, 20, USUAL), burst(22, 30, STRANGE)],
            [("VOLUME_SUDDEN", "OBSERVE"), ("TAKEOVER_SUSPECTED", "THROTTLE")],
        ),
    ],
    ids=["both", "volume", "content", "neither", "few", "no history", "straddling", "one by one"],
)
def test_takeover(before: list[Delta], now: list[Delta], wanted: list[tuple[str, str]]) -> None:
    assert codes(said([*before, *now], takeover=RULES)) == wanted


def test_somebody_whose_texts_never_repeat_has_no_new_content() -> None:
    chatter = [delta(n, LINE, sent=4, texts=tuple((100 * n + i, 1) for i in range(4))) for n in range(20)]
    assert said([*chatter, delta(20, LINE, sent=19, texts=((STRANGE, 19),))], takeover=RULES) == []
    sudden = delta(20, LINE, sent=30, texts=((STRANGE, 30),))
    assert codes(said([*chatter, sudden], takeover=RULES)) == [("VOLUME_SUDDEN", "OBSERVE")]


def test_what_a_thief_sends_does_not_become_usual_while_it_is_put_off() -> None:
    theft = [burst(20 + n, 25, STRANGE) for n in range(90)]
    found = said([*past(), *theft], takeover=RULES, throttle_ms=HOUR)
    assert codes(found) == [("TAKEOVER_SUSPECTED", "THROTTLE")] * 2
    assert found[1].from_ms == found[0].from_ms + HOUR


# -- the others ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("unlisted", "wanted"), [(100, [("BULK_UNLISTED", "THROTTLE")]), (99, [])])
def test_bulk_from_an_unlisted_address(unlisted: int, wanted: list[tuple[str, str]]) -> None:
    found = said([delta(0, ACCOUNT, sent=500, unlisted=unlisted, peers=(1, 2))])
    assert codes(found) == wanted
    assert [f.counts for f in found] == [{"unlisted": unlisted, "sent": 500, "peers": 2}] * len(wanted)


@pytest.mark.parametrize(
    ("subject", "routes", "wanted"),
    [(SENDER, 8, [("MANY_ROUTES", "OBSERVE")]), (SENDER, 7, []), (ACCOUNT, 20, [])],
)
def test_one_sender_on_many_routes(subject: str, routes: int, wanted: list[tuple[str, str]]) -> None:
    halves = tuple(range(routes // 2)), tuple(range(routes // 2, routes))
    deltas = [delta(n, subject, sent=5, routes=half) for n, half in enumerate(halves)]
    assert codes(said(deltas)) == wanted


@pytest.mark.parametrize(
    ("subject", "people", "sent", "wanted"),
    [
        (LINE, 250, 250, [("SIM_BOX", "OBSERVE")]),
        (LINE, 250, 400, []),  # writes to them again: a person with many friends
        (LINE, 120, 120, []),
        (SENDER, 250, 250, []),  # a business
    ],
)
def test_sim_box(subject: str, people: int, sent: int, wanted: list[tuple[str, str]]) -> None:
    # The sketch's estimate of 250 scattered numbers is within 13 % and always the same.
    assert codes(said([delta(0, subject, **to(scattered(people), sent=sent))])) == wanted
