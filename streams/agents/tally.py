"""Tally agent: votes and traffic of a subject → findings, when a threshold is reached."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from streams.agents.agent import agent
from streams.agents.codec import decoded, output
from streams.agents.context import Context
from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.tables import Step, Table, apply, bytes_table
from streams.contracts.reputation import WATERMARK, Finding, Traffic, Vote
from streams.engine.ladder import NEVER, waiting
from streams.engine.policy import Policies, Policy
from streams.engine.tally import Tally
from streams.engine.tallying import on_closed, on_traffic, on_vote
from streams.engine.view import View

_VOTE = msgspec.json.Decoder(Vote)
_TRAFFIC = msgspec.json.Decoder(Traffic)
_TALLY = msgspec.json.Decoder(Tally)


class Closing:
    """Up to which epoch the meter has closed, by partition of `traffic`, and which subjects wait for it.

    In memory only: after a restart nothing is closed until the meter speaks again, and until then a rate is UNKNOWN.
    A subject whose wait was forgotten is judged with its next vote or delivery.
    """

    def __init__(self, decision_partitions: int) -> None:
        self._count = decision_partitions
        self._marks: dict[int, dict[int, int]] = {}
        self._waiting: dict[int, set[str]] = {}

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

    def waiting(self, partition: int) -> list[str]:
        """The subjects that wait, in order."""
        return sorted(self._waiting.get(partition, ()))


def tally_agent(context: Context) -> None:
    """Declare the agent and its table of tallies (value: `engine.tally.Tally` as JSON)."""
    app, votes = context.app, context.topic("votes")
    table: Table[Tally] = bytes_table(
        app, "tallies", app.settings.partitions, read=_TALLY.decode, write=msgspec.json.encode
    )
    closing = Closing(context.decision_partitions)
    steps = _Steps(context.policies, context.topic("findings"), closing)

    @agent(app, "tally", topics=[votes, context.topic("traffic")], dead_letters=context.topic("votes.dead"))
    async def handle(delivery: Delivery) -> int:
        view = await context.rows()
        if delivery.topic == votes:
            vote = decoded(delivery, _VOTE, "NOT_A_VOTE")
            closing.note(delivery.partition, await apply(table, delivery, vote, steps.vote(view, delivery.partition)))
            return vote.ingested_at_ms
        delta = decoded(delivery, _TRAFFIC, "NOT_TRAFFIC")
        if delta.subject != WATERMARK:
            closing.note(
                delivery.partition, await apply(table, delivery, delta, steps.traffic(view, delivery.partition))
            )
        else:
            closing.mark(delivery.partition, delta)
            for subject in closing.waiting(delivery.partition):
                own = replace(delivery, key=subject.encode())
                closing.note(delivery.partition, await apply(table, own, delta, steps.closed(view, delivery.partition)))
        return delta.epoch * steps.policy(view, 2**53).pack.epoch_ms


class _Steps:
    """The engine's steps in the shape that a table wants."""

    def __init__(self, policies: Policies, findings: str, closing: Closing) -> None:
        self._policies, self._findings, self._closing = policies, findings, closing

    def policy(self, view: View, at_ms: int) -> Policy:
        """The policy at a time."""
        return self._policies.at(view, at_ms)

    def vote(self, view: View, partition: int) -> Step[Tally, Vote]:
        """The step for a vote."""

        def step(state: Tally | None, vote: Vote) -> tuple[Tally, list[Output]]:
            tally = state or Tally(subject=vote.subject)
            policy = self.policy(view, vote.ingested_at_ms)
            return self._out(tally, on_vote(tally, vote, policy, self._closing.through(partition)))

        return step

    def traffic(self, view: View, partition: int) -> Step[Tally, Traffic]:
        """The step for a delta."""

        def step(state: Tally | None, delta: Traffic) -> tuple[Tally, list[Output]]:
            tally = state or Tally(subject=delta.subject)
            policy = self._at_epoch(view, delta.epoch + 1)
            return self._out(tally, on_traffic(tally, delta, policy, self._closing.through(partition)))

        return step

    def closed(self, view: View, partition: int) -> Step[Tally, Traffic]:
        """The step for a watermark, on one subject that waits."""

        def step(state: Tally | None, watermark: Traffic) -> tuple[Tally, list[Output]]:
            tally = state or Tally(subject=WATERMARK)
            through = self._closing.through(partition)
            return self._out(tally, on_closed(tally, self._at_epoch(view, through + 1), through))

        return step

    def _at_epoch(self, view: View, epoch: int) -> Policy:
        epoch_ms = self.policy(view, 2**53).pack.epoch_ms
        return self.policy(view, epoch * epoch_ms)

    def _out(self, tally: Tally, findings: list[Finding]) -> tuple[Tally, list[Output]]:
        return tally, [output(self._findings, finding.subject, finding) for finding in findings]
