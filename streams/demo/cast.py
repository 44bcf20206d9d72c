"""Who takes part: one owner's relays, resellers, accounts, senders and numbers, each with its registry row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import NamedTuple

from streams.contracts.messages import Route
from streams.contracts.registry import (
    AccountEntry,
    AccountRow,
    NumberEntry,
    NumberRow,
    NumberStatus,
    RelayEntry,
    RelayRow,
    ResellerEntry,
    ResellerRow,
    Routes,
    SenderEntry,
    SenderRow,
    TimelineRow,
)
from streams.demo.clock import DAY_FROM_MS, HOUR_MS, REGISTRY_AT_MS
from streams.demo.numbers import Block, Kind, e164
from streams.demo.stage import Draft, Label, Line, People, Stage, Text, report, send

_REGISTERED_MS = REGISTRY_AT_MS - 90 * 24 * HOUR_MS


class Account(NamedTuple):
    """A sending customer and the way its messages take."""

    id: str
    org: str
    relay: str
    chain: tuple[str, ...]
    peer_ip: str

    def route(self, *, account: bool = True) -> Route:
        """Its route as a relay sees it; account=False: as the carrier at the far end does."""
        if not account:
            return Route(relay_id=self.relay, chain=self.chain)
        return Route(
            relay_id=self.relay,
            chain=self.chain,
            account_id=self.id,
            bind_id=f"bind-{self.id.removeprefix('acct-')}",
            peer_ip=self.peer_ip,
        )


class Owner:
    """One owner's share of the world. name: of the pair, or `background`."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage, self.name = stage, name
        self.rng = Random(f"{stage.seed}/{name}")
        self.people = People(stage.book)
        self._blocks: dict[Kind, Block] = {}

    def row(self, row: TimelineRow) -> None:
        """Publish a row; it is ingested when its newest entry was recorded."""
        self.stage.rows.append((max(entry.recorded_at_ms for entry in row.timeline), row))

    def relay(
        self, *, international: bool = False, jurisdiction: str | None = None, carrier: str | None = None
    ) -> str:  # fmt: skip
        """A new relay; jurisdiction: of its customers, where that isn't the carrier's own; carrier: whose network it
        connects."""
        name = f"relay-{len(self.stage.relays) + 1:02d}"
        self.stage.relays.append(name)
        entry = RelayEntry(
            from_ms=_REGISTERED_MS, recorded_at_ms=REGISTRY_AT_MS, international=international,
            jurisdiction=jurisdiction, carrier=carrier,
        )  # fmt: skip
        self.row(RelayRow(key=f"relay:{name}", timeline=(entry,)))
        return name

    def reseller(self, parent: str, *, to_ms: int | None = None) -> str:
        """A new certified reseller under a relay or reseller; to_ms: the end of its certificate."""
        number = len(self.stage.resellers) + 1
        name = f"reseller-{number:02d}"
        self.stage.resellers.append(name)
        entry = ResellerEntry(
            from_ms=_REGISTERED_MS, to_ms=to_ms, recorded_at_ms=REGISTRY_AT_MS, certificate=f"CERT-2025-{number:03d}",
            parent=parent,
        )  # fmt: skip
        self.row(ResellerRow(key=f"reseller:{name}", timeline=(entry,)))
        return name

    def chain(self, relay: str, depth: int) -> tuple[str, ...]:
        """New resellers, one below the other, from the relay outwards."""
        names: list[str] = []
        for _ in range(depth):
            names.append(self.reseller(names[-1] if names else relay))
        return tuple(names)

    def account(self, relay: str, chain: tuple[str, ...] = (), *, requires_job: bool = False) -> Account:
        """A new account of a new organisation, at the end of a chain. Addresses are from RFC 5737's ranges."""
        number = len(self.stage.accounts) + 1
        name, org = f"acct-{number:04d}", f"org:{1000 + number}"
        self.stage.accounts.append(name)
        net = ("192.0.2", "198.51.100", "203.0.113")[number % 3]
        host = number // 3 % 32 * 8
        entry = AccountEntry(
            from_ms=_REGISTERED_MS, recorded_at_ms=REGISTRY_AT_MS, reseller=chain[-1] if chain else None, owner=org,
            networks=(f"{net}.{host}/29",), requires_job=requires_job,
        )  # fmt: skip
        self.row(AccountRow(key=f"account:{name}", timeline=(entry,)))
        return Account(name, org, relay, chain, f"{net}.{host + 1 + self.rng.randrange(6)}")

    def block(self, kind: Kind) -> Block:
        """The owner's current block of a kind."""
        if kind not in self._blocks:
            self._blocks[kind] = self.stage.book.block(kind)
        return self._blocks[kind]

    def number(self, kind: Kind = "mobile", status: NumberStatus = "active") -> str:
        """A new number in national form; its block says this status."""
        return self.block(kind).take(status)

    def status(self, number: str, *entries: tuple[NumberStatus, int]) -> None:
        """Changes of a number that are newer than its block: (status, since when in ms), each its own record."""
        for version, (status, from_ms) in enumerate(entries, 1):
            entry = NumberEntry(from_ms=from_ms, recorded_at_ms=from_ms, version=version, status=status)
            self.row(NumberRow(key=f"number:{e164(number)}", timeline=(entry,)))

    def register(self, sender: str, org: str, routes: Routes, country: str = "kr") -> SenderRow:
        """Register a sender: a national number, or `alnum:<name as its key has it>`. Returns its row."""
        entry = SenderEntry(from_ms=_REGISTERED_MS, recorded_at_ms=REGISTRY_AT_MS, owner=org, routes=routes)
        row = SenderRow(key=f"sender:{country}:{sender}", timeline=(entry,))
        self.row(row)
        return row

    def recently(self, least_hours: int, most_hours: int) -> int:
        """A time so many hours before the demo's day."""
        return DAY_FROM_MS - self.rng.randrange(least_hours * HOUR_MS, most_hours * HOUR_MS)

    def send(self, line: Line, times: Iterable[int], text: Text) -> list[Draft]:
        """One message at each time, each to another person."""
        return send(self.stage, self.rng, line, times, text, self.people.next)

    def report(
        self, draft: Draft, *, category: str, ingested_ms: int, reported_ms: int | None = None, group: str | None = None
    ) -> None:
        """The recipient of a draft reports it."""
        report(
            self.stage, draft, category=category, ingested_ms=ingested_ms, reported_ms=reported_ms, group=group
        )  # fmt: skip


def labels(name: str) -> tuple[Label, Label]:
    """The labels of a pair's attack and twin."""
    return (name, "attack"), (name, "twin")


def both_legs(line: Line, account: Account, *, name_account: bool = False) -> tuple[Line, Line]:
    """A line as the relay sees it (origination) and as the carrier does (termination, half of them with the relay's
    verdict stamped on it). name_account: the carrier is told the account too."""
    return (
        replace(line, leg="origination", route=account.route(), upstream=0.0),
        replace(line, leg="termination", route=account.route(account=name_account), upstream=0.5),
    )
