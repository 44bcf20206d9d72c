"""A small world from a seed: rows, a policy with short epochs, messages stamped with the wall clock, and changes that
count from at least two seconds ahead."""

from __future__ import annotations

from random import Random
from typing import Literal, NamedTuple

import msgspec

from streams.contracts.base import Entry
from streams.contracts.blacklists import BlacklistManifest, BlacklistRow
from streams.contracts.feeds import Beat, Heartbeat, Manifest, RegistryValue
from streams.contracts.jobs import JobRow
from streams.contracts.messages import Content, Message, Route, Sender
from streams.contracts.policy import PolicyEntry, PolicyRow
from streams.contracts.registry import (
    AccountEntry,
    AccountRow,
    BlockRow,
    BlockStates,
    KeyRow,
    NumberEntry,
    NumberRow,
    RelayEntry,
    RelayRow,
    ResellerEntry,
    ResellerRow,
    Routes,
    SenderEntry,
    SenderRow,
)
from streams.contracts.reputation import SanctionEntry, SanctionRow
from streams.drill.beside import BULK_ACCOUNT, PartnerList, job_of, jobs
from streams.engine.blocks import encode

SENDERS, PEOPLE, ACCOUNTS, RELAYS = 40, 60, 12, 4
DAY_MS = 86_400_000
LIST_EVERY = 27  # changes; of those that would be a sanction
AHEAD_MS = 2500  # how far ahead of its recording a change counts
_FEEDS: dict[str, tuple[str, ...]] = {
    "kr-number-status": ("kr:mobile", "kr:fixed"),
    "kr-service-status": ("kr:service",),
    "kr-sender-registry": ("kr:sender",),
    "kr-certification": ("kr:relay", "kr:reseller", "kr:account"),
    "kr-bulk-jobs": ("kr:job",),
}


Value = RegistryValue | SanctionRow | PolicyRow | BlacklistRow | BlacklistManifest | JobRow


class Changed(NamedTuple):
    """A change to publish: the whole row as its writer would leave it. from_ms: from when on it counts. also: further
    rows of the same change, by key."""

    entity: Literal["registry", "sanctions", "policy", "blacklists", "jobs"]
    key: str
    value: Value
    from_ms: int
    also: tuple[tuple[str, Value], ...] = ()


