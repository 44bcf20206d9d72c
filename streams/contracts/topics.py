"""The topics: what stands on each, who writes it, how it is kept. `dualblock.<entity>.v1`, prefix configurable."""

from __future__ import annotations

from typing import Literal

from streams.contracts.appeals import Appeal, Closed, Notice, Outcome, Review
from streams.contracts.base import Record
from streams.contracts.blacklists import BlacklistRow
from streams.contracts.decisions import Decision, Progress
from streams.contracts.jobs import JobRow, JobSubmission
from streams.contracts.ledger import Booking, LedgerRow
from streams.contracts.messages import Message
from streams.contracts.policy import PolicyRow
from streams.contracts.recent import Recent
from streams.contracts.registry import Row
from streams.contracts.releases import Release, ReleaseReview
from streams.contracts.reports import Directive, Half, Report
from streams.contracts.reputation import Finding, PairTraffic, SanctionRow, Traffic, Vote
from streams.contracts.settings import SettingsRequest, SettingsRow
from streams.contracts.shapes import Sent, Shapes
from streams.contracts.verify import Verification

DAY_MS = 86_400_000
Cleanup = Literal["delete", "compact"]
Group = Literal["messages", "registry", "reputation", "single"]


class Topic(Record, frozen=True, kw_only=True):
    """One topic. Topics of one `group` have the same partition count, so that their keys lie side by side."""

    entity: str
    key: str
    cleanup: Cleanup
    writer: str
    readers: tuple[str, ...]
    group: Group
    retention_ms: int | None = None
    max_message_bytes: int = 1_048_588


def _dead(entity: str, writer: str, group: Group) -> Topic:
    # A dead letter carries headers and must fit whatever its input could hold.
    return Topic(
        entity=entity, key="original", cleanup="delete", writer=writer, readers=("operators",), group=group,
        retention_ms=30 * DAY_MS, max_message_bytes=8 * 1_048_576,
    )  # fmt: skip


def _topic(
    entity: str,
    key: str,
    cleanup: Cleanup,
    writer: str,
    readers: tuple[str, ...],
    group: Group,
    days: int | None = None,
    max_bytes: int = 1_048_588,
) -> Topic:
    retention = None if days is None else days * DAY_MS
    return Topic(
        entity=entity, key=key, cleanup=cleanup, writer=writer, readers=readers, group=group, retention_ms=retention,
        max_message_bytes=max_bytes,
    )  # fmt: skip


