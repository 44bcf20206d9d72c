"""The step `behaviour`: what accounts and lines send, by subject, and a finding where the shape of it says enough.

Delivery guarantees: each fact on `sent` is counted once, and each finding is written once, in the transaction that
consumes what it rests on. A subject's state stands on `shapes`, written in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import structlog

from streams.contracts.base import encoder, read
from streams.contracts.reputation import Finding
from streams.contracts.shapes import Fact, Sent, Shapes
from streams.engine.behaving import take
from streams.engine.deliveries import partition_of
from streams.engine.policy import Policies, Policy
from streams.engine.sanctioning import WITHDRAWN
from streams.pipeline.commit import CommitPolicy
from streams.pipeline.held import Held
from streams.pipeline.replicator import Replicator
from streams.pipeline.step import Input, InvalidRecord, Output
from streams.telemetry.metrics import count

log = structlog.get_logger()

#: A record holds a gate's transaction, and a commit writes the state of each subject in it: some of them at once.
POLICY = CommitPolicy(max_records=60, max_ms=1000, at_end_ms=100)
#: Times leave room for what is derived from them.
_FAR_MS = 2**52

_SENT = msgspec.json.Decoder(Sent)
_STATE = msgspec.json.Decoder(Shapes)


def _state(raw: bytes | None) -> Shapes | None:
    """None also where another version wrote it: its subject begins anew."""
    try:
        return None if raw is None else read(_STATE, raw)
    except ValueError as error:
        log.error("behaviour_state_unread", error=str(error))
        return None


class BehaviourStep:
    """See `step.Step` for who calls what. partitions: of `sent` and `shapes`.

    replicator: of `policy`; closed with the step, as is `held`, of `shapes`.
    """

    name = "behaviour"
    input = "sent"

    def __init__(self, policies: Policies, replicator: Replicator, held: Held, partitions: int) -> None:
        self.newest_ms: dict[int, int] = {}
        self._policies, self._replicator, self._view = policies, replicator, replicator.replica
        self._held, self._partitions = held, partitions
        self._encode = encoder().encode
        self._open: dict[int, dict[tuple[str, int], list[Fact]]] = {}  # partition → (subject, epoch_ms) → facts
        self._new: dict[int, dict[bytes, bytes]] = {}
        self._said: list[Finding] = []

    def catch_up(self) -> bool:
        return self._replicator.catch_up() and self._held.catch_up()

    def handle(self, record: Input) -> Sequence[Output]:
        try:
            sent = read(_SENT, record.value or b"")
        except ValueError as error:
            raise InvalidRecord("NOT_SENT", str(error)) from error
        length, newest = sent.epoch_ms, self.newest_ms.get(record.partition, 0)
        for subject, facts in sent.facts:
            if partition_of(subject, self._partitions) != record.partition:
                raise InvalidRecord("WRONG_PARTITION", "what a subject sends stands where its hash says")
            epochs = [fact.epoch for fact in facts]
            if not epochs or max(abs(min(epochs)), abs(max(epochs))) * length > _FAR_MS:
                raise InvalidRecord("TIME_OUT_OF_RANGE", f"epochs of {length} ms")
            newest = max(newest, max(epochs) * length)
        opened = self._open.setdefault(record.partition, {})
        for subject, facts in sent.facts:
            opened.setdefault((subject, length), []).extend(facts)
        self.newest_ms[record.partition] = newest
        return ()

    def fallback(self, record: Input, reason: str) -> Sequence[Output]:
        return ()

    def flush(self, positions: Mapping[int, int], ended: frozenset[int], now_ms: int) -> Iterable[Output]:
        self._replicator.check()
        outputs: list[Output] = []
        for partition, opened in self._open.items():
            new = self._new.setdefault(partition, {})
            for (subject, epoch_ms), facts in opened.items():
                key = subject.encode("utf-8", "replace")
                raw = new.get(key) or self._held.get(partition, key)
                state, found = take(_state(raw), subject, epoch_ms, facts, self._policy_at)
                new[key] = self._encode(state)
                self._said += found
                outputs += [Output("findings", key, self._encode(finding)) for finding in found]
            outputs += [Output("shapes", key, value, partition) for key, value in new.items()]
        return outputs

    def _policy_at(self, at_ms: int) -> Policy:
        return self._policies.at(self._view, at_ms)

    def committed(self) -> None:
        for partition, values in self._new.items():
            self._held.keep(partition, values)
        for finding in self._said:
            if finding.reason != WITHDRAWN:
                count("behaviour_findings_total", reason=finding.reason)
        self._forget()

    def aborted(self) -> None:
        self._forget()
        self._held.again()

    def _forget(self) -> None:
        self._open.clear()
        self._new.clear()
        self._said.clear()

    def assigned(self, partitions: Iterable[int]) -> None:
        self._held.assigned(partitions)

    def revoked(self, partitions: Iterable[int]) -> None:
        self._held.revoked(partitions)

    def idle(self, ended: frozenset[int], now_ms: int) -> Sequence[Output]:
        return ()

    def close(self) -> None:
        self._held.close()
        self._replicator.close()
        self._view.close()
