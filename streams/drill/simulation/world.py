"""A tiny carrier, made from a seed: a few senders, people, accounts and relays over a handful of epochs."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any, NamedTuple

import msgspec

from streams.contracts.appeals import Appeal
from streams.contracts.base import Record, encoder
from streams.contracts.feeds import Beat, Heartbeat, Manifest, RegistryValue, key_of
from streams.contracts.messages import Content, Message, Route, Sender
from streams.contracts.policy import PolicyEntry, PolicyRow
from streams.contracts.registry import (
    AccountEntry,
    AccountRow,
    NumberEntry,
    NumberRow,
    RelayEntry,
    RelayRow,
    Routes,
    SenderEntry,
    SenderRow,
)
from streams.contracts.reports import Directive, Report, Scope
from streams.contracts.reputation import Finding
from streams.drill.simulation.log import partition_of
from streams.engine.sanctioning import person_id

EPOCH_MS = 60_000
BREAKER_MS = EPOCH_MS  # each is settled before the next is fed
FIRST = 29_432_400  # 2025-12-17, an epoch number
_encode = encoder().encode

_LIMITS = {
    "min_reporters": 2,
    "min_delivered": 2,
    "count": {w: {"warn": 2, "critical": 3} for w in ("24h", "10d")},
    "rate_ppm": {w: {"warn": 250_000, "critical": 500_000} for w in ("24h", "10d")},
}
PACK: dict[str, Any] = {
    "epoch_ms": EPOCH_MS,
    "breaker": {"epoch_ms": BREAKER_MS, "min_failed": 1, "trial_ms": 0, "max_ms": 2 * BREAKER_MS},
    "terminated_grace_ms": 0,
    "orders": {"unsigned": ["carrier", "regulator"]},
    "ladder": {"temp_block_ms": 2 * EPOCH_MS},
    "appeals": {"notice_ms": 0, "decide_ms": EPOCH_MS, "suspend_on_appeal": True},
    "thresholds": {"sender": _LIMITS, "account": _LIMITS, "campaign": {"count": _LIMITS["count"]}},
}
POLICY = PolicyRow(jurisdiction="kr", timeline=(PolicyEntry(profile="enforce", pack=PACK),))
#: Registered before anything happens, never ended: nothing may ever find them unregistered.
BUSINESSES = ("15880001", "15880002", "15880003", "15880004")
#: Registered until an import loses its row, and mostly again an epoch or two later.
LOST = "15880005"
PEOPLE = tuple(f"0105550{n:04d}" for n in range(1, 4))
REPORTERS = tuple(f"82105551{n:04d}" for n in range(1, 7))
TEXTS = ("win a prize", "your parcel waits")


class Sent(NamedTuple):
    """A message record and its key."""

    key: bytes
    value: bytes


class Fed(NamedTuple):
    """A value for `feeds`; partition None lets the key choose."""

    value: RegistryValue
    partition: int | None = None


@dataclass
class Epoch:
    """What happens in one epoch, in this order of stages."""

    number: int
    feeds: list[Fed] = field(default_factory=list)
    directives: list[Directive] = field(default_factory=list)
    orders: list[Finding] = field(default_factory=list)
    appeals: list[Appeal] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    messages: list[Sent] = field(default_factory=list)
    garbage: int = 0  # reports that are none

    @property
    def start_ms(self) -> int:
        return self.number * EPOCH_MS


class World:
    """Everything that will be fed, by epoch. The last two hold a message for every partition and no more.

    The very last is played without a mishap: the meter speaks once more, to whoever has forgotten what it said.
    """

    def __init__(self, seed: int, counts: dict[str, int]) -> None:
        self.rng, self._fair = Random(f"{seed}/world"), Random(f"{seed}/fair")
        self.counts = counts
        self._versions: dict[str, int] = {}
        self._said: list[tuple[int, Message]] = []
        self._number = 0
        self._old: list[Fed] = []
        self._orders, self._ordered = 0, ""
        self._desk, self._imposed = 0, list[Finding]()
        self.epochs = [Epoch(FIRST + n) for n in range(self.rng.randint(4, 6))]
        self._found(self.epochs[0])
        for epoch in self.epochs:
            self._live(epoch)
        self._lose()
        for _ in range(2):
            self.epochs.append(Epoch(self.epochs[-1].number + 1))
            self._close(self.epochs[-1])

    # -- the registry --------------------------------------------------------------------------------------------

    def _found(self, epoch: Epoch) -> None:
        rows: list[RegistryValue] = [self._relay("relay-1"), self._relay("relay-2")]
        rows += [self._account(f"acct-{n}") for n in (1, 2)]
        rows += [self._sender(name, 0) for name in BUSINESSES]
        rows += [self._status(f"+82{name[1:]}", "active", 0) for name in PEOPLE]
        epoch.feeds += [Fed(row) for row in rows]
        for partition in range(self.counts["registry"]):
            manifest = Manifest(
                generation="g1", feed="kr-sender-registry", from_ms=epoch.start_ms, partition=partition,
                partitions=self.counts["registry"], rows=1,
            )  # fmt: skip
            epoch.feeds.append(Fed(manifest, partition))

    def _next(self, key: str) -> int:
        self._versions[key] = self._versions.get(key, 0) + 1
        return self._versions[key]

    def _sender(self, name: str, at_ms: int) -> SenderRow:
        key = f"sender:kr:{name}"
        routes = Routes(mode="exclusive", relays=("relay-1",) if self.rng.random() < 0.8 else ("relay-2",))
        entry = SenderEntry(version=self._next(key), from_ms=at_ms, recorded_at_ms=at_ms, routes=routes)
        return SenderRow(key=key, timeline=(entry,))

    def _account(self, name: str, at_ms: int = 0, state: Any = "active") -> AccountRow:
        key = f"account:{name}"
        entry = AccountEntry(version=self._next(key), from_ms=at_ms, recorded_at_ms=at_ms, state=state)
        return AccountRow(key=key, timeline=(entry,))

    def _relay(self, name: str) -> RelayRow:
        return RelayRow(key=f"relay:{name}", timeline=(RelayEntry(),))

    def _status(self, number: str, status: Any, at_ms: int) -> NumberRow:
        key = f"number:{number}"
        entry = NumberEntry(version=self._next(key), from_ms=at_ms, recorded_at_ms=at_ms, status=status)
        return NumberRow(key=key, timeline=(entry,))

    def _change(self, epoch: Epoch) -> None:
        """A change of one row: a new version, an end, something contradictory, or an old row once more."""
        rng, at = self.rng, epoch.start_ms + self.rng.randint(0, EPOCH_MS - 1)
        kind = rng.randrange(6)
        if kind == 0:
            epoch.feeds.append(Fed(self._sender(rng.choice((*BUSINESSES, "15880009")), at)))
        elif kind == 1:
            epoch.feeds.append(Fed(self._account("acct-2", at, rng.choice(("active", "suspended")))))
        elif kind == 2:
            number = f"+82{rng.choice(PEOPLE)[1:]}"
            epoch.feeds.append(Fed(self._status(number, rng.choice(("active", "terminated", "suspended")), at)))
        elif kind == 3 and self._old:  # again, or late
            epoch.feeds.append(rng.choice(self._old))
        elif kind == 4:  # the newest registration of somebody ends
            ended = self._ending(at)
            epoch.feeds += [Fed(ended)] if ended is not None else []
        else:  # contradicts what is held
            entry = SenderEntry(version=1, owner="org:other", from_ms=0, recorded_at_ms=0)
            epoch.feeds.append(Fed(SenderRow(key=f"sender:kr:{BUSINESSES[0]}", timeline=(entry,))))

    def _ending(self, at_ms: int) -> SenderRow | None:
        rows = [f.value for f in self._old if isinstance(f.value, SenderRow) and f.value.key.endswith("9")]
        if not rows:
            return None
        last = rows[-1].timeline[0]
        to_ms = max(at_ms, last.from_ms)
        lost = "g2" if self.rng.random() < 0.7 else None  # by an import, or because somebody said so
        gone = msgspec.structs.replace(last, to_ms=to_ms, end_recorded_at_ms=to_ms, dropped_by=lost)
        return SenderRow(key=rows[-1].key, timeline=(gone,))

    def _beats(self, epoch: Epoch) -> None:
        """Heartbeats to every partition; some are missed and some come an epoch or two late."""
        for feed, words in (("kr-number-status", ("kr:mobile",)), ("kr-sender-registry", ("kr:sender",))):
            if self.rng.random() < 0.25:
                continue
            late = self.rng.choice((0, 0, 0, 1, 2)) * EPOCH_MS
            at = epoch.start_ms - late
            beat = Beat(recorded_at_ms=at, fresh_until_ms=at + self.rng.choice((30_000, EPOCH_MS, 90_000)))
            heartbeat = Heartbeat(feed=feed, beats=(beat,), complete_for=words)
            every = range(self.counts["registry"])
            # A feed adapter may die half-way: readers go by the union.
            epoch.feeds += [Fed(heartbeat, p) for p in (every if self.rng.random() < 0.8 else [self.rng.choice(every)])]

    def _lose(self) -> None:
        """One sender's row is lost to an import, at the beginning of an epoch or amid it; the sender sends on."""
        rng, lost, key = self.rng, self.rng.choice((1, 2)), f"sender:kr:{LOST}"
        at = self.epochs[lost].start_ms + rng.choice((0, 25_000))
        entry = SenderEntry(routes=Routes(mode="exclusive", relays=("relay-1",)))
        gone = msgspec.structs.replace(entry, to_ms=at, end_recorded_at_ms=at, dropped_by="g2")
        told = {0: entry, lost: gone}
        if (back := lost + rng.choice((1, 2, 9))) < len(self.epochs):
            again = self.epochs[back].start_ms
            told[back] = msgspec.structs.replace(entry, version=2, from_ms=again, recorded_at_ms=again)
        for number, epoch in enumerate(self.epochs):
            if number in told:
                epoch.feeds.append(Fed(SenderRow(key=key, timeline=(told[number],))))
            for n in range(rng.randint(1, 3)):
                at = epoch.start_ms + rng.randint(0, EPOCH_MS - 1)
                message = Message(
                    event_id=f"lost{n}-{number}", producer="p", event_time_ms=at, ingested_at_ms=at, leg="termination",
                    channel="mt", traffic_class="a2p", sender=Sender(address=LOST), recipient=REPORTERS[0],
                    route=Route(relay_id=rng.choice(("relay-1", "relay-1", "relay-2"))), content=Content(text="hello"),
                )  # fmt: skip
                epoch.messages.append(Sent(f"kr:{LOST}".encode(), _encode(message)))

    # -- people --------------------------------------------------------------------------------------------------

    def _live(self, epoch: Epoch) -> None:
        rng = self.rng
        self._beats(epoch)
        for _ in range(rng.choice((0, 1, 1, 2))):
            self._change(epoch)
        self._old += [f for f in epoch.feeds if isinstance(f.value, SenderRow | AccountRow | NumberRow)]
        if rng.random() < 0.3:
            self._order(epoch)
        if self._imposed and self._fair.random() < 0.6:
            self._appeal(epoch, self._imposed.pop(0))
        if self._fair.random() < 0.4:
            self._impose(epoch)
        for _ in range(rng.choice((1, 2, 3, 5))):
            self._report(epoch)
        epoch.garbage = int(rng.random() < 0.1)
        for _ in range(rng.randint(3, 5)):
            self._message(epoch)

    def _order(self, epoch: Epoch) -> None:
        self._orders += 1
        at = epoch.start_ms + 1000
        subject = self.rng.choice(("account:acct-2", "sender:kr:15880003", "relay:relay-2"))
        if self._orders > 1 and self.rng.random() < 0.4:
            order = Directive(
                reference=f"order-{self._orders}", subject=self._ordered, act="release",
                releases=f"order-{self._orders - 1}", from_ms=at, recorded_at_ms=at,
            )  # fmt: skip
        else:
            order = Directive(
                reference=f"order-{self._orders}", subject=subject, act=self.rng.choice(("suspend", "throttle")),
                share_permille=500, scope=Scope(legs=("termination",)), from_ms=at + EPOCH_MS,
                to_ms=at + 3 * EPOCH_MS, recorded_at_ms=at,
            )  # fmt: skip
        self._ordered = order.subject
        epoch.directives += [order] * self.rng.choice((1, 1, 2))

    def _impose(self, epoch: Epoch) -> None:
        """A person at the carrier sanctions somebody; sometimes without need for hurry and without notice."""
        rng, at = self._fair, epoch.start_ms + 2000
        self._desk += 1
        reference = f"desk-{self._desk}"
        order = Finding(
            subject=rng.choice(("account:acct-1", "sender:kr:15880001#0", "sender:kr:15880002#0")),
            finding_id=person_id("carrier", reference), source="person", step=rng.choice(("BLOCK", "THROTTLE")),
            share_permille=500, from_ms=at, recorded_at_ms=at, reason="PROHIBITED_CONTENT", reference=reference,
            version=1, urgent="it goes on", scope=Scope(purpose=rng.choice((None, None, "advertising"))),
        )  # fmt: skip
        epoch.orders += [order] * rng.choice((1, 1, 2))
        self._imposed.append(order)

    def _appeal(self, epoch: Epoch, order: Finding) -> None:
        """Filed, and often decided at once; sometimes it names nothing, comes twice or is not theirs to decide."""
        rng, at = self._fair, epoch.start_ms + 3000
        filed = Appeal(
            appeal_id=f"appeal-{order.reference}", act="file", subject=order.subject, evidence="e",
            sanction_id="nothing" if rng.random() < 0.1 else order.finding_id, recorded_at_ms=at,
        )  # fmt: skip
        epoch.appeals += [filed] * rng.choice((1, 1, 2))
        if rng.random() < 0.7:
            answered = msgspec.structs.replace(
                filed, act=rng.choice(("uphold", "refuse")), evidence="g", recorded_at_ms=at + 1000,
                authority=rng.choice(("carrier", "carrier", "carrier", "somebody")),
            )  # fmt: skip
            epoch.appeals += [answered] * rng.choice((1, 1, 2))

    def _report(self, epoch: Epoch) -> None:
        """About a message of an epoch before; sometimes of a group, spoofed, twice under one id, or no spam."""
        rng = self.rng
        past = [m for number, m in self._said if number < epoch.number]
        if not past:
            return
        about = rng.choice(past[-12:])
        at = epoch.start_ms + rng.randint(0, EPOCH_MS - 1)
        self._number += 1
        late = rng.choice((0, 0, 0, 1)) * EPOCH_MS  # reported in an epoch, fed in a later one
        report = Report(
            report_id=f"r{self._number}", message_at_ms=about.event_time_ms, reported_at_ms=at,
            ingested_at_ms=max(at - late, about.event_time_ms), displayed_sender=about.sender.address,
            origin_number=about.origin_number, route=about.route, channel=about.channel,
            traffic_class=about.traffic_class, reporter=rng.choice(REPORTERS), text=about.content.text,
            reporter_group=rng.choice((None, None, None, "g1")), category=rng.choice(("other", "other", "not_spam"))
            if rng.random() < 0.2 else "gambling",
        )  # fmt: skip
        epoch.reports.append(report)
        if rng.random() < 0.25:
            epoch.reports.append(msgspec.structs.replace(report, reporter=rng.choice(REPORTERS)))

    def _message(self, epoch: Epoch) -> None:
        rng = self.rng
        at = epoch.start_ms + rng.randint(0, EPOCH_MS - 1)
        self._number += 1
        person = rng.random() < 0.3
        address = rng.choice(PEOPLE) if person else rng.choice((*BUSINESSES, *BUSINESSES[:2], "15880009"))
        key = f"kr:{address}"
        if rng.random() < 0.04:
            named = b'{"event_id":"e%d","leg":"termination","producer":"p"}' % self._number
            epoch.messages.append(Sent(key.encode(), rng.choice((b"{", named))))
            return
        relay = rng.choice(("relay-1", "relay-1", "relay-1", "relay-2"))
        route = Route(relay_id=relay, account_id=None if person else rng.choice(("acct-1", "acct-1", "acct-2")))
        message = Message(
            event_id=f"e{self._number}", producer="p", event_time_ms=at, ingested_at_ms=at, leg="termination",
            channel="mo" if person else "mt", traffic_class="p2p" if person else "a2p", sender=Sender(address=address),
            origin_number=None if not person else rng.choice((address, address, "01055509999")),
            recipient=rng.choice(REPORTERS), route=route, content=Content(text=self._label() + rng.choice(TEXTS)),
        )  # fmt: skip
        self._said.append((epoch.number, message))
        epoch.messages += [Sent(key.encode(), _encode(message))] * (2 if rng.random() < 0.05 else 1)

    def _label(self) -> str:
        return "(광고) " if self._fair.random() < 0.2 else ""

    def _close(self, epoch: Epoch) -> None:
        """One message into every partition of decisions, so that the epochs before are over everywhere."""
        missing = set(range(self.counts["messages"]))
        for number in count():
            if not missing:
                break
            key = f"kr:alnum:end{number}".encode()
            partition = partition_of(key, self.counts["messages"])
            if partition in missing:
                missing.discard(partition)
                message = Message(
                    event_id=f"end{number}-{epoch.number}", producer="p", event_time_ms=epoch.start_ms,
                    ingested_at_ms=epoch.start_ms, leg="termination", channel="rcs", traffic_class="a2p",
                    sender=Sender(address=f"end{number}"), recipient=REPORTERS[0],
                )  # fmt: skip
                epoch.messages.append(Sent(key, _encode(message)))


def record(value: Record) -> bytes:
    """The bytes on the topic."""
    return _encode(value)


def feed_key(value: RegistryValue) -> bytes:
    """The key on the topic."""
    return key_of(value).encode()
