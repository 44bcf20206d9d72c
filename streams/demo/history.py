"""Reports of the ten days before and of the day itself that belong to no pair: old spam, and honest senders reported
by mistake. In the national feed of Korea over 4 % of reports are no spam at all; here it is more.

No honest sender, account or text ever gets more than two reporters, by counting them while the world is made, so no
seed can bring one to a threshold. Old spam does reach thresholds; its numbers send nothing on the demo's day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random

from streams.contracts.messages import Route
from streams.demo.cast import Owner
from streams.demo.clock import DAY_FROM_MS, DAY_TO_MS, EPOCH_MS, HISTORY_FROM_MS, HOUR_MS, MINUTE_MS
from streams.demo.companies import LABEL, Lines
from streams.demo.numbers import sender
from streams.demo.stage import Draft, Line
from streams.demo.texts import coined
from streams.engine.fingerprint import fingerprint

HONEST_REPORTERS = 2
_RELAY_REPORTERS = 100  # a relay is warned at 200 distinct ones
_SPAM_REPORTERS = 15
_BORROWED = 4  # campaigns
# Shares follow a public count of nine million Korean reports of 2022.
_CATEGORIES = {
    "other": 45, "gambling": 23, "illegal_loan": 10, "adult": 5, "stocks": 4, "designated_driver": 2, "real_estate": 2,
    "telecom": 1, "finance": 1, "pharmacy": 1,
}  # fmt: skip


class Quota:
    """Counts the reporters of every honest subject."""

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()

    def take(self, draft: Draft) -> bool:
        """Whether one more report of this message leaves all its subjects within bounds; counts it if so."""
        route = draft.line.route
        limits = {f"sender {draft.line.sender.address}": HONEST_REPORTERS}
        limits[f"text {fingerprint(draft.text)}"] = HONEST_REPORTERS
        if route.account_id:
            limits[f"account {route.account_id}"] = HONEST_REPORTERS
        if route.relay_id:
            limits[f"relay {route.relay_id}"] = _RELAY_REPORTERS
        if any(self._given[subject] >= limit for subject, limit in limits.items()):
            return False
        self._given.update(limits.keys())
        return True


def tell(owner: Owner, lines: Lines, drafts: list[Draft], count: int) -> None:
    """About `count` reports: over half on old spam, the others on honest messages of the ten days and of the day."""
    quota = Quota()
    old, today = count * 25 // 100, count * 20 // 100
    _old_spam(owner, lines, max(2, (count - old - today) // _SPAM_REPORTERS))
    _by_mistake(owner, (d for d in _past(owner, lines, old)), quota)
    _by_mistake(owner, (drafts[int(owner.rng.random() * len(drafts))] for _ in range(today)), quota)


def _category(rng: Random) -> str:
    return rng.choices(tuple(_CATEGORIES), tuple(_CATEGORIES.values()))[0]


def _old_spam(owner: Owner, lines: Lines, campaigns: int) -> None:
    """Each campaign is reported within three hours. A few borrow numbers on another carrier's relay, which stays under
    its warning all the same; the others use a line of their own."""
    rng, carrier = owner.rng, lines.other_carriers[0].route
    for i in range(campaigns):
        start = rng.randrange(HISTORY_FROM_MS, DAY_FROM_MS - 6 * HOUR_MS)
        category, borrowed, own = _category(rng), i < _BORROWED, owner.number()
        for k in range(_SPAM_REPORTERS):
            number = owner.number() if borrowed else own
            line = Line(
                label=LABEL, sender=sender(number), channel="mt" if borrowed else "mo",
                origin_number=None if borrowed else number, route=carrier if borrowed else Route(),
            )  # fmt: skip
            event_ms = start + k * 5 * MINUTE_MS
            text = f"대박 기회 {coined(i)} 지금 신청 {rng.randrange(10**6)}"
            draft = Draft(event_ms, event_ms, line, owner.people.next(), text, None)
            owner.report(draft, category=category, ingested_ms=event_ms + rng.randrange(MINUTE_MS, HOUR_MS))


def _past(owner: Owner, lines: Lines, count: int) -> Iterable[Draft]:
    """Honest messages of the ten days before; they are not part of the day's stream."""
    rng = owner.rng
    honest = (*lines.subscribers, *lines.other_carriers, *lines.at_carrier)
    for i in range(count):
        event_ms = rng.randrange(HISTORY_FROM_MS, DAY_FROM_MS - EPOCH_MS)
        line = honest[int(rng.random() * len(honest))]
        yield Draft(event_ms, event_ms, line, owner.people.next(), f"{coined(i)} 소식 전해 드려요", None)


def _by_mistake(owner: Owner, drafts: Iterable[Draft], quota: Quota) -> None:
    rng = owner.rng
    for draft in drafts:
        delay = rng.randrange(MINUTE_MS, 10 * HOUR_MS)
        if draft.ingested_ms + delay < DAY_TO_MS and draft.line.leg == "termination" and quota.take(draft):
            category = "not_spam" if rng.random() < 0.4 else _category(rng)
            owner.report(draft, category=category, ingested_ms=draft.ingested_ms + delay)
