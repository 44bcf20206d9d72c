"""The gate's side of `recent`: what it let through, to whom, in the transaction that decides it.

A record for each partition of `recent` and transaction, not one for each message: that costs the gate a third.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from streams.contracts.base import encoder
from streams.contracts.decisions import Decision
from streams.contracts.messages import Message
from streams.contracts.recent import Delivery, Hole, Mark, Recent
from streams.engine.deliveries import Memo, partition_of
from streams.engine.epochs import epoch_of, start_of
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.view import View
from streams.pipeline.fitting import fitting
from streams.pipeline.step import Output
from streams.pipeline.watermarks import Watermarks


class Delivered:
    """Collects deliveries of the open transaction. partitions: of `recent`; each gets every mark.

    emit: False leaves deliveries out and says so, epoch by epoch: nobody can conclude then that something was not
    received. newest_ms: the gate's own.
    """

    def __init__(
        self, policies: Policies, keys: Keys, view: View, newest_ms: Mapping[int, int], partitions: int, emit: bool
    ) -> None:
        self._policies, self._memo, self._view = policies, Memo(policies, keys), view
        self._partitions, self._emit = partitions, emit
        self._encode = encoder().encode
        self._open: dict[int, list[Delivery]] = {}
        self._holes: set[Hole] = set()
        self._told: set[Hole] = set()
        self._said: dict[int, int] = {}  # mark on the topic, by partition of messages
        self._saying: dict[int, int] = {}
        self._next: dict[int, int] = {}
        self._marks = Watermarks(newest_ms, self._epoch_ms_at)

    def _epoch_ms_at(self, at_ms: int) -> int:
        return self._policies.at(self._view, at_ms).pack.epoch_ms

    def note(self, message: Message, decision: Decision) -> None:
        """A message was decided."""
        if not self._emit:
            self.untold(decision)
            return
        delivery = self._memo.delivery(message, decision, self._view)
        if delivery is None:
            return
        partition = partition_of(delivery.recipient, self._partitions)
        held = self._open.get(partition)
        if held is None:
            self._open[partition] = [delivery]
        else:
            held.append(delivery)

    def untold(self, decision: Decision) -> None:
        """Something was let through whose recipient is not told: whoever reports it may well have received it."""
        if decision.verdict == "ALLOW" and decision.leg == "termination":
            length = self._epoch_ms_at(decision.event_time_ms)
            epoch = epoch_of(decision.event_time_ms, length)
            hole = Hole(from_ms=start_of(epoch, length), to_ms=start_of(epoch + 1, length))
            if hole not in self._told:
                self._holes.add(hole)

    def flush(self, positions: Mapping[int, int], now_ms: int) -> list[Output]:
        """What belongs into this transaction."""
        self._marks.heard(now_ms)
        self._next.update(positions)
        outputs: list[Output] = []
        for partition, deliveries in self._open.items():
            outputs += [Output("recent", None, value, partition) for value in fitting(deliveries, self._record)]
        # Behind the deliveries, so that in every partition a mark stands behind what it speaks of.
        return [*outputs, *self._everywhere([self._mark(p, False, now_ms) for p in positions])]

    def idle(self, ended: Iterable[int], now_ms: int) -> list[Output]:
        """Nothing came: marks of partitions that stand at their end."""
        self._marks.waiting(now_ms)
        return self._everywhere([self._mark(p, True, now_ms) for p in sorted(ended)])

    def _record(self, deliveries: Sequence[Delivery]) -> bytes:
        return self._encode(Recent(deliveries=tuple(deliveries)))

    def _mark(self, partition: int, at_end: bool, now_ms: int) -> Mark | None:
        epoch, length = self._marks.closed(partition, at_end, now_ms)
        before_ms = start_of(epoch + 1, length)
        if epoch < 0 or before_ms <= self._said.get(partition, 0):
            return None
        self._saying[partition] = before_ms
        return Mark(partition=partition, closed_before_ms=before_ms, next_offset=self._next.get(partition, 0))

    def _everywhere(self, marks: list[Mark | None]) -> list[Output]:
        said = tuple(mark for mark in marks if mark is not None)
        holes = tuple(sorted(self._holes, key=lambda hole: hole.from_ms))
        if not said and not holes:
            return []
        value = self._encode(Recent(deliveries=(), marks=said, holes=holes))
        return [Output("recent", None, value, partition) for partition in range(self._partitions)]

    def committed(self) -> None:
        """Readers see it."""
        self._said.update(self._saying)
        self._told = {*self._told, *self._holes} if len(self._told) < 1000 else set(self._holes)
        self._forget()

    def aborted(self) -> None:
        """It never was."""
        self._forget()

    def revoked(self, partitions: Iterable[int]) -> None:
        """These are another gate's now."""
        for partition in partitions:
            for held in (self._said, self._saying, self._next):
                held.pop(partition, None)

    def _forget(self) -> None:
        self._open.clear()
        self._holes.clear()
        self._saying.clear()
