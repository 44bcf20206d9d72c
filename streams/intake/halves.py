"""The halves of 7726 forwards that are held, in memory: over a file, and for the listener what stands in Kafka."""

from __future__ import annotations

from collections.abc import Iterator

from streams.contracts.reports import Half
from streams.intake.base import Intake
from streams.intake.forwards import TIMEOUT_MS, Outcome, forward_of, take


class Halves:
    """By reporter as written. `intake` is that of the moment for each call."""

    def __init__(self, intake: Intake, timeout_ms: int = TIMEOUT_MS) -> None:
        self._intake, self._timeout_ms = intake, timeout_ms
        self._held: dict[str, Half] = {}

    def take(self, raw: bytes) -> Outcome:
        """A forward as it came. Raises RowRefused."""
        forward = forward_of(raw)
        found = take(forward, raw, self._held.get(forward.reporter), self._intake, self._timeout_ms)
        if found.half is not None:
            self._held[forward.reporter] = found.half
        return found

    def waiting(self) -> Iterator[Half]:
        """First halves whose second has not come."""
        return (half for half in self._held.values() if half.answered_by is None)
