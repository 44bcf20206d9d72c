"""Reports and orders for the agents, and what must come of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import msgspec

from streams.contracts.base import encoder
from streams.contracts.messages import Content, Message, Route, Sender
from streams.contracts.registry import Routes, SenderEntry, SenderRow
from streams.contracts.reports import Directive, Report
from streams.contracts.reputation import WATERMARK, Traffic, Vote
from streams.engine.attribution import attribute
from streams.engine.epochs import epoch_of
from streams.engine.metering import Sums, metered
from streams.engine.pseudonym import Keys
from streams.engine.tally import Tally
from streams.engine.tallying import on_closed, on_traffic, on_vote
from streams.replay.embedded import Embedded

AT_MS = 1_765_944_000_000
_MINUTE_MS = 60_000
_DAY_MS = 86_400_000
#: Registered businesses that are reported by rate, and how many messages each had delivered in the minute of `AT_MS`.
BUSINESSES, DELIVERED = 2, 600
_RELAY = Route(relay_id="relay-1", chain=("reseller-1",), account_id="acct-rated")


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
    found += [
        Report(
            report_id=f"rated-{business}-{person}",
            message_at_ms=AT_MS,
            reported_at_ms=AT_MS + _MINUTE_MS * person + 100,
            ingested_at_ms=AT_MS + _MINUTE_MS * person + 600,
            displayed_sender=f"1588{business:04d}",
            route=_RELAY,
            channel="mt",
            traffic_class="a2p",
            reporter=f"8210666{person:05d}",
            text="your parcel",
        )
        for person in range(people)
        for business in range(BUSINESSES)
    ]
    again = random.sample(found, len(found) // 4)
    return sorted([*found, *again], key=lambda r: r.ingested_at_ms)


def businesses() -> list[SenderRow]:
    """The registered senders that are reported by rate: their route is theirs alone."""
    return [
        SenderRow(
            key=f"sender:kr:1588{n:04d}",
            timeline=(
                SenderEntry(
                    recorded_at_ms=AT_MS - _DAY_MS, owner="org:1", routes=Routes(mode="exclusive", relays=("relay-1",))
                ),
            ),
        )
        for n in range(BUSINESSES)
    ]


def messages() -> list[Message]:
    """What the businesses had delivered."""
    return [
        Message(
            event_id=f"rated-{n}-{number}",
            producer="smsc1",
            event_time_ms=AT_MS,
            ingested_at_ms=AT_MS,
            leg="termination",
            channel="mt",
            traffic_class="a2p",
            sender=Sender(address=f"1588{n:04d}"),
            recipient=f"8210777{number:05d}",
            route=_RELAY,
            content=Content(text="your parcel"),
        )
        for n in range(BUSINESSES)
        for number in range(DELIVERED)
    ]


def directives(number: int) -> list[Directive]:
    """Orders on accounts of their own, and the release of the first; a carrier's need no signature."""
    orders = [
        Directive(
            reference=f"D-{n}", subject=f"account:ordered-{n}", act="suspend", from_ms=AT_MS + n * _MINUTE_MS,
            recorded_at_ms=AT_MS, authority="carrier",
        )
        for n in range(number)
    ]  # fmt: skip
    release = Directive(
        reference="D-release", subject="account:ordered-0", act="release", releases="D-0",
        from_ms=AT_MS + 9 * _MINUTE_MS, recorded_at_ms=AT_MS + _MINUTE_MS, authority="carrier",
    )  # fmt: skip
    return [*orders, release]


@dataclass
class Model:
    """What one process makes of the same events. votes: as bytes on the topic. tallies: by subject."""

    embedded: Embedded
    keys: Keys
    votes: dict[bytes, Vote] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)

    def delivered(self, sent: list[Message]) -> list[Traffic]:
        """Decide messages, and count what was delivered as the meter would: a delta for each subject and epoch."""
        sums: Sums = {}
        for message in sent:
            decision = self.embedded.message(message, encoder().encode(message))
            metered(decision, self.embedded.epoch_ms, sums)
        deltas = [
            Traffic(
                subject=subject,
                epoch=epoch,
                partition=0,
                first_offset=0,
                next_offset=len(sent),
                delivered=count,
                jurisdiction=place,
            )
            for (subject, epoch, place), count in sums.items()
        ]
        policies, view = self.embedded.policies, self.embedded.view
        for delta in deltas:
            tally = self.tallies.setdefault(delta.subject, Tally(subject=delta.subject))
            on_traffic(tally, delta, policies.at(view, AT_MS), -(2**53), policies.abroad(view, AT_MS))
        self.embedded.begin(epoch_of(AT_MS, self.embedded.epoch_ms) + 1)
        return deltas

    def closed(self, epoch: int) -> None:
        """Everything through this epoch is metered."""
        self.embedded.begin(epoch + 1)
        policies, view = self.embedded.policies, self.embedded.view
        for tally in self.tallies.values():
            on_closed(tally, policies.at(view, AT_MS), epoch, abroad=policies.abroad(view, AT_MS))

    def report(self, report: Report) -> None:
        """Count a report; the second one of an id changes nothing."""
        self.embedded.report(report)
        policies, view = self.embedded.policies, self.embedded.view
        for vote in attribute(report, view, policies, self.keys):
            self.votes[encoder().encode(vote)] = vote
            tally = self.tallies.setdefault(vote.subject, Tally(subject=vote.subject))
            at_ms = vote.ingested_at_ms
            on_vote(tally, vote, policies.at(view, at_ms), -(2**53), policies.abroad(view, at_ms))


def watermarks(partitions: int, epoch: int) -> list[Traffic]:
    """What the meter says when every partition of `decisions` is counted through an epoch."""
    return [
        Traffic(subject=WATERMARK, epoch=epoch, partition=p, first_offset=0, next_offset=0, delivered=0)
        for p in range(partitions)
    ]


def counted(tally: Tally) -> dict[str, object]:
    """What a tally has counted and concluded; not in which order it did."""
    plain = msgspec.to_builtins(tally)
    kept = {name: plain[name] for name in ("subject", "voters", "epochs", "delivered", "newest_ms")}
    return {**kept, "findings": sorted(finding.finding_id for finding in tally.findings)}