class World:
    """Rows and traffic of one scenario. started_ms: wall clock; every row was recorded a day before. scale: how many
    times the rows (at most 100). beside: what stands beside the registry from the start, a partner's list and bulk
    sends."""

    def __init__(self, seed: int, started_ms: int, *, epoch_ms: int = 2000, scale: int = 1) -> None:
        self.started_ms = started_ms
        self._senders, self._people, self._accounts = SENDERS * scale, PEOPLE * scale, ACCOUNTS * scale
        self._random, self._traffic, self._bulk = Random(seed), Random(seed + 1), Random(seed + 2)
        self._before_ms = started_ms - DAY_MS
        pack = {"epoch_ms": epoch_ms, "orders": {"unsigned": ["carrier", "regulator"]}}
        self.policy = PolicyRow(
            jurisdiction="kr",
            timeline=(PolicyEntry(profile="enforce", pack=pack, recorded_at_ms=self._before_ms),),
        )
        self.rows: dict[str, SenderRow | AccountRow | RelayRow | ResellerRow | NumberRow | KeyRow] = {}
        self.sanctioned: dict[str, SanctionRow] = {}
        self._partner = PartnerList(seed, [f"kr:1588{n:04d}" for n in range(1, self._senders, 3)])
        self._key, announced = jobs(self._before_ms)
        self.beside = [
            self._listed(self._before_ms, self._before_ms), *(Changed("jobs", job.key, job, 0) for job in announced)
        ]  # fmt: skip
        for row in self._first():
            self.rows[row.key] = row

    def _listed(self, now_ms: int, from_ms: int) -> Changed:
        (key, value), *also = self._partner.next(now_ms, from_ms)
        return Changed("blacklists", key, value, from_ms, tuple(also))

    def _first(self) -> list[SenderRow | AccountRow | RelayRow | ResellerRow | NumberRow | KeyRow]:
        at = self._before_ms
        relays = [RelayRow(key=f"relay:relay-{n}", timeline=(RelayEntry(recorded_at_ms=at),)) for n in range(RELAYS)]
        resellers = [
            ResellerRow(key=f"reseller:reseller-{n}", timeline=(ResellerEntry(recorded_at_ms=at, certificate="C1"),))
            for n in range(RELAYS)
        ]
        accounts = [
            AccountRow(
                key=f"account:acct-{n}",
                timeline=(
                    AccountEntry(
                        recorded_at_ms=at,
                        reseller=f"reseller-{n % RELAYS}",
                        owner=f"org:{n}",
                        requires_job=f"acct-{n}" == BULK_ACCOUNT,
                    ),
                ),
            )
            for n in range(self._accounts)
        ]
        senders = [
            SenderRow(
                key=f"sender:kr:1588{n:04d}",
                timeline=(
                    SenderEntry(
                        recorded_at_ms=at,
                        owner=f"org:{n % self._accounts}",
                        routes=Routes(mode="exclusive", relays=(f"relay-{n % RELAYS}",)),
                    ),
                ),
            )
            for n in range(self._senders - 4)  # the last four are not registered
        ]
        numbers = [
            NumberRow(
                key=f"number:+82105550{n:04d}", timeline=(NumberEntry(recorded_at_ms=at, status="active"),)
            )
            for n in range(0, self._people, 3)
        ]  # fmt: skip
        return [*relays, *resellers, *accounts, *senders, *numbers, self._key]

    def blocks(self) -> list[BlockRow]:
        """Every tenth subscriber's number is terminated."""
        at, people = self._before_ms, {n: "terminated" if n % 10 == 9 else "active" for n in range(self._people)}
        mobile = BlockStates(generation="g-kr-number-status", as_of_ms=at, states=encode(people))  # type: ignore[arg-type]  # the two words are number states
        service = BlockStates(generation="g-kr-service-status", as_of_ms=at, states=encode({}, "active"))
        return [BlockRow(key="block:+82105550", current=mobile), BlockRow(key="block:kr:1588", current=service)]

    def marks(self, partitions: int) -> list[tuple[int, Heartbeat | Manifest]]:
        """(partition, heartbeat or manifest): every feed is whole, and fresh for a day."""
        beat = Beat(recorded_at_ms=self._before_ms, fresh_until_ms=self.started_ms + DAY_MS)
        found: list[tuple[int, Heartbeat | Manifest]] = []
        for feed, words in _FEEDS.items():
            for place in range(partitions):
                found.append((place, Heartbeat(feed=feed, beats=(beat,), complete_for=words)))
                manifest = Manifest(
                    generation=f"g-{feed}", feed=feed, from_ms=self._before_ms, partition=place, partitions=partitions,
                    rows=0,
                )  # fmt: skip
                found.append((place, manifest))
        return found

    def message(self, number: int, now_ms: int) -> Message:
        """The next event. Four in five are a business's, the rest come from phones; a few are forged."""
        draw = self._traffic
        phone = draw.random() < 0.2
        n = draw.randrange(self._people if phone else self._senders)
        relay = n % RELAYS if draw.random() < 0.95 else draw.randrange(RELAYS)
        address = f"0105550{n:04d}" if phone else f"1588{n:04d}"
        account = n % self._accounts
        recipient, job = f"8210555{draw.randrange(100_000):05d}", None
        if not phone and f"acct-{account}" == BULK_ACCOUNT:
            job, recipient = job_of(self._bulk)
        return Message(
            event_id=f"drill-{number:08d}",
            producer="smsc1",
            event_time_ms=now_ms,
            ingested_at_ms=now_ms,
            leg="termination" if draw.random() < 0.7 else "origination",
            channel="mo" if phone else "mt",
            traffic_class="p2p" if phone else "a2p",
            sender=Sender(address=address),
            origin_number=address if phone else None,
            recipient=recipient,
            job_id=job,
            route=Route()
            if phone
            else Route(
                relay_id=f"relay-{relay}", chain=(f"reseller-{account % RELAYS}",), account_id=f"acct-{account}"
            ),
            content=Content(text=f"notice {draw.randrange(50)}: your code is {draw.randrange(10_000)}"),
        )

    def change(self, number: int, now_ms: int) -> Changed:
        """The next change of the control plane, recorded now: a sender, an account, a number, a sanction or a list."""
        from_ms, draw = now_ms + AHEAD_MS, self._random
        if number % LIST_EVERY == LIST_EVERY - 1 and self._partner.newer(now_ms):
            return self._listed(now_ms, from_ms)
        if number % 3 == 2:
            return self.sanction(draw.choice(self._subjects()), number, now_ms, from_ms)
        key = draw.choice([key for key in self.rows if key.startswith(("sender:", "account:", "number:"))])
        row = self.rows[key]
        entry: Entry = row.timeline[-1]
        if isinstance(entry, NumberEntry):
            entry = msgspec.structs.replace(entry, status="suspended" if entry.status == "active" else "active")
        elif isinstance(entry, SenderEntry | AccountEntry):
            entry = msgspec.structs.replace(entry, state="suspended" if entry.state == "active" else "active")
        entry = msgspec.structs.replace(entry, version=entry.version + 1, from_ms=from_ms, recorded_at_ms=now_ms)
        self.rows[key] = row = msgspec.structs.replace(row, timeline=(*row.timeline, entry))
        return Changed("registry", key, row, from_ms)

    def sanction(self, subject: str, number: int, now_ms: int, from_ms: int) -> Changed:
        """One more sanction on a subject, for three seconds."""
        entry = SanctionEntry(
            sanction_id=f"s-{number:08d}", step=self._random.choice(("TEMP_BLOCK", "WARN")), reason="DRILL",
            from_ms=from_ms, to_ms=from_ms + 3000, recorded_at_ms=now_ms, version=number + 1,
        )  # fmt: skip
        held = self.sanctioned.get(subject)
        timeline = (*(held.timeline if held is not None else ())[-60:], entry)
        row = self.sanctioned[subject] = SanctionRow(subject=subject, timeline=timeline)
        return Changed("sanctions", subject, row, from_ms)

    def _subjects(self) -> list[str]:
        return (
            [f"account:acct-{n}" for n in range(self._accounts)]
            + [f"sender:kr:1588{n:04d}#0" for n in range(self._senders // 5)]
            + [f"reseller:reseller-{n}" for n in range(RELAYS)]
        )
