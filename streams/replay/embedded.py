"""Embedded: registrar, gate, meter and agents in one process over in-memory state, epoch by epoch.

The order within an epoch is the Kafka feeder's: feeds, policy and directives, then reports, then messages, those by
breaker epochs. So both give the same decisions, message for message.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from streams.contracts.appeals import Appeal, Notice, Outcome, Review
from streams.contracts.base import encoder
from streams.contracts.blacklists import BlacklistManifest, BlacklistRow, manifest_key
from streams.contracts.decisions import Decision
from streams.contracts.feeds import Manifest, RegistryValue, key_of
from streams.contracts.jobs import JobSubmission
from streams.contracts.ledger import LedgerRow
from streams.contracts.lists import ListRow
from streams.contracts.messages import Message
from streams.contracts.policy import PolicyRow
from streams.contracts.releases import Release, ReleaseReview
from streams.contracts.reports import Directive, Report
from streams.contracts.reputation import Finding, SanctionRow, Traffic
from streams.contracts.settings import SettingsRequest
from streams.engine import appealing, releasing
from streams.engine.attribution import attribute, check_times
from streams.engine.blacklisting import changed_from
from streams.engine.booking import Books, Handed, booked, carried_by, counts_of, handed, month_of
from streams.engine.consequences import act_on, overdue
from streams.engine.decide import Decider
from streams.engine.directing import Orders, direct, payload_of, take, verify
from streams.engine.epochs import epoch_of
from streams.engine.jobs.submitted import judge as judge_job
from streams.engine.jobs.submitted import take as take_job
from streams.engine.ladder import NEVER, waiting
from streams.engine.lists import unpack_list
from streams.engine.metering import Sums, metered
from streams.engine.owners import ever_expelled, returned
from streams.engine.pack import Pack
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.registry import counts_from, merge
from streams.engine.releasing import take as gather
from streams.engine.settling import settle
from streams.engine.skeleton import skeletons_of
from streams.engine.tally import Tally
from streams.engine.tallying import on_closed, on_review, on_traffic, on_vote
from streams.replay.behaviours import Behaviours
from streams.replay.breakers import Breakers
from streams.replay.deliveries import Deliveries
from streams.replica.changes import Change, Entity
from streams.replica.memory import MemoryReplica
from streams.signing import fits


@dataclass
class Embedded:
    """One carrier's gate in memory. Records go in by `ingested_at` epoch; `begin` moves to the next one.

    sanctions: the rows as the public topic would hold them. findings, late: for the summary. notices: by id, each as it
    was said last. outcomes: of appeals, for the reporters. reviews: what releases opened, by id, as it stands. joins:
    reports come as portals make them; False: as they stand on `reports`, after the step `recent`. shapes: False leaves
    behaviour out, as `tell_shapes = false`.
    """

    policies: Policies
    keys: Keys
    view: MemoryReplica = field(default_factory=lambda: MemoryReplica(skeletons_of))
    findings: list[Finding] = field(default_factory=list)
    notices: dict[str, Notice] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    reviews: dict[str, ReleaseReview] = field(default_factory=dict)
    late_enforcement: int = 0
    joins: bool = True
    shapes: bool = True

    def __post_init__(self) -> None:
        self._decider = Decider(self.policies, self.keys)
        self._encode = encoder().encode
        self._offset = 0
        self._tallies: dict[str, Tally] = {}
        self._waiting: set[str] = set()
        self._seen: set[str] = set()
        self._deliveries = Deliveries(self.policies, self.keys)
        self._reports: list[Report] = []  # that wait for the end of an epoch
        self._sanctions: dict[str, SanctionRow] = {}
        self._orders: dict[str, Orders] = {}
        self._expelled: dict[str, SanctionRow] = {}
        self._released: dict[str, releasing.Gathered] = {}
        self._appealed: dict[str, SanctionRow] = {}
        self._sums: Sums = {}
        self._breakers = Breakers(self.policies)
        self._behaviours = Behaviours(self.policies, self.keys) if self.shapes else None
        self._handed: Handed = {}
        self._reported: Books = {}
        self._epoch: int | None = None
        self._high_ms = -(2**53)
        self._metered = 0

    @property
    def epoch_ms(self) -> int:
        """The length of an epoch under the policy in force at the end of time."""
        return self.policies.at(self.view, 2**53).pack.epoch_ms

    def begin(self, epoch: int) -> None:
        """Close the epoch before: its traffic counts now, and rates that waited for it are judged."""
        if self._epoch == epoch:
            return
        self._epoch = epoch
        policy = self.policies.at(self.view, epoch * self.epoch_ms)
        sums, self._sums = self._sums, {}
        abroad = self.policies.abroad(self.view, epoch * self.epoch_ms)
        for (subject, at, place), count in sums.items():
            self._metered += 1
            delta = Traffic(
                subject=subject, epoch=at, partition=0, first_offset=self._metered, next_offset=self._metered,
                delivered=count, jurisdiction=place,
            )  # fmt: skip
            self._found(on_traffic(self._tally(subject), delta, policy, NEVER, abroad))
        if self._behaviours is not None:
            self._found(self._behaviours.close(self.view))
        self._close_deliveries(epoch)
        for subject in sorted(self._waiting):
            self._found(on_closed(self._tallies[subject], policy, epoch - 1, abroad=abroad))
        self._waiting = {s for s in self._waiting if waiting(self._tallies[s])}
        for _, row in sorted(self._expelled.items()):
            self._found(returned(row, self.view, epoch * self.epoch_ms, policy.pack.epoch_ms, self.keys))
        for subject, row in sorted(self._appealed.items()):
            for entry, appeal in appealing.open_appeals(row):
                if appeal.decide_by_ms <= epoch * self.epoch_ms:
                    notice = overdue(subject, entry, appeal)
                    self.notices[notice.notice_id] = notice

    def feed(self, value: RegistryValue) -> None:
        """A feed's row, heartbeat or manifest. Raises RowRefused."""
        key = key_of(value)
        partition = value.partition if isinstance(value, Manifest) else 0  # the others' partitions are one here
        merged = merge(self.view.held(key, partition), value)
        if merged is not None:
            if counts_from(value) <= self._high_ms:
                self.late_enforcement += 1
            self._apply("registry", key, self._encode(merged), partition)

    def policy(self, row: PolicyRow) -> None:
        """A published policy. Raises ValueError when one of its entries does not build."""
        for entry in row.timeline:
            self.policies.of(entry)
        self._apply("policy", row.jurisdiction, self._encode(row))

    def content_list(self, row: ListRow) -> None:
        """A published content list. Raises ListRefused when it can't be read."""
        unpack_list(row.current)
        self._apply("policy", row.key, self._encode(row))

    def directive(self, directive: Directive, raw: bytes = b"") -> None:
        """A regulator's order, as the agent takes it; `raw`: as it came, if not encoded here. Raises ValueError."""
        finding = direct(directive, self.view, self.policies, self.keys)
        payload = payload_of(raw or self._encode(directive))
        verify(directive, payload, self.view, self.policies, fits)
        held = self._orders.get(directive.reference)
        self._orders[directive.reference] = take(held, directive, payload, 0 if held is None else len(held.taken))
        self._found([finding])

    def settings(self, request: SettingsRequest) -> None:
        """What a recipient asks for."""
        held = self.view.settings(request.recipient)
        row = settle(held, request)
        if row != held:
            if request.recorded_at_ms <= self._high_ms:
                self.late_enforcement += 1
            self._apply("settings", request.recipient, self._encode(row))

    def job(self, submission: JobSubmission) -> None:
        """A bulk send that an account announces. Raises SubmissionRefused."""
        key = submission.key()
        held = self.view.job(key)
        row = take_job(held, key, judge_job(submission, self.view, self.policies, self.keys))
        if row != held:
            if submission.recorded_at_ms <= self._high_ms:
                self.late_enforcement += 1
            self._apply("jobs", key, self._encode(row))

    def blacklist(self, value: BlacklistRow | BlacklistManifest) -> None:
        """What `dualblock blacklist import` writes: a subject's row on a partner's list, or the list's manifest."""
        if isinstance(value, BlacklistManifest):
            key, changes_ms = manifest_key(value.issuer), value.since_ms
            held: BlacklistRow | BlacklistManifest | None = next(
                (m for m in self.view.blacklists() if m.issuer == value.issuer), None
            )
            if held is not None:
                changes_ms = 2**53  # which issuers count changes with the first list only
        else:
            key, held = value.key, self.view.blacklisted(value.key)
            changes_ms = changed_from(held, value)
        if value == held:
            return
        if changes_ms <= self._high_ms:
            self.late_enforcement += 1
        self._apply("blacklists", key, self._encode(value))

    def order(self, finding: Finding) -> None:
        """A person's order, as `dualblock sanction` writes it. Raises FindingRefused."""
        self._found([finding])

    def appeal(self, appeal: Appeal) -> None:
        """A filing or a decision. Raises FindingRefused."""
        policy = self.policies.at(self.view, appeal.recorded_at_ms)
        self._found([appealing.finding_of(appeal, policy.pack.epoch_ms)])

    def release(self, release: Release) -> None:
        """A recipient's release, or a person's decision on a review. Raises ReleaseRefused, FindingRefused."""
        pack = self.policies.at(self.view, release.recorded_at_ms).pack
        held, told = gather(self._released.get(release.subject), release, pack)
        self._released[release.subject] = held
        self.reviews |= {review.review_id: review for review in told}
        finding = releasing.finding_of(release, pack)
        if finding is not None:
            self._found([finding])

    def report(self, report: Report) -> None:
        """A person's report; a report id counts once. Raises ReportRefused.

        As the step `recent` has it: one about an epoch that is still open waits until that is closed.
        """
        if report.report_id in self._seen:
            return
        check_times(report, self.policies.at(self.view, report.message_at_ms).pack)
        self._seen.add(report.report_id)
        if self.joins and self._deliveries.open(report, self._pack_at(report)):
            self._reports.append(report)
        else:
            self._vote(report)

    def finish(self) -> None:
        """Nothing more comes: what waits for the end of an epoch waits no longer."""
        self._close_deliveries(2**43)

    def _close_deliveries(self, epoch: int) -> None:
        self._deliveries.close(epoch * self.epoch_ms)
        waiting, self._reports = self._reports, []
        for report in waiting:
            if self._deliveries.open(report, self._pack_at(report)):
                self._reports.append(report)
            else:
                self._vote(report)

    def _pack_at(self, report: Report) -> Pack:
        return self.policies.at(self.view, report.ingested_at_ms).pack

    def _vote(self, report: Report) -> None:
        policy = self.policies.at(self.view, report.ingested_at_ms)
        joined = self._deliveries.joined(report, policy.pack) if self.joins else report
        for subject in carried_by(joined.route, self.view, joined.message_at_ms):
            place = (subject, month_of(joined.ingested_at_ms, policy.pack.time_zone))
            self._reported.setdefault(place, Counter())["reports"] += 1
        votes = attribute(joined, self.view, self.policies, self.keys)
        closed = epoch_of(report.ingested_at_ms, policy.pack.epoch_ms) - 1
        if self._epoch is not None:
            closed = max(closed, self._epoch - 1)
        abroad = self.policies.abroad(self.view, report.ingested_at_ms)
        for vote in votes:
            tally = self._tally(vote.subject)
            self._found(on_vote(tally, vote, policy, closed, abroad))
            if waiting(tally):
                self._waiting.add(vote.subject)

    def message(self, message: Message, raw: bytes, flags: tuple[str, ...] = ()) -> Decision:
        """Decide a message."""
        breaker_ms = self.policies.at(self.view, message.ingested_at_ms).pack.breaker.epoch_ms
        if found := self._breakers.until(message.ingested_at_ms, breaker_ms, self.view):
            self._found(found)
        decided = self._decider.decided(message, raw, self.view, flags)
        decision = decided.decision
        if decision.event_time_ms > self._high_ms:
            self._high_ms = decision.event_time_ms
        self._deliveries.note(message, decision, self.view)
        if self._behaviours is not None:
            self._behaviours.note(message, decided)
        pack = self.policies.at(self.view, decision.event_time_ms).pack
        metered(decision, pack.epoch_ms, self._sums)
        self._breakers.count(decision, pack.breaker.epoch_ms)
        handed(decision, month_of(decision.event_time_ms, pack.time_zone), self._handed)
        return decision

    def ledger(self) -> list[LedgerRow]:
        """Each relay's and reseller's months, by key."""
        rows, books = dict[str, LedgerRow](), booked(self._handed)
        for place, reported in self._reported.items():
            books.setdefault(place, Counter()).update(reported)
        for (subject, month), counted in books.items():
            row = LedgerRow(subject=subject, month=month, counts=counts_of(counted))
            rows[row.key()] = row
        return [rows[key] for key in sorted(rows)]

    def invalid(self, raw: bytes, reason: str) -> Decision | None:
        """The answer to bytes that are no event, where they name one."""
        decision = self._decider.invalid(raw, reason)
        if decision is not None:
            self._deliveries.untold(decision, self.view)
        return decision

    def sanctions(self) -> list[SanctionRow]:
        """All sanction rows, by subject."""
        return [self._sanctions[subject] for subject in sorted(self._sanctions)]

    def _tally(self, subject: str) -> Tally:
        found = self._tallies.get(subject)
        if found is None:
            found = self._tallies[subject] = Tally(subject=subject)
        return found

    def _found(self, findings: list[Finding]) -> None:
        for finding in findings:
            held = self.view.sanctions(finding.subject)
            pack = self.policies.at(self.view, finding.recorded_at_ms).pack
            row, notices, review, counts = act_on(held, finding, pack)
            self.notices |= {notice.notice_id: notice for notice in notices}
            if row != held:
                self.findings.append(finding)
                if max(counts.from_ms, counts.recorded_at_ms) <= self._high_ms:
                    self.late_enforcement += 1
                self._sanctions[finding.subject] = row
                if appealing.open_appeals(row):
                    self._appealed[finding.subject] = row
                else:
                    self._appealed.pop(finding.subject, None)
                if ever_expelled(row):
                    self._expelled[finding.subject] = row
                self._apply("sanctions", finding.subject, self._encode(row))
            if review is not None:
                self._reviewed(review)

    def _reviewed(self, review: Review) -> None:
        policy = self.policies.at(self.view, review.recorded_at_ms)
        closed = epoch_of(review.recorded_at_ms, policy.pack.epoch_ms) - 1
        found, outcomes = on_review(
            self._tally(review.subject), review, policy, closed, self.policies.abroad(self.view, review.recorded_at_ms)
        )
        self.outcomes += outcomes
        for outcome in outcomes:
            self._deliveries.outcome(outcome)
        self._found(found)

    def _apply(self, entity: Entity, key: str, value: bytes, partition: int = 0) -> None:
        self._offset += 1
        self.view.apply([Change(entity, partition, self._offset, key, value)])
