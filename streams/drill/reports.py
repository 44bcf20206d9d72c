"""Reports and orders for the agents, and what must come of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import msgspec

from streams.contracts.base import encoder
from streams.contracts.messages import Route
from streams.contracts.reports import Directive, Report
from streams.contracts.reputation import Vote
from streams.engine.attribution import attribute
from streams.engine.pseudonym import Keys
from streams.engine.tally import Tally
from streams.engine.tallying import on_vote
from streams.replay.embedded import Embedded

AT_MS = 1_765_944_000_000
_MINUTE_MS = 60_000


def reports(seed: int, lines: int, people: int) -> list[Report]:
    """Each of `people` reports each of `lines` phones that show their own number; every fourth report comes twice."""
    random = Random(seed)
    found = [
        Report(
            report_id=f"r-{line}-{person}",
            message_at_ms=AT_MS,
            reported_at_ms=AT_MS + _MINUTE_MS * person,
            ingested_at_ms=AT_MS + _MINUTE_MS * person + 500,
            displayed_sender=f"0105555{line:04d}",
            origin_number=f"0105555{line:04d}",
            route=Route(),
            channel="mo",
            traffic_class="p2p",
            reporter=f"8210666{person:05d}",
            text=f"cheap loans {'abcdefgh'[line % 8]}, call now",
        )
        for person in range(people)
        for line in range(lines)
    ]
    again = random.sample(found, len(found) // 4)
    return sorted([*found, *again], key=lambda r: r.ingested_at_ms)


def directives(number: int) -> list[Directive]:
    """Orders on accounts of their own, and the release of the first."""
    orders = [
        Directive(
            reference=f"D-{n}", subject=f"account:ordered-{n}", act="suspend", from_ms=AT_MS + n * _MINUTE_MS,
            recorded_at_ms=AT_MS,
        )
        for n in range(number)
    ]  # fmt: skip
    release = Directive(
        reference="D-release", subject="account:ordered-0", act="release", releases="D-0",
        from_ms=AT_MS + 9 * _MINUTE_MS, recorded_at_ms=AT_MS + _MINUTE_MS,
    )  # fmt: skip
    return [*orders, release]


@dataclass
class Model:
    """What one process makes of the same events. votes: as bytes on the topic. tallies: by subject."""

    embedded: Embedded
    keys: Keys
    votes: dict[bytes, Vote] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)

    def report(self, report: Report) -> None:
        """Count a report; the second one of an id changes nothing."""
        self.embedded.report(report)
        policies, view = self.embedded.policies, self.embedded.view
        for vote in attribute(report, view, policies, self.keys):
            self.votes[encoder().encode(vote)] = vote
            tally = self.tallies.setdefault(vote.subject, Tally(subject=vote.subject))
            on_vote(tally, vote, policies.at(view, vote.ingested_at_ms), -(2**53))


def counted(tally: Tally) -> dict[str, object]:
    """What a tally has counted and concluded; not in which order it did."""
    plain = msgspec.to_builtins(tally)
    kept = {name: plain[name] for name in ("subject", "voters", "epochs", "newest_ms")}
    return {**kept, "findings": sorted(finding.finding_id for finding in tally.findings)}
