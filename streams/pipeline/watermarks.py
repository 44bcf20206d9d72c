"""When an epoch is over for a partition of a step's input."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from streams.engine.epochs import epoch_of


class Watermarks:
    """`newest_ms`: highest event time handled, by partition; the step's own. epoch_ms_at: by the policy at a time."""

    def __init__(self, newest_ms: Mapping[int, int], epoch_ms_at: Callable[[int], int]) -> None:
        self._newest_ms, self._epoch_ms_at = newest_ms, epoch_ms_at
        self._heard_ms = 0  # wall clock of the last records

    def heard(self, now_ms: int) -> None:
        """Records have come."""
        self._heard_ms = now_ms

    def waiting(self, now_ms: int) -> None:
        """Nothing has come; silence is counted from the first call of the two."""
        self._heard_ms = self._heard_ms or now_ms

    def closed(self, partition: int, at_end: bool, now_ms: int) -> tuple[int, int]:
        """(the last epoch that is over for a partition, its length in ms): the one before its newest event.

        While nothing is left to read anywhere (`at_end`), the one before the newest event of any partition: an end that
        was told a while ago proves nothing beside records of another partition that have come since. Only who has heard
        nothing for two epochs believes the wall clock: traffic of the past (a replay, a backlog) must not be closed
        because it is past.
        """
        held = self._newest_ms
        newest = max(held.values(), default=0) if at_end else held.get(partition, 0)
        length = self._epoch_ms_at(newest)
        epoch = epoch_of(newest, length) - 1
        now_length = self._epoch_ms_at(now_ms)
        if at_end and now_ms - self._heard_ms >= 2 * now_length:
            by_clock = epoch_of(now_ms, now_length) - 2
            if by_clock * now_length > epoch * length:
                return by_clock, now_length
        return epoch, length
