"""Tally agent: votes and traffic of a subject → findings, when a threshold is reached."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from streams.agents.codec import decoded, encoded, near, output
from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.errors import Refused
from streams.agents.steps import Effect, Handled, Names, TableSpec
from streams.contracts.appeals import Closed, Review
from streams.contracts.reputation import WATERMARK, Finding, Traffic, Vote
from streams.engine.ladder import NEVER, waiting
from streams.engine.policy import Policies
from streams.engine.tally import Tally
from streams.engine.tallying import on_closed, on_review, on_traffic, on_vote
from streams.engine.view import View

_VOTE = msgspec.json.Decoder(Vote)
_TRAFFIC = msgspec.json.Decoder(Traffic)
_REVIEW = msgspec.json.Decoder(Review)
_TALLY = msgspec.json.Decoder(Tally)


class Closing:
    """Up to which epoch the meter has closed, by partition of `traffic`, and which subjects wait for it.

    In memory only: after a restart nothing is closed until the meter speaks again, and until then a rate is UNKNOWN.
    Who waits is read from the table again, or votes whose epoch closes after a crash would never be judged. So is whom
    a watermark has had judged: if it comes again, their states and findings may exist in the local store only.
    """

    def __init__(self, decision_partitions: int) -> None:
        self._count = decision_partitions
        self._marks: dict[int, dict[int, int]] = {}
        self._waiting: dict[int, set[str]] = {}
        self._judged: dict[int, dict[int, list[str]]] = {}  # partition → offset of a watermark → subjects

    def through(self, partition: int) -> int:
        """The last epoch that every decisions partition is metered through, as this partition was told."""
        marks = self._marks.get(partition, {})
        return min(marks.values()) if len(marks) >= self._count else NEVER

    def mark(self, partition: int, watermark: Traffic) -> None:
        """A watermark of one decisions partition; it never goes back."""
        marks = self._marks.setdefault(partition, {})
        marks[watermark.partition] = max(watermark.epoch, marks.get(watermark.partition, NEVER))

    def note(self, partition: int, state: Tally) -> None:
        """Remember or forget that a subject waits."""
        held = self._waiting.setdefault(partition, set())
        (held.add if waiting(state) else held.discard)(state.subject)

    def recovered(self, states: Iterable[tuple[int, Tally]]) -> None:
        """All states of this worker's partitions, by partition."""
        self._waiting.clear()
        self._judged.clear()
        for partition, state in states:
            self.note(partition, state)
            if state.closed_at >= 0:
                self._judged.setdefault(partition, {}).setdefault(state.closed_at, []).append(state.subject)

    def concerned(self, partition: int, offset: int) -> list[str]:
        """The subjects that a watermark at this offset of `traffic` has judged, or judged before, in order."""
        held = self._judged.pop(partition, {})
        later = {at: subjects for at, subjects in held.items() if at > offset}
        if later:
            self._judged[partition] = later
        return sorted({*held.get(offset, ()), *self._waiting.get(partition, ())})