TOPICS: tuple[Topic, ...] = (
    _topic("messages", "sender key", "delete", "SMSC adapter, edge, ingest", ("gate",), "messages", 7),
    _topic("decisions", "sender key as published", "delete", "gate", ("SMSC", "meter", "lake"), "messages", 30),
    _topic("feeds", "row key", "delete", "registry import, feed adapters", ("registrar",), "registry", 7),
    _topic("registry", "row key", "compact", "registrar", ("gate", "agents"), "registry"),
    _topic("registry.history", "row key", "delete", "registrar", ("verify", "lake"), "registry", 3650),
    # A content list is kept in two versions of up to 900 kB.
    _topic(
        "policy", "jurisdiction, or jurisdiction/list:name", "compact", "policy publish", ("gate", "meter", "agents"),
        "single", max_bytes=2 * 1_048_576,
    ),
    _topic(
        "policy.history", "as policy", "delete", "policy publish", ("verify", "lake"), "single", 3650, 2 * 1_048_576,
    ),
    _topic("directives", "reference number", "compact", "regulator feed", ("directive agent",), "reputation"),
    _topic("recent", "none", "delete", "gate", ("recent",), "messages", 10),
    _topic("reports.keyed", "reporter", "delete", "reports import, listen", ("recent",), "messages", 30),
    _topic("reports.halves", "reporter", "compact", "reports listen", ("reports listen",), "single"),
    _topic("reports", "report id", "delete", "recent", ("report agent", "lake"), "reputation", 30),
    _topic("votes", "subject", "delete", "report agent", ("tally agent", "lake"), "reputation", 30),
    _topic("traffic", "subject", "delete", "meter", ("tally agent",), "reputation", 30),
    _topic("pairs", "subject", "delete", "meter", ("breaker agent",), "reputation", 7),
    _topic("sent", "none", "delete", "gate", ("behaviour",), "messages", 7),
    _topic("shapes", "subject", "compact", "behaviour", ("behaviour",), "messages"),
    _topic("books", "subject/month", "delete", "meter, report agent", ("ledger agent",), "reputation", 30),
    _topic("ledger", "subject/month", "compact", "ledger agent", ("ledger command", "lake"), "reputation"),
    _topic(
        "findings", "subject", "delete",
        "behaviour; tally, directive, appeal, breaker, release and sanction agents; sanction impose, lift",
        ("sanction agent", "lake"), "reputation", 30,
    ),
    _topic("sanctions", "subject", "compact", "sanction agent", ("gate",), "reputation"),
    _topic("sanctions.history", "subject", "delete", "sanction agent", ("verify", "lake"), "reputation", 3650),
    _topic(
        "appeals", "subject", "delete", "portals; appeal file, decide", ("appeal agent", "lake"), "reputation", 3650
    ),
    _topic("notices", "subject", "delete", "sanction agent", ("portals", "lake"), "reputation", 3650),
    _topic("reviews", "subject", "delete", "sanction agent", ("tally agent",), "reputation", 30),
    _topic("outcomes", "reporter", "delete", "tally agent; reports erase", ("recent",), "reputation", 400),
    _topic("epochs", "none", "delete", "tally agent", ("sanction agent",), "reputation", 7),
    _topic(
        "settings.requests", "recipient", "delete", "portals; settings set, erase", ("settings agent",), "reputation",
        30,
    ),
    _topic("settings", "recipient", "compact", "settings agent", ("gate",), "reputation"),
    _topic("settings.history", "recipient", "delete", "settings agent", ("verify",), "reputation", 30),
    _topic(
        "releases", "subject", "delete", "spam boxes; releases import, decide", ("release agent",), "reputation", 30
    ),
    _topic("releases.reviews", "subject", "delete", "release agent", ("releases command",), "reputation", 3650),
    # One partition: a list is taken whole, its rows and its manifest in one transaction.
    _topic("blacklists", "issuer:subject", "compact", "blacklist import", ("gate",), "single"),
    _topic("blacklists.history", "issuer:subject", "delete", "blacklist import", ("verify",), "single", 3650),
    _topic("verifications", "relay", "delete", "verification API", ("operators", "lake"), "single", 400),
    _topic("jobs.submitted", "job", "delete", "portals; jobs submit", ("job agent",), "reputation", 7),
    _topic("jobs", "job", "compact", "job agent", ("gate",), "reputation"),
    _topic("jobs.history", "job", "delete", "job agent", ("verify",), "reputation", 30),
    _topic("progress", "component/topic/partition", "compact", "every component", ("feeder", "readiness"), "single"),
    _dead("messages.dead", "gate", "messages"),
    _dead("feeds.dead", "registrar", "registry"),
    _dead("decisions.dead", "meter", "messages"),
    _dead("reports.keyed.dead", "recent", "messages"),
    _dead("reports.halves.dead", "reports listen", "single"),
    _dead("reports.dead", "report agent", "reputation"),
    _dead("directives.dead", "directive agent", "reputation"),
    _dead("votes.dead", "tally agent", "reputation"),
    _dead("traffic.dead", "tally agent", "reputation"),
    _dead("pairs.dead", "breaker agent", "reputation"),
    _dead("sent.dead", "behaviour", "messages"),
    _dead("findings.dead", "sanction agent", "reputation"),
    _dead("books.dead", "ledger agent", "reputation"),
    _dead("settings.requests.dead", "settings agent", "reputation"),
    _dead("jobs.submitted.dead", "job agent", "reputation"),
    _dead("appeals.dead", "appeal agent", "reputation"),
    _dead("releases.dead", "release agent", "reputation"),
)  # fmt: skip

#: The record type of each topic whose values are one type (feeds and registry hold rows, heartbeats and manifests).
RECORDS: dict[str, object] = {
    "messages": Message,
    "decisions": Decision,
    "registry": Row,
    "feeds": Row,
    "policy": PolicyRow,
    "directives": Directive,
    "recent": Recent,
    "reports.keyed": Report,
    "reports.halves": Half,
    "reports": Report,
    "votes": Vote,
    "traffic": Traffic,
    "pairs": PairTraffic,
    "sent": Sent,
    "shapes": Shapes,
    "findings": Finding,
    "sanctions": SanctionRow,
    "appeals": Appeal,
    "notices": Notice,
    "reviews": Review,
    "outcomes": Outcome,
    "epochs": Closed,
    "books": Booking,
    "ledger": LedgerRow,
    "settings.requests": SettingsRequest,
    "settings": SettingsRow,
    "releases": Release,
    "releases.reviews": ReleaseReview,
    "blacklists": BlacklistRow,
    "jobs.submitted": JobSubmission,
    "jobs": JobRow,
    "progress": Progress,
    "verifications": Verification,
}


def topic_name(entity: str, prefix: str = "dualblock.") -> str:
    """The name of an entity's topic, e.g. `dualblock.messages.v1`."""
    return f"{prefix}{entity}.v1"
