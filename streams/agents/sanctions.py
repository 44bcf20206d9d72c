"""Sanction agent: findings → the subject's sanctions. The table's changelog is the public topic: one write."""

from __future__ import annotations

import msgspec

from streams.agents.codec import decoded, encoded, output
from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.errors import Refused
from streams.agents.steps import Effect, Handled, Names, TableSpec
from streams.contracts.reputation import Finding, SanctionRow
from streams.engine.sanctioning import impose
from streams.engine.view import View

_FINDING = msgspec.json.Decoder(Finding)
_ROW = msgspec.json.Decoder(SanctionRow)


class SanctionAgent:
    """Gates replicate what its table holds; `sanctions.history` keeps every version of it."""

    name = "sanctions"
    inputs = ("findings",)
    dead = "findings.dead"
    table = TableSpec("sanctions", _ROW.decode, encoded, changelog="sanctions")

    def __init__(self, names: Names) -> None:
        self._history = names.topic("sanctions.history")

    def handle(self, entity: str, delivery: Delivery, view: View) -> Handled:
        """Impose, end or withdraw a sanction."""
        finding = decoded(delivery, _FINDING, "NOT_A_FINDING")
        key = finding.subject.encode()
        if delivery.key != key:
            raise Refused("KEY_MISMATCH", "findings are keyed by subject")

        def step(row: SanctionRow | None, finding: Finding) -> tuple[SanctionRow, list[Output]]:
            after = impose(row, finding)
            return after, [output(self._history, after.subject, after)]

        return Handled(finding.recorded_at_ms, [Effect(key, finding, step)])
