"""Report agent: a person's report → votes against subjects. A report id counts once."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from streams.agents.codec import decoded, keyed, output
from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.errors import Refused
from streams.agents.steps import Effect, Handled, Names, TableSpec
from streams.contracts.ledger import Booking, Counts
from streams.contracts.reports import Report
from streams.contracts.reputation import Vote
from streams.engine.attribution import ReportRefused, attribute
from streams.engine.booking import carried_by, month_of
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.view import View

_DECODER = msgspec.json.Decoder(Report)


class ReportAgent:
    """Its table holds, for each report id, `partition:offset` of the first report under it."""

    name = "reports"
    inputs = ("reports",)
    dead = "reports.dead"
    table = TableSpec("reports-seen", bytes, bytes)

    def __init__(self, names: Names, policies: Policies, keys: Keys) -> None:
        self._votes, self._policies, self._keys = names.topic("votes"), policies, keys
        self._books = names.topic("books")

    def handle(self, entity: str, delivery: Delivery, view: View) -> Handled:
        """Attribute the report; another report under the same id casts no vote."""
        report = decoded(delivery, _DECODER, "NOT_A_REPORT")
        key = keyed(delivery, report.report_id, "reports are keyed by report_id, or duplicates would not meet")
        try:
            votes = attribute(report, view, self._policies, self._keys)
        except ReportRefused as error:
            raise Refused(error.reason, error.detail) from error
        place = f"{delivery.partition}:{delivery.offset}".encode()

        def step(held: bytes | None, votes: Sequence[Vote]) -> tuple[bytes, list[Output]]:
            if held is not None and held != place:
                return held, []
            counted = [output(self._books, b.key(), b) for b in self._bookings(report, delivery, view)]
            return place, [output(self._votes, vote.subject, vote) for vote in votes] + counted

        return Handled(report.ingested_at_ms, [Effect(key, votes, step)])

    def _bookings(self, report: Report, delivery: Delivery, view: View) -> list[Booking]:
        """One report for everybody who carried the message, in the month in which it was ingested."""
        zone = self._policies.at(view, report.ingested_at_ms).pack.time_zone
        return [
            Booking(
                subject=subject,
                month=month_of(report.ingested_at_ms, zone),
                source="reports",
                partition=delivery.partition,
                first_offset=delivery.offset,
                next_offset=delivery.offset + 1,
                counts=Counts(reports=1),
            )
            for subject in carried_by(report.route, view, report.message_at_ms)
        ]
