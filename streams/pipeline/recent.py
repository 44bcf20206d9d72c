"""The step `recent`: joins a report to the delivery it is about, and gives it its weight.

A report says what a phone showed; what the network delivered replaces it. Only deliveries of closed epochs count: a
report on an open one waits where it stands, uncommitted, and keeps its ingest time, so it votes with the number of the
epoch in which it was made.

Delivery guarantees: each record of `reports.keyed` gets exactly one record in `reports`, in `reports.keyed.dead`, or,
where its writer chose the wrong partition, in the right one. It keeps no state of its own: what it looks up is a view
of `recent` and `outcomes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from streams.contracts.base import encoder
from streams.contracts.reports import Report
from streams.engine.attribution import ReportRefused, check_times
from streams.engine.deliveries import Coverage, join, partition_of, reporter_key, waits_for
from streams.engine.pack import Pack
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.weights import weighed
from streams.pipeline.commit import CommitPolicy
from streams.pipeline.following import Following
from streams.pipeline.replicator import Replicator
from streams.pipeline.step import Input, InvalidRecord, NotYet, Output
from streams.replica.recents import Marks
from streams.telemetry.metrics import count

POLICY = CommitPolicy(max_records=5000, max_ms=100)


class RecentStep:
    """See `step.Step` for who calls what. message_partitions: how many marks close an epoch.

    replicator: of `policy`; closed with the step, as is `following` with its store.
    """

    name = "recent"
    input = "reports.keyed"

    def __init__(
        self, policies: Policies, keys: Keys, replicator: Replicator, following: Following, message_partitions: int
    ) -> None:
        self.newest_ms: dict[int, int] = {}
        self._policies, self._keys = policies, keys
        self._replicator, self._following = replicator, following
        self._view, self._store = replicator.replica, following.store
        self._message_partitions = message_partitions
        self._decode = msgspec.json.Decoder(Report).decode
        self._encode = encoder().encode
        self._new: set[int] = set()
        self._counts = {"joined": 0, "not_received": 0, "unknown": 0}

    def catch_up(self) -> bool:
        if not self._replicator.catch_up():
            return False
        if not self._following.catch_up():
            return False
        if self._new:
            new, self._new = self._new, set()
            self._following.assigned(sorted(new))
            return self._following.catch_up()
        return True

    def handle(self, record: Input) -> Sequence[Output]:
        report = self._report(record)
        pack = self._policies.at(self._view, report.ingested_at_ms).pack
        key = reporter_key(report, pack, self._keys)
        if (record.key or b"") != key.encode():
            raise InvalidRecord("KEY_MISMATCH", "reports.keyed is keyed by the reporter's pseudonym (state key)")
        home = partition_of(key, self._following.partitions)
        if home != record.partition:
            return (Output("reports.keyed", record.key, record.value, home),)
        self._check(report, record, pack)
        marks = self._store.marks(record.partition)
        if marks.first and self._closed_before_ms(marks) < waits_for(report, pack):
            raise NotYet(lambda: self._is_closed(record.partition, waits_for(report, pack)))
        joined = self._joined_to(report, key, marks, record.partition, pack)
        found = weighed(joined, key, self._store.outcomes, pack)
        self.newest_ms[record.partition] = max(self.newest_ms.get(record.partition, 0), report.ingested_at_ms)
        said = "joined" if found.received else "unknown" if found.received is None else "not_received"
        self._counts[said] += 1
        return (Output("reports", report.report_id.encode("utf-8", "replace"), self._encode(found)),)

    def _report(self, record: Input) -> Report:
        try:
            return self._decode(record.value or b"")
        except (ValueError, RecursionError) as error:
            raise InvalidRecord("NOT_A_REPORT", str(error)) from error

    def _check(self, report: Report, record: Input, pack: Pack) -> None:
        try:
            check_times(report, pack)
        except ReportRefused as refused:
            raise InvalidRecord(refused.reason, refused.detail) from refused
        # Kafka's time is no event time, but a report from far ahead of it would hold up its partition for as long.
        if 0 < record.timestamp_ms < report.ingested_at_ms - pack.skew_ms:
            raise InvalidRecord("REPORT_FROM_THE_FUTURE", "ingested later than Kafka took it")

    def _joined_to(self, report: Report, key: str, marks: Marks, partition: int, pack: Pack) -> Report:
        coverage = Coverage(
            max(marks.first.values(), default=None),
            self._closed_before_ms(marks),
            tuple((begin, end) for begin, end in marks.holes),
        )
        return join(report, self._store.deliveries(key, partition), coverage, pack, self._keys)

    def _closed_before_ms(self, marks: Marks) -> int:
        """Up to when all partitions of `messages` are told; 0 while one is silent."""
        return min(marks.through.values()) if len(marks.through) >= self._message_partitions else 0

    def _is_closed(self, partition: int, before_ms: int) -> bool:
        return self._closed_before_ms(self._store.marks(partition)) >= before_ms

    def fallback(self, record: Input, reason: str) -> Sequence[Output]:
        return ()

    def flush(self, positions: Mapping[int, int], ended: frozenset[int], now_ms: int) -> Iterable[Output]:
        self._replicator.check()
        return ()

    def committed(self) -> None:
        for said, number in self._counts.items():
            if number:
                count("reports_joined_total", number, said=said)
        self.aborted()

    def aborted(self) -> None:
        self._counts = dict.fromkeys(self._counts, 0)

    def assigned(self, partitions: Iterable[int]) -> None:
        self._new.update(partitions)

    def revoked(self, partitions: Iterable[int]) -> None:
        gone = set(partitions)
        followed = sorted(gone - self._new)
        self._new -= gone
        self._following.revoked(followed)

    def idle(self, ended: frozenset[int], now_ms: int) -> Sequence[Output]:
        return ()

    def close(self) -> None:
        self._replicator.close()
        self._view.close()
        self._following.close()