class TallyAgent:
    """Its table holds `engine.tally.Tally` by subject. decision_partitions: how many watermarks close an epoch.

    Each partition of `epochs` is told which epochs are closed, as this agent was told in that partition of `traffic`.
    """

    name = "tally"
    inputs = ("votes", "traffic", "reviews")
    dead = "votes.dead"

    def __init__(self, names: Names, policies: Policies, decision_partitions: int) -> None:
        self._findings, self._policies = names.topic("findings"), policies
        self._outcomes, self._epochs = names.topic("outcomes"), names.topic("epochs")
        self._closing = Closing(decision_partitions)
        self.table = TableSpec("tallies", _TALLY.decode, msgspec.json.encode, recovered=self._closing.recovered)

    def handle(self, entity: str, delivery: Delivery, view: View) -> Handled:
        """Count a vote, add a delta, or judge what waited for a watermark."""
        partition, key = delivery.partition, delivery.key or b""
        if entity == "votes":
            vote = decoded(delivery, _VOTE, "NOT_A_VOTE")
            return Handled(vote.ingested_at_ms, [self._effect(partition, key, vote, self._vote(view, partition))])
        if entity == "reviews":
            review = decoded(delivery, _REVIEW, "NOT_A_REVIEW")
            step = self._review(view, partition)
            return Handled(review.recorded_at_ms, [self._effect(partition, key, review, step)])
        delta = decoded(delivery, _TRAFFIC, "NOT_TRAFFIC")
        at_ms = near(delta.epoch * self._epoch_ms(view), "its epoch")
        if delta.subject != WATERMARK:
            if delta.first_offset >= delta.next_offset:
                raise Refused("NO_OFFSETS", f"[{delta.first_offset}, {delta.next_offset}) could be added twice")
            return Handled(at_ms, [self._effect(partition, key, delta, self._traffic(view, partition))])
        self._closing.mark(partition, delta)
        return Handled(
            at_ms,
            [
                self._effect(partition, subject.encode(), subject, self._closed(view, partition, delivery.offset))
                for subject in self._closing.concerned(partition, delivery.offset)
            ],
            self._told(partition),
        )

    def _told(self, partition: int) -> list[Output]:
        through = self._closing.through(partition)
        if through == NEVER:
            return []
        return [Output(self._epochs, None, encoded(Closed(epoch=through)), (), partition)]

    def _effect(self, partition: int, key: bytes, event: object, step: object) -> Effect:
        return Effect(key, event, step, lambda state: self._closing.note(partition, state))  # type: ignore[arg-type]  # steps differ in their event

    def _vote(self, view: View, partition: int) -> object:
        def step(state: Tally | None, vote: Vote) -> tuple[Tally, list[Output]]:
            tally = state or Tally(subject=vote.subject)
            at_ms, through = vote.ingested_at_ms, self._closing.through(partition)
            policy, abroad = self._policies.at(view, at_ms), self._policies.abroad(view, at_ms)
            return self._out(tally, on_vote(tally, vote, policy, through, abroad))

        return step

    def _traffic(self, view: View, partition: int) -> object:
        def step(state: Tally | None, delta: Traffic) -> tuple[Tally, list[Output]]:
            tally = state or Tally(subject=delta.subject)
            at_ms, through = self._start(view, delta.epoch + 1), self._closing.through(partition)
            policy, abroad = self._policies.at(view, at_ms), self._policies.abroad(view, at_ms)
            return self._out(tally, on_traffic(tally, delta, policy, through, abroad))

        return step

    def _review(self, view: View, partition: int) -> object:
        def step(state: Tally | None, review: Review) -> tuple[Tally, list[Output]]:
            tally = state or Tally(subject=review.subject)
            at_ms, through = review.recorded_at_ms, self._closing.through(partition)
            policy, abroad = self._policies.at(view, at_ms), self._policies.abroad(view, at_ms)
            findings, outcomes = on_review(tally, review, policy, through, abroad)
            tally, found = self._out(tally, findings)
            return tally, [*found, *(output(self._outcomes, o.reporter, o) for o in outcomes)]

        return step

    def _closed(self, view: View, partition: int, offset: int) -> object:
        def step(state: Tally | None, subject: str) -> tuple[Tally, list[Output]]:
            tally = state or Tally(subject=subject)
            through = max(self._closing.through(partition), tally.judged - 1)  # what was judged was closed
            at_ms = self._start(view, through + 1)
            policy, abroad = self._policies.at(view, at_ms), self._policies.abroad(view, at_ms)
            return self._out(tally, on_closed(tally, policy, through, offset, abroad))

        return step

    def _epoch_ms(self, view: View) -> int:
        return self._policies.at(view, 2**53).pack.epoch_ms

    def _start(self, view: View, epoch: int) -> int:
        return epoch * self._epoch_ms(view)

    def _out(self, tally: Tally, findings: list[Finding]) -> tuple[Tally, list[Output]]:
        return tally, [output(self._findings, finding.subject, finding) for finding in findings]
