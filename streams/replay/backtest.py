"""Backtest: the same messages under today's rules and under new ones, and who would be blocked that is not today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, cast

from streams.contracts.decisions import Decision
from streams.engine.decide import Decider
from streams.engine.intake import InvalidEvent, read_message
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.skeleton import skeletons_of
from streams.packs import shipped
from streams.replay.drive import Drive, Raw, Refused, Timed
from streams.replay.embedded import Embedded
from streams.replay.proposed import Lens, Rules
from streams.replica.memory import MemoryReplica

PPM = 1_000_000
#: Unregistered senders that are told apart; pseudonyms rotate, and there is no end to forged ones.
MAX_SENDERS = 100_000
OTHERS = "(others)"


class Said(NamedTuple):
    """What a side said about a message, as far as a backtest compares it. reason: the code that blocked."""

    sender: str
    registered: bool
    relay: str
    action: str
    blocked: bool
    reason: str


class Key(NamedTuple):
    registered: bool
    sender: str
    relay: str
    reason: str


def said(decision: Decision) -> Said:
    """The comparable part of a decision."""
    blocked = decision.verdict == "BLOCK"
    reason = next((r.code for r in decision.reasons if r.mode == "BLOCK"), decision.won) if blocked else ""
    sender = decision.sender
    return Said(
        sender.key, sender.registered, decision.route.relay_id or "-", decision.action, blocked, reason
    )  # fmt: skip


class Side(NamedTuple):
    """How many messages of registered, or of other, senders there were, and how many were blocked."""

    messages: int
    blocked_today: int
    blocked_new: int


class Backtest:
    """Counts what two sides said about each message. bound_ppm: how far the registered senders' block rate may rise."""

    def __init__(self, bound_ppm: int) -> None:
        self.bound_ppm = bound_ppm
        self.not_judgeable: Counter[tuple[bool, str]] = Counter()
        #: Messages and other records that could not be taken.
        self.unreadable = 0
        self.actions: Counter[tuple[str, str]] = Counter()
        self.would_block: Counter[Key] = Counter()
        self.no_longer: Counter[Key] = Counter()
        self._sides: Counter[tuple[bool, str]] = Counter()
        self._senders: set[str] = set()

    def compare(self, today: Said, new: Said) -> None:
        """Take in one message. A sender whom either side knows as registered is registered."""
        registered = today.registered or new.registered
        self._sides[registered, "messages"] += 1
        self._sides[registered, "today"] += today.blocked
        self._sides[registered, "new"] += new.blocked
        if today.action != new.action:
            self.actions[today.action, new.action] += 1
        if new.blocked and not today.blocked:
            self.would_block[self._key(registered, new)] += 1
        elif today.blocked and not new.blocked:
            self.no_longer[self._key(registered, today)] += 1

    def side(self, registered: bool) -> Side:
        """The counts of registered senders, or of the others."""
        return Side(*(self._sides[registered, name] for name in ("messages", "today", "new")))

    @property
    def rises(self) -> bool:
        """Whether the registered senders' block rate rises by more than the bound."""
        held = self.side(True)
        return (held.blocked_new - held.blocked_today) * PPM > self.bound_ppm * held.messages

    @property
    def blind(self) -> bool:
        """Whether there were registered senders' messages, and none of them could be judged."""
        hidden = sum(n for (registered, _), n in self.not_judgeable.items() if registered)
        return bool(hidden) and not self.side(True).messages

    def _key(self, registered: bool, held: Said) -> Key:
        sender = held.sender
        if not registered and sender not in self._senders:
            if len(self._senders) >= MAX_SENDERS:
                sender = OTHERS
            else:
                self._senders.add(sender)
        return Key(registered, sender, held.relay, held.reason)

    def summary(self) -> dict[str, Any]:
        """Everything as one object, registered senders first."""
        return {
            "ok": not (self.rises or self.blind),
            "bound_ppm": self.bound_ppm,
            **{name: _rates(self.side(flag)) for name, flag in (("registered", True), ("others", False))},
            "would_block": _ranked(self.would_block),
            "no_longer_blocked": _ranked(self.no_longer),
            "actions": [
                {"today": old, "new": new, "messages": n}
                for (old, new), n in sorted(self.actions.items(), key=lambda item: (-item[1], item[0]))
            ],
            "not_judgeable": [
                {"registered": registered, "why": why, "messages": n}
                for (registered, why), n in sorted(self.not_judgeable.items(), key=lambda i: (not i[0][0], -i[1], i[0]))
            ],
            "unreadable": self.unreadable,
        }


def _rates(side: Side) -> dict[str, int]:
    whole = side.messages or 1
    return {
        **side._asdict(),
        "rate_today_ppm": side.blocked_today * PPM // whole,
        "rate_new_ppm": side.blocked_new * PPM // whole,
    }


def _ranked(counts: Mapping[Key, int]) -> list[dict[str, Any]]:
    ranked = sorted(counts.items(), key=lambda item: (not item[0].registered, -item[1], item[0]))
    return [{**key._asdict(), "messages": n} for key, n in ranked]


def over_messages(
    messages: Iterable[bytes], window: tuple[int, int], view: MemoryReplica, today: Rules, new: Rules,
    jurisdiction: str, keys: Keys, backtest: Backtest,
) -> None:  # fmt: skip
    """Decide messages ingested in `[from, to)` ms by what a view holds now. Sanctions stay as they are: reports are not
    counted again."""
    deciders = [Decider(Policies(shipped(), jurisdiction), keys) for _ in range(2)]
    lenses = [cast(MemoryReplica, Lens(view, rules)) for rules in (today, new)]
    for raw in messages:
        try:
            message, flags = read_message(raw)
        except InvalidEvent:
            backtest.unreadable += 1
            continue
        if not window[0] <= message.ingested_at_ms < window[1]:
            continue
        one, other = (said(d.decide(message, raw, lens, flags)) for d, lens in zip(deciders, lenses, strict=True))
        backtest.compare(one, other)


def over_files(
    messages: Iterable[Raw], control: list[Timed], today: Rules, new: Rules, jurisdiction: str, keys: Keys,
    backtest: Backtest,
) -> None:  # fmt: skip
    """Replay files on both sides, step by step: reports, rates and thresholds count by each side's own rules."""
    heard: list[Said] = []
    refused: list[Refused] = []
    drives = [
        _drive(rules, control, jurisdiction, keys, heard, told)
        for rules, told in ((today, refused.append), (new, lambda letter: None))
    ]
    for drive in drives:
        drive.begin()
    for raw in messages:
        heard.clear()
        for drive in drives:
            drive.take(raw)
        if len(heard) == 2:
            backtest.compare(*heard)
    for drive in drives:
        drive.end()
    backtest.unreadable += len(refused)


def _drive(
    rules: Rules, control: list[Timed], jurisdiction: str, keys: Keys, heard: list[Said],
    refused: Callable[[Refused], None],
) -> Drive:  # fmt: skip
    view = cast(MemoryReplica, Lens(MemoryReplica(skeletons_of), rules))
    embedded = Embedded(Policies(shipped(), jurisdiction), keys, view)
    return Drive(embedded, lambda decision: heard.append(said(decision)), refused, control)
