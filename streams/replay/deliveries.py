"""What the gate tells of deliveries and the step `recent` makes of it, in memory: for the embedded carrier."""

from __future__ import annotations

from streams.contracts.appeals import Outcome
from streams.contracts.decisions import Decision
from streams.contracts.messages import Message
from streams.contracts.recent import Hole, Mark, Recent
from streams.contracts.reports import Report
from streams.engine.deliveries import Coverage, Memo, join, reporter_key, waits_for
from streams.engine.epochs import epoch_of, start_of
from streams.engine.pack import Pack
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.view import View
from streams.engine.weights import weighed
from streams.replica.recents import MemoryRecents


class Deliveries:
    """One partition of everything. Times in ms."""

    def __init__(self, policies: Policies, keys: Keys) -> None:
        self._policies, self._keys = policies, keys
        self._memo, self._store = Memo(policies, keys), MemoryRecents()

    def note(self, message: Message, decision: Decision, view: View) -> None:
        """A message was decided."""
        if not self._store.marks(0).first:
            self._mark(self._epoch(decision, view)[0])
        delivery = self._memo.delivery(message, decision, view)
        if delivery is not None:
            self._store.delivery(delivery, 0)

    def untold(self, decision: Decision, view: View) -> None:
        """Something was let through, and nobody knows to whom."""
        if decision.leg == "termination":
            begin, end = self._epoch(decision, view)
            self._store.recent(Recent(deliveries=(), holes=(Hole(from_ms=begin, to_ms=end),)), 0)

    def close(self, before_ms: int) -> None:
        """Everything before this time is here; means nothing before the first message."""
        if self._store.marks(0).first:
            self._mark(before_ms)

    def outcome(self, outcome: Outcome) -> None:
        """How a voter's reports fared."""
        self._store.outcome(outcome)

    def open(self, report: Report, pack: Pack) -> bool:
        """Whether a report is about an epoch that is not over."""
        marks = self._store.marks(0)
        return bool(marks.first) and marks.through[0] < waits_for(report, pack)

    def joined(self, report: Report, pack: Pack) -> Report:
        """The report with its delivery and its weight."""
        key, marks = reporter_key(report, pack, self._keys), self._store.marks(0)
        coverage = Coverage(marks.first.get(0), marks.through.get(0, 0), tuple(marks.holes))
        found = join(report, self._store.deliveries(key, 0), coverage, pack, self._keys)
        return weighed(found, key, self._store.outcomes, pack)

    def _mark(self, before_ms: int) -> None:
        self._store.recent(Recent(deliveries=(), marks=(Mark(partition=0, closed_before_ms=before_ms),)), 0)

    def _epoch(self, decision: Decision, view: View) -> tuple[int, int]:
        length = self._policies.at(view, decision.event_time_ms).pack.epoch_ms
        epoch = epoch_of(decision.event_time_ms, length)
        return start_of(epoch, length), start_of(epoch + 1, length)
