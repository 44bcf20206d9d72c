"""Ledger agent: bookings of the meter and the report agent → each relay's, reseller's and carrier's month."""

from __future__ import annotations

import msgspec

from streams.agents.codec import decoded, encoded, keyed
from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.errors import Refused
from streams.agents.steps import Effect, Handled, TableSpec
from streams.contracts.ledger import Booking, LedgerRow
from streams.engine.booking import book
from streams.engine.view import View

_BOOKING = msgspec.json.Decoder(Booking)
_ROW = msgspec.json.Decoder(LedgerRow)


class LedgerAgent:
    """Its table's changelog is the public topic."""

    name = "ledger"
    inputs = ("books",)
    dead = "books.dead"
    table = TableSpec("ledger", _ROW.decode, encoded, changelog="ledger")

    def handle(self, entity: str, delivery: Delivery, view: View) -> Handled:
        """Add a booking."""
        booking = decoded(delivery, _BOOKING, "NOT_A_BOOKING")
        key = keyed(delivery, booking.key(), "bookings are keyed by subject and month")
        if booking.first_offset >= booking.next_offset:
            raise Refused("NO_OFFSETS", f"[{booking.first_offset}, {booking.next_offset}) could be added twice")

        def step(row: LedgerRow | None, booking: Booking) -> tuple[LedgerRow, list[Output]]:
            return book(row, booking), []

        return Handled(0, [Effect(key, booking, step)])
