"""Report agent: a person's report → votes against subjects. A report id counts once."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from streams.agents.agent import agent
from streams.agents.codec import decoded, output
from streams.agents.context import Context
from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.errors import Refused
from streams.agents.tables import apply, bytes_table
from streams.contracts.reports import Report
from streams.contracts.reputation import Vote
from streams.engine.attribution import ReportRefused, attribute

_DECODER = msgspec.json.Decoder(Report)


def report_agent(context: Context) -> None:
    """Declare the agent and its table of report ids (value: `partition:offset` of the first report under the id)."""
    app, votes_topic = context.app, context.topic("votes")
    seen = bytes_table(app, "reports-seen", app.settings.partitions)

    @agent(app, "reports", topics=[context.topic("reports")], dead_letters=context.topic("reports.dead"))
    async def handle(delivery: Delivery) -> int:
        report = decoded(delivery, _DECODER, "NOT_A_REPORT")
        if delivery.key != report.report_id.encode():
            raise Refused("KEY_MISMATCH", "reports are keyed by report_id, or duplicates would not meet")
        view = await context.rows()
        try:
            votes = attribute(report, view, context.policies, context.keys)
        except ReportRefused as error:
            raise Refused(error.reason, error.detail) from error
        place = f"{delivery.partition}:{delivery.offset}".encode()

        def step(held: bytes | None, votes: Sequence[Vote]) -> tuple[bytes, list[Output]]:
            if held is not None and held != place:
                return held, []  # another report under the same id
            return place, [output(votes_topic, vote.subject, vote) for vote in votes]

        await apply(seen, delivery, votes, step)
        return report.ingested_at_ms
