"""Sanction agent: findings → the subject's sanctions. The table's changelog is the public topic: one write."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from streams.agents.codec import decoded, encoded, keyed, near, output
from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.errors import Refused
from streams.agents.steps import Effect, Handled, Names, TableSpec
from streams.contracts.appeals import Closed
from streams.contracts.reputation import Finding, SanctionRow
from streams.engine.appealing import open_appeals
from streams.engine.consequences import act_on, overdue
from streams.engine.owners import ever_expelled, returned
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.sanctioning import FindingRefused
from streams.engine.view import View

_FINDING = msgspec.json.Decoder(Finding)
_CLOSED = msgspec.json.Decoder(Closed)
_ROW = msgspec.json.Decoder(SanctionRow)


def untold(open_now: int, overdue_now: int) -> None:
    """The default of `tell`: nobody listens."""


class Docket:
    """Which appeals are open, by partition; in memory only, read from the table again after a start.

    So is which overdue ones were said: after a restart each is said once more, under the same id.
    """

    def __init__(self) -> None:
        self._rows: dict[int, dict[str, SanctionRow]] = {}
        self._said: set[tuple[str, str]] = set()

    def note(self, partition: int, row: SanctionRow) -> None:
        """Remember or forget a subject's row."""
        held = self._rows.setdefault(partition, {})
        if open_appeals(row):
            held[row.subject] = row
        else:
            held.pop(row.subject, None)

    def recovered(self, rows: Iterable[tuple[int, SanctionRow]]) -> None:
        """All rows of this worker's partitions."""
        self._rows.clear()
        self._said.clear()
        for partition, row in rows:
            self.note(partition, row)

    def due(self, partition: int, now_ms: int, topic: str) -> list[Output]:
        """The notices on appeals that had to be decided by `now_ms` and were not said to be overdue yet."""
        notices: list[Output] = []
        for subject, row in sorted(self._rows.get(partition, {}).items()):
            for entry, appeal in open_appeals(row):
                if appeal.decide_by_ms <= now_ms and (subject, appeal.appeal_id) not in self._said:
                    self._said.add((subject, appeal.appeal_id))
                    notices.append(output(topic, subject, overdue(subject, entry, appeal)))
        return notices

    def count(self) -> tuple[int, int]:
        """(open, of them overdue)."""
        every = [(s, a.appeal_id) for rows in self._rows.values() for s, r in rows.items() for _, a in open_appeals(r)]
        return len(every), sum(one in self._said for one in every)


class Expelled:
    """Who is expelled or banned, by partition, and which matches of their owners were said; in memory only, as the
    docket is."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._rows: dict[int, dict[str, SanctionRow]] = {}
        self._said: set[str] = set()

    def note(self, partition: int, row: SanctionRow) -> None:
        """Remember a subject's row if it was ever expelled or banned."""
        if ever_expelled(row):
            self._rows.setdefault(partition, {})[row.subject] = row

    def recovered(self, rows: Iterable[tuple[int, SanctionRow]]) -> None:
        """All rows of this worker's partitions."""
        self._rows.clear()
        self._said.clear()
        for place, row in rows:
            self.note(place, row)

    def returned(self, partition: int, view: View, now_ms: int, epoch_ms: int) -> list[Finding]:
        """The findings on whom their owners came back as, each once."""
        rows = self._rows.get(partition, {})
        found = [f for subject in sorted(rows) for f in returned(rows[subject], view, now_ms, epoch_ms, self._keys)]
        new = [finding for finding in found if finding.finding_id not in self._said]
        self._said.update(finding.finding_id for finding in new)
        return new


class SanctionAgent:
    """Gates replicate what its table holds; `sanctions.history` keeps every version of it.

    tell: told (open appeals, overdue ones) of this worker's partitions when an epoch has closed.
    """

    name = "sanctions"
    inputs = ("findings", "epochs")
    dead = "findings.dead"

    def __init__(
        self, names: Names, policies: Policies, keys: Keys, tell: Callable[[int, int], None] = untold
    ) -> None:  # fmt: skip
        self._history, self._notices = names.topic("sanctions.history"), names.topic("notices")
        self._reviews, self._policies, self._tell = names.topic("reviews"), policies, tell
        self._findings = names.topic("findings")
        self._docket, self._expelled = Docket(), Expelled(keys)
        self.table = TableSpec(
            "sanctions", _ROW.decode, encoded, changelog="sanctions", recovered=self._recovered, in_step=True
        )

    def handle(self, entity: str, delivery: Delivery, view: View) -> Handled:
        """Impose, end, suspend or withdraw a sanction, and tell its subject; or see which appeals are overdue."""
        if entity == "epochs":
            return self._closed(delivery, view)
        finding = decoded(delivery, _FINDING, "NOT_A_FINDING")
        key = keyed(delivery, finding.subject, "findings are keyed by subject")
        pack = self._policies.at(view, finding.recorded_at_ms).pack

        def step(row: SanctionRow | None, finding: Finding) -> tuple[SanctionRow, list[Output]]:
            try:
                after, notices, review, _ = act_on(row, finding, pack)
            except FindingRefused as error:
                raise Refused(error.reason, error.detail) from error
            outputs = [output(self._history, after.subject, after)]
            outputs += [output(self._notices, after.subject, notice) for notice in notices]
            if review is not None:
                outputs.append(output(self._reviews, after.subject, review))
            return after, outputs

        partition = delivery.partition
        return Handled(finding.recorded_at_ms, [Effect(key, finding, step, lambda row: self._note(partition, row))])

    def _note(self, partition: int, row: SanctionRow) -> None:
        self._docket.note(partition, row)
        self._expelled.note(partition, row)

    def _recovered(self, rows: Iterable[tuple[int, SanctionRow]]) -> None:
        held = list(rows)
        self._docket.recovered(held)
        self._expelled.recovered(held)

    def _closed(self, delivery: Delivery, view: View) -> Handled:
        closed = decoded(delivery, _CLOSED, "NOT_AN_EPOCH")
        epoch_ms = self._policies.at(view, 2**53).pack.epoch_ms
        now_ms = near((closed.epoch + 1) * epoch_ms, "the epoch's end")
        outputs = self._docket.due(delivery.partition, now_ms, self._notices)
        again = self._expelled.returned(delivery.partition, view, now_ms, epoch_ms)
        outputs += [output(self._findings, finding.subject, finding) for finding in again]
        self._tell(*self._docket.count())
        return Handled(now_ms, (), outputs)
