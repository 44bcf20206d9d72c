"""The demo's world: ten days of reports and one day of traffic at a Korean carrier, made from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

import msgspec

from streams.contracts.appeals import Appeal
from streams.contracts.blacklists import BlacklistManifest, BlacklistRow
from streams.contracts.jobs import JobSubmission
from streams.contracts.messages import Content, Message, Upstream
from streams.contracts.policy import PolicyEntry, PolicyRow
from streams.contracts.reports import Directive, Report
from streams.contracts.reputation import Finding
from streams.contracts.settings import SettingsRequest
from streams.demo.background import fill
from streams.demo.beats import Timed, feeds
from streams.demo.clock import BREAKER_MS, DATE, EPOCH_MS
from streams.demo.history import tell
from streams.demo.pairs import PAIRS
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.regulator import KEYS
from streams.demo.stage import Draft, Label, Stage
from streams.errors import InputError

MIN_MESSAGES, MAX_MESSAGES = 28_000, 1_000_000
_PRODUCERS = {"origination": "edge1", "termination": "smsc1"}


@dataclass(frozen=True, slots=True)
class World:
    """What happened, in order of ingest, and what a good gate makes of it.

    policy: the carrier's own; abroad: those of the other countries that it carries messages to. feeds: (ingest time in
    ms, row, heartbeat or manifest). labels: event_id → (pair, side) for every message; side is
    `attack`, `twin`, or `wave` (neither: the forged messages that get an honest subscriber's number reported). All
    honest background traffic is the twin of the pair `background`.
    """

    seed: int
    policy: PolicyRow
    abroad: tuple[PolicyRow, ...]
    feeds: list[Timed]
    reports: list[Report]
    settings: list[SettingsRequest]
    blacklists: list[tuple[int, BlacklistRow | BlacklistManifest]]
    jobs: list[JobSubmission]
    orders: list[Finding]
    directives: list[Directive]
    appeals: list[Appeal]
    messages: list[Message]
    labels: dict[str, Label]
    pairs: tuple[Pair, ...]


def build_world(seed: int, messages: int = 200_000) -> World:
    """A world of so many messages; the same for the same arguments on every machine.

    Raises InputError when `messages` is too few for the pairs or more than the number blocks are made for.
    """
    if not MIN_MESSAGES <= messages <= MAX_MESSAGES:
        raise InputError(
            f"the demo needs between {MIN_MESSAGES} and {MAX_MESSAGES} messages, not {messages}: below that an attack "
            "by rate has too few deliveries to be judged, above it the number blocks run out."
        )
    stage, sizes = Stage.empty(seed), Sizes.of(messages)
    pairs = tuple(pair(stage, sizes) for pair in PAIRS)
    owner, lines, honest = fill(stage, messages - len(stage.drafts))
    tell(owner, lines, honest, max(400, messages // 100))
    stage.drafts.sort(key=attrgetter("ingested_ms"))
    stage.reports.sort(key=attrgetter("ingested_at_ms"))
    ids = {id(draft): _event_id(draft, number) for number, draft in enumerate(stage.drafts)}
    sent = [_message(draft, ids) for draft in stage.drafts]
    labels = {message.event_id: draft.line.label for message, draft in zip(sent, stage.drafts, strict=True)}
    reports = [msgspec.structs.replace(r, report_id=f"report-{i:06d}") for i, r in enumerate(stage.reports)]
    settings = sorted(stage.settings, key=attrgetter("recorded_at_ms"))
    jobs = sorted(stage.jobs, key=attrgetter("recorded_at_ms"))
    orders = sorted(stage.orders, key=attrgetter("recorded_at_ms"))
    directives = sorted(stage.directives, key=attrgetter("recorded_at_ms"))
    appeals = sorted(stage.appeals, key=attrgetter("recorded_at_ms"))
    rows = feeds(stage.rows, stage.book)
    return World(
        seed, _policy(), _abroad(), rows, reports, settings, stage.blacklists, jobs, orders, directives, appeals, sent,
        labels, pairs,
    )  # fmt: skip


def _policy() -> PolicyRow:
    breaker = {"epoch_ms": BREAKER_MS, "trial_ms": 3 * BREAKER_MS}
    # Every message of the world passes the gates, and its carrier vouches for that.
    deliveries = {"channels": ["mo", "mt", "rcs", "ott"]}
    # A day is all the history there is, and accounts are small; a THROTTLE puts off everything, so that it can be told.
    takeover = {"messages": 20, "factor": 5, "history_epochs": 12, "known_after_ms": 4 * EPOCH_MS}
    pack = {
        "epoch_ms": EPOCH_MS, "breaker": breaker, "deliveries": deliveries, "orders": {"keys": KEYS},
        "behaviour": {"unlisted": 20, "share_permille": 1000, "takeover": takeover},
    }  # fmt: skip
    entry = PolicyEntry(profile="enforce", pack=pack)
    return PolicyRow(jurisdiction="kr", timeline=(entry,))


def _event_id(draft: Draft, number: int) -> str:
    return f"{_PRODUCERS[draft.line.leg]}-{DATE}-{number:06d}"


def _abroad() -> tuple[PolicyRow, ...]:
    return tuple(PolicyRow(jurisdiction=name, timeline=(PolicyEntry(profile="enforce"),)) for name in ("sg", "vn"))


def _message(draft: Draft, ids: dict[int, str]) -> Message:
    line = draft.line
    upstream = None if draft.upstream_ms is None else Upstream(verdict="ALLOW", event_time_ms=draft.upstream_ms)
    return Message(
        event_id=ids[id(draft)],
        producer=_PRODUCERS[line.leg],
        event_time_ms=draft.event_ms,
        ingested_at_ms=draft.ingested_ms,
        leg=line.leg,
        channel=line.channel,
        traffic_class=line.traffic_class,
        sender=line.sender,
        origin_number=line.origin_number,
        recipient=draft.recipient,
        route=line.route,
        content=Content(text=draft.text),
        signalling=line.signalling,
        job_id=line.job_id,
        upstream=upstream,
        group_chat=None if line.group_size is None else True,
        group_size=line.group_size,
        retry_of=None if draft.first is None else ids[id(draft.first)],
        purpose=line.purpose,
        jurisdiction=line.jurisdiction,
        origin_id=line.origin_id,
    )
