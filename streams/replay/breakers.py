"""The breaker in memory: meter and agent of the pairs for an embedded run. It judges when an epoch of ingest ends."""

from __future__ import annotations

from streams.contracts.decisions import Decision
from streams.contracts.reputation import Finding, PairTraffic
from streams.engine.breaking import Pair, on_pair
from streams.engine.epochs import epoch_of
from streams.engine.metering import Pairs, paired
from streams.engine.policy import Policies
from streams.engine.view import View


class Breakers:
    """Counts decisions by pair, and hands out what follows once a breaker epoch's messages are all in."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._pairs: dict[str, Pair] = {}
        self._open: Pairs = {}
        self._epoch = -(2**53)
        self._metered = 0

    def count(self, decision: Decision, epoch_ms: int) -> None:
        """Add a decision."""
        paired(decision, epoch_ms, self._open)

    def until(self, ingested_at_ms: int, epoch_ms: int, view: View) -> list[Finding]:
        """What follows from the epochs before this message's."""
        epoch = epoch_of(ingested_at_ms, epoch_ms)
        if epoch <= self._epoch:
            return []
        self._epoch = epoch
        counted, self._open = self._open, {}
        found: list[Finding] = []
        for (subject, at, length), fared in sorted(counted.items()):
            self._metered += 1
            delta = PairTraffic(
                subject=subject, epoch=at, epoch_ms=length, partition=0, first_offset=self._metered,
                next_offset=self._metered, passed=fared.passed, failed=fared.failed,
            )  # fmt: skip
            pair, findings = on_pair(self._pairs.get(subject), delta, self._policies.at(view, at * length))
            found += findings
            if pair is not None:
                self._pairs[subject] = pair
        return found
