"""Sanction agent: findings → the subject's sanctions. The table's changelog is the public topic: one write."""

from __future__ import annotations

import msgspec

from streams.agents.agent import agent
from streams.agents.codec import decoded, encoded, output
from streams.agents.context import Context
from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.errors import Refused
from streams.agents.tables import Table, apply, bytes_table
from streams.contracts.reputation import Finding, SanctionRow
from streams.engine.sanctioning import impose

_FINDING = msgspec.json.Decoder(Finding)
_ROW = msgspec.json.Decoder(SanctionRow)


def sanction_agent(context: Context) -> None:
    """Declare the agent; gates replicate what it keeps, `sanctions.history` keeps every version of it."""
    app, history = context.app, context.topic("sanctions.history")
    table: Table[SanctionRow] = bytes_table(
        app,
        "sanctions",
        app.settings.partitions,
        changelog_topic=context.topic("sanctions"),
        read=_ROW.decode,
        write=encoded,
    )

    @agent(app, "sanctions", topics=[context.topic("findings")], dead_letters=context.topic("findings.dead"))
    async def handle(delivery: Delivery) -> int:
        finding = decoded(delivery, _FINDING, "NOT_A_FINDING")
        if delivery.key != finding.subject.encode():
            raise Refused("KEY_MISMATCH", "findings are keyed by subject")

        def step(row: SanctionRow | None, finding: Finding) -> tuple[SanctionRow, list[Output]]:
            after = impose(row, finding)
            return after, [output(history, after.subject, after)]

        await apply(table, delivery, finding, step)
        return finding.recorded_at_ms
