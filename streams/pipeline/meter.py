"""The meter: what was delivered for a subject in an epoch, as deltas on `traffic`, and how far the counting has come;
and how registered senders fared by relay in a breaker epoch, as deltas on `pairs`.

Delivery guarantees: the deltas of a transaction cover the offsets [first_offset, next_offset) of one decisions
partition, and readers of committed records see each offset covered once. A reader that can see a delta twice adds it
only if its first_offset is at least the next_offset it holds for (subject, partition). Watermarks may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from streams.contracts.base import encoder
from streams.contracts.decisions import Decision
from streams.contracts.ledger import Booking
from streams.contracts.reputation import WATERMARK, PairTraffic, Traffic
from streams.engine.booking import Handed, booked, counts_of, handed
from streams.engine.metering import Pairs, Sums, metered, paired
from streams.pipeline.commit import CommitPolicy
from streams.pipeline.replicator import Replicator
from streams.pipeline.step import Input, InvalidRecord, Output
from streams.pipeline.watermarks import Watermarks

#: A commit writes a record for each subject in it, which a tally agent has to read: fewer, larger transactions.
POLICY = CommitPolicy(max_records=100_000, max_ms=1000, at_end_ms=100, quiet_ms=100)


class _Open(NamedTuple):
    first_offset: int
    sums: Sums
    pairs: Pairs
    handed: Handed


class Meter:
    """Counts decisions per input partition, so that a partition that is revoked takes its own sums along.

    epoch_ms_at: length of an epoch in ms, by the policy at an event's time; breaker_ms_at: of a breaker epoch;
    month_at: the month of a time, for the ledger. traffic_partitions: of `traffic`; each gets every watermark.
    replicator: where they look for the policy, if they do; closed with the meter.
    """

    name = "meter"
    input = "decisions"

    def __init__(
        self,
        epoch_ms_at: Callable[[int], int],
        traffic_partitions: int,
        replicator: Replicator | None = None,
        *,
        breaker_ms_at: Callable[[int], int],
        month_at: Callable[[int], str],
    ) -> None:
        self.newest_ms: dict[int, int] = {}
        self._epoch_ms_at, self._breaker_ms_at, self._month_at = epoch_ms_at, breaker_ms_at, month_at
        self._traffic_partitions = traffic_partitions
        self._replicator = replicator
        self._decode = msgspec.json.Decoder(Decision).decode
        self._encode = encoder().encode
        self._open: dict[int, _Open] = {}  # of this transaction, by partition
        self._next: dict[int, int] = {}
        self._said: dict[int, int] = {}  # watermark on the topic, by partition
        self._saying: dict[int, int] = {}  # in the open transaction
        self._marks = Watermarks(self.newest_ms, epoch_ms_at)

    def catch_up(self) -> bool:
        return True if self._replicator is None else self._replicator.catch_up()

    def handle(self, record: Input) -> Sequence[Output]:
        partition = record.partition
        try:
            decision = self._decode(record.value or b"")
        except (ValueError, RecursionError) as error:
            raise InvalidRecord("NOT_A_DECISION", str(error)) from error
        at_ms = decision.event_time_ms
        if partition not in self._open:
            self._open[partition] = _Open(record.offset, {}, {}, {})
        metered(decision, self._epoch_ms_at(at_ms), self._open[partition].sums)
        paired(decision, self._breaker_ms_at(at_ms), self._open[partition].pairs)
        handed(decision, self._month_at(at_ms), self._open[partition].handed)
        if at_ms > self.newest_ms.get(partition, 0):
            self.newest_ms[partition] = at_ms
        return ()

    def fallback(self, record: Input, reason: str) -> Sequence[Output]:
        return ()

    def flush(self, positions: Mapping[int, int], ended: frozenset[int], now_ms: int) -> Iterable[Output]:
        if self._replicator is not None:
            self._replicator.check()
        outputs: list[Output] = []
        self._marks.heard(now_ms)
        for partition, next_offset in positions.items():
            self._next[partition] = next_offset
            first, sums, pairs, counts = self._open.get(partition) or _Open(next_offset, {}, {}, {})
            for (subject, epoch, jurisdiction), delivered in sums.items():
                delta = Traffic(
                    subject=subject,
                    epoch=epoch,
                    partition=partition,
                    first_offset=first,
                    next_offset=next_offset,
                    delivered=delivered,
                    jurisdiction=jurisdiction,
                )
                outputs.append(Output("traffic", subject.encode(), self._encode(delta)))
            outputs += self._pairs(partition, first, next_offset, pairs)
            outputs += self._books(partition, first, next_offset, counts)
        # After the deltas, so that in every partition a watermark stands behind what it speaks of.
        for partition in positions:
            outputs += self._watermark(partition, False, now_ms)
        return outputs

    def _pairs(self, partition: int, first: int, next_offset: int, pairs: Pairs) -> Iterable[Output]:
        for (subject, epoch, epoch_ms), fared in pairs.items():
            delta = PairTraffic(
                subject=subject, epoch=epoch, epoch_ms=epoch_ms, partition=partition, first_offset=first,
                next_offset=next_offset, passed=fared.passed, failed=fared.failed,
            )  # fmt: skip
            yield Output("pairs", subject.encode("utf-8", "replace"), self._encode(delta))

    def _books(self, partition: int, first: int, next_offset: int, counts: Handed) -> Iterable[Output]:
        for (subject, month), counted in booked(counts).items():
            booking = Booking(
                subject=subject, month=month, source="decisions", partition=partition, first_offset=first,
                next_offset=next_offset, counts=counts_of(counted),
            )  # fmt: skip
            yield Output("books", booking.key().encode("utf-8", "replace"), self._encode(booking))

    def idle(self, ended: frozenset[int], now_ms: int) -> Sequence[Output]:
        self._marks.waiting(now_ms)
        return [output for partition in sorted(ended) for output in self._watermark(partition, True, now_ms)]

    def _watermark(self, partition: int, at_end: bool, now_ms: int) -> list[Output]:
        """The last epoch that is wholly metered, to every partition of `traffic`; nothing while it stays the same."""
        epoch = self._marks.closed(partition, at_end, now_ms)[0]
        if epoch <= self._said.get(partition, -1):
            return []
        self._saying[partition] = epoch
        next_offset = self._next.get(partition, 0)
        mark = Traffic(
            subject=WATERMARK,
            epoch=epoch,
            partition=partition,
            first_offset=next_offset,
            next_offset=next_offset,
            delivered=0,
        )
        key, value = f"{WATERMARK}:{partition}".encode(), self._encode(mark)
        return [Output("traffic", key, value, target) for target in range(self._traffic_partitions)]

    def committed(self) -> None:
        self._said.update(self._saying)
        self._reset()

    def aborted(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._open.clear()
        self._saying.clear()

    def assigned(self, partitions: Iterable[int]) -> None:
        pass

    def revoked(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            for held in (self._open, self._next, self._said, self._saying):
                held.pop(partition, None)

    def close(self) -> None:
        if self._replicator is not None:
            self._replicator.close()
            self._replicator.replica.close()
