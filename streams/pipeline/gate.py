"""The gate: one decision for each message event, from rows in a local replica.

Delivery guarantees: each record of `messages` gets exactly one record in `decisions` or `messages.dead` (or both: an
event that can't be read but names itself is allowed through). It keeps no counts: kill it anywhere, start it anywhere.
If the control plane is away it goes on with the rows it holds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import get_args

import structlog

from streams.contracts.base import encoder
from streams.contracts.blacklists import Trust
from streams.contracts.decisions import Decision, Observed
from streams.engine.decide import Decider
from streams.engine.intake import InvalidEvent, read_message
from streams.engine.lists import missing_lists
from streams.pipeline.commit import CommitPolicy
from streams.pipeline.delivered import Delivered
from streams.pipeline.late import alters_from_ms
from streams.pipeline.replicator import Replicator, wall_ms
from streams.pipeline.shaped import Shaped
from streams.pipeline.step import Input, InvalidRecord, Output
from streams.replica.changes import Applied, Entity
from streams.telemetry.metrics import count, gauge

log = structlog.get_logger()

ENTITIES: tuple[Entity, ...] = ("registry", "policy", "sanctions", "settings", "blacklists", "jobs")
POLICY = CommitPolicy(max_records=5000, max_ms=100)


class Gate:
    """Decides. See `step.Step` for who calls what.

    replicator: of `ENTITIES`; the gate listens to it and closes it. instance: this worker, e.g. `gate-0`.
    recent: (partitions of `recent`, whether deliveries are told there); None: nothing at all is. sent: partitions of
    `sent`, where what accounts and lines send is told in the same transaction; 0: it is not.
    """

    name = "gate"
    input = "messages"

    def __init__(
        self,
        decider: Decider,
        replicator: Replicator,
        instance: str,
        clock_ms: Callable[[], int] = wall_ms,
        recent: tuple[int, bool] | None = None,
        sent: int = 0,
    ) -> None:
        self.newest_ms: dict[int, int] = {}
        self.late = 0  # changes that came too late since the start
        self._decider, self._replicator, self._view = decider, replicator, replicator.replica
        self._instance, self._clock_ms = instance, clock_ms
        self._encode = encoder().encode
        self._now_ms = 0
        self._said: Counter[tuple[str, str]] = Counter()
        self._reasons: Counter[tuple[str, str]] = Counter()
        self._unknown: Counter[str] = Counter()
        self._delivered = None
        if recent is not None:
            self._delivered = Delivered(decider.policies, decider.keys, self._view, self.newest_ms, *recent)
        self._shaped = Shaped(decider.keys, sent) if sent else None
        self._unsure = True  # whether the lists that the policy names have to be looked for
        self._untold = True  # whether the partners' lists have to be told of
        self._missing: tuple[str, ...] = ()
        replicator.listen(self._changed)

    def catch_up(self) -> bool:
        self._now_ms = 0
        if not self._replicator.catch_up():
            return False
        if self._untold:
            self._tell_partners()
        return not self._lists_missing()

    def _tell_partners(self) -> None:
        """How fresh and how long the partners' lists are that this gate holds."""
        self._untold = False
        for manifest in self._view.blacklists():
            gauge("blacklist_fresh_until_seconds", manifest.fresh_until_ms / 1000, issuer=manifest.issuer)
            for trust in get_args(get_args(Trust)[0]):
                held = manifest.entries if trust == manifest.trust else 0
                gauge("blacklist_entries", held, issuer=manifest.issuer, trust=trust)

    def _lists_missing(self) -> bool:
        """Whether a content list that the policy names is not here: without it the gate would let through what it was
        told to label."""
        if self._unsure:
            missing = missing_lists(self._view, self._decider.policies)
            if missing and missing != self._missing:
                log.warning("lists_missing", names=missing)
            self._unsure, self._missing = False, missing
        return bool(self._missing)

    def handle(self, record: Input) -> Sequence[Output]:
        raw = record.value
        if raw is None:
            raise InvalidRecord("EMPTY", "the record has no value")
        try:
            message, flags = read_message(raw)
        except InvalidEvent as invalid:
            raise InvalidRecord(invalid.reason, invalid.detail) from invalid
        try:
            decided = self._decider.decided(message, raw, self._view, flags)
        except Exception:
            self._replicator.check()  # a disk that can't be read is not this event's fault
            raise
        decision = decided.decision
        if decision.event_time_ms > self.newest_ms.get(record.partition, 0):
            self.newest_ms[record.partition] = decision.event_time_ms
        if self._delivered is not None:
            self._delivered.note(message, decision)
        if self._shaped is not None:
            self._shaped.note(message, decided)
        return (self._output(decision, record),)

    def fallback(self, record: Input, reason: str) -> Sequence[Output]:
        decision = self._decider.invalid(record.value or b"", reason)
        if decision is None:
            return ()
        if self._delivered is not None:
            self._delivered.untold(decision)
        return (self._output(decision, record),)

    def _output(self, decision: Decision, record: Input) -> Output:
        """The decision with where and when it was made, keyed by the sender as published."""
        self._tally(decision)
        if not self._now_ms:
            self._now_ms = self._clock_ms()  # once a batch
        observed = Observed(
            decided_at_ms=self._now_ms, gate=self._instance, source=(record.partition, record.offset)
        )  # fmt: skip
        # Spliced behind the evidence, where it stands in the record: copying a struct of twenty fields to set one costs
        # as much as encoding it. `observed` is empty in what the engine decides and so left out.
        raw = b'%s,"observed":%s}' % (self._encode(decision)[:-1], self._encode(observed))
        return Output("decisions", decision.sender.key.encode("utf-8", "replace"), raw)

    def _tally(self, decision: Decision) -> None:
        self._said[decision.verdict, decision.action] += 1
        for reason in decision.reasons:
            # The reasons of sanctions are data; as a label they would be unbounded.
            code = reason.gate.upper() if reason.gate in ("directive", "reputation") else reason.code
            self._reasons[code, reason.mode] += 1
        for check in decision.checks:
            if check.outcome == "UNKNOWN":
                self._unknown[check.check] += 1

    def _changed(self, applied: Sequence[Applied]) -> None:
        """Count the changes that would have altered a decision already made. One line for each kind: an import brings
        millions of them."""
        self._unsure = self._unsure or any(change.entity == "policy" for change in applied)
        self._untold = self._untold or any(change.entity == "blacklists" for change in applied)
        newest_ms = max(self.newest_ms.values(), default=0)
        if not newest_ms:
            return
        late: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for change in applied:
            at_ms = alters_from_ms(change)
            if at_ms <= newest_ms:
                kind = change.key.partition(":")[0]  # no more of the key: it may be somebody's number
                late[change.entity, kind].append(newest_ms - at_ms)
        for (entity, kind), by_ms in late.items():
            self.late += len(by_ms)
            count("late_enforcements_total", len(by_ms), entity=entity)
            log.warning("late_enforcement", entity=entity, kind=kind, changes=len(by_ms), by_ms=max(by_ms))

    def flush(self, positions: Mapping[int, int], ended: frozenset[int], now_ms: int) -> Iterable[Output]:
        self._replicator.check()
        delivered = () if self._delivered is None else self._delivered.flush(positions, now_ms)
        return delivered if self._shaped is None else [*delivered, *self._shaped.flush()]

    def committed(self) -> None:
        if self._delivered is not None:
            self._delivered.committed()
        for (verdict, action), number in self._said.items():
            count("decisions_total", number, verdict=verdict, action=action)
        for (code, mode), number in self._reasons.items():
            count("reasons_total", number, code=code, mode=mode)
        for check, number in self._unknown.items():
            count("unknown_checks_total", number, check=check)
        self._forget()

    def aborted(self) -> None:
        if self._delivered is not None:
            self._delivered.aborted()
        self._forget()

    def _forget(self) -> None:
        if self._shaped is not None:
            self._shaped.forget()
        self._said.clear()
        self._reasons.clear()
        self._unknown.clear()

    def assigned(self, partitions: Iterable[int]) -> None:
        pass

    def revoked(self, partitions: Iterable[int]) -> None:
        if self._delivered is not None:
            self._delivered.revoked(partitions)

    def idle(self, ended: frozenset[int], now_ms: int) -> Sequence[Output]:
        return () if self._delivered is None else self._delivered.idle(ended, now_ms)

    def close(self) -> None:
        self._replicator.close()
        self._view.close()
