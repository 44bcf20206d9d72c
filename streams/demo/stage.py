"""The stage on which a world is set up: rows, message drafts and reports, collected from all owners.

An owner (a pair of attack and twin, or the background) has its own random numbers, number blocks, relays, resellers,
accounts, recipients and texts. Nothing is handed to two owners, so no subject of one can be charged for another's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Literal, NamedTuple

from streams.contracts.appeals import Appeal
from streams.contracts.blacklists import BlacklistManifest, BlacklistRow
from streams.contracts.feeds import RegistryValue
from streams.contracts.jobs import JobSubmission
from streams.contracts.messages import Channel, Leg, Purpose, Route, Sender, Signalling, TrafficClass
from streams.contracts.reports import Directive, Report
from streams.contracts.reputation import Finding
from streams.contracts.settings import SettingsRequest
from streams.demo.clock import ingest
from streams.demo.numbers import NumberBook, digits, displayed

Side = Literal["attack", "twin", "wave"]
Label = tuple[str, Side]
Text = Callable[[Random], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What the messages of one sender on one route have in common.

    upstream: share of messages that carry the verdict ALLOW of the relay's own gate (0 to 1; termination leg).
    upstream_lag_ms: how long before the message that gate spoke, at least and at most.
    group_size: people in the group that each message goes to.
    """

    label: Label
    sender: Sender
    channel: Channel = "mt"
    traffic_class: TrafficClass = "p2p"
    leg: Leg = "termination"
    origin_number: str | None = None
    route: Route = Route()
    signalling: Signalling = Signalling()
    upstream: float = 0.0
    job_id: str | None = None
    upstream_lag_ms: tuple[int, int] = (100, 1000)
    group_size: int | None = None
    purpose: Purpose | None = None
    jurisdiction: str | None = None
    origin_id: str | None = None


class Draft(NamedTuple):
    """A message without its id, which is given in order of ingest."""

    ingested_ms: int
    event_ms: int
    line: Line
    recipient: str
    text: str
    upstream_ms: int | None
    first: Draft | None = None  # of a retry: what was tried before


@dataclass(slots=True)
class Stage:
    """Everything collected so far. `reports` have no ids yet."""

    seed: int
    book: NumberBook
    rows: list[tuple[int, RegistryValue]] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    settings: list[SettingsRequest] = field(default_factory=list)
    blacklists: list[tuple[int, BlacklistRow | BlacklistManifest]] = field(default_factory=list)
    jobs: list[JobSubmission] = field(default_factory=list)
    orders: list[Finding] = field(default_factory=list)
    directives: list[Directive] = field(default_factory=list)
    appeals: list[Appeal] = field(default_factory=list)
    relays: list[str] = field(default_factory=list)
    resellers: list[str] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)

    @classmethod
    def empty(cls, seed: int) -> Stage:
        """A stage with nothing on it."""
        return cls(seed, NumberBook(Random(f"{seed}/numbers")))


class People:
    """Recipients of one owner, each number once, in the order of asking."""

    def __init__(self, book: NumberBook) -> None:
        self._book = book

    def next(self) -> str:
        """The next recipient as international digits."""
        return digits(self._book.person())


def send(
    stage: Stage, rng: Random, line: Line, times: Iterable[int], text: Text, to: Callable[[], str]
) -> list[Draft]:  # fmt: skip
    """One message of the line at each time; returns the drafts in that order."""
    drafts: list[Draft] = []
    least_ms, most_ms = line.upstream_lag_ms
    for event_ms in times:
        upstream_ms = (
            event_ms - least_ms - int(rng.random() * (most_ms - least_ms)) if rng.random() < line.upstream else None
        )
        drafts.append(Draft(ingest(rng, event_ms), event_ms, line, to(), text(rng), upstream_ms))
    stage.drafts.extend(drafts)
    return drafts


def report(
    stage: Stage, draft: Draft, *, category: str, ingested_ms: int, reported_ms: int | None = None,
    group: str | None = None,
) -> None:  # fmt: skip
    """The recipient of a draft reports it. Times in ms; `reported_ms` is two seconds before ingest unless given."""
    line, route = draft.line, draft.line.route
    reported = ingested_ms - 2000 if reported_ms is None else reported_ms
    stage.reports.append(
        Report(
            report_id="-",
            message_at_ms=draft.event_ms,
            reported_at_ms=max(reported, draft.event_ms),
            ingested_at_ms=ingested_ms,
            report_type="rcs" if line.channel == "rcs" else "sms",
            category=category,
            displayed_sender=displayed(line.sender),
            origin_number=line.origin_number,
            route=Route(
                relay_id=route.relay_id,
                chain=route.chain,
                account_id=route.account_id,
                international=route.international,
            ),
            channel=line.channel,
            jurisdiction=line.jurisdiction,
            origin_id=line.origin_id,
            leg="termination",
            traffic_class=line.traffic_class,
            reporter=draft.recipient,
            reporter_group=group,
            text=draft.text,
            group_chat=line.group_size is not None,
        )
    )
