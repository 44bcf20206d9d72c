"""Breaker agent: how pairs fared, from the meter → a finding RELIEF when registered senders fail for want of a row."""

from __future__ import annotations

import msgspec
import structlog

from streams.agents.codec import decoded, keyed, near, output
from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.errors import Refused
from streams.agents.steps import Effect, Handled, Names, TableSpec
from streams.contracts.reputation import Finding, PairTraffic
from streams.engine.breaking import FALSE_BLOCKS, Pair, on_pair
from streams.engine.policy import Policies
from streams.engine.view import View
from streams.telemetry.metrics import count

log = structlog.get_logger()

_DELTA = msgspec.json.Decoder(PairTraffic)
_PAIR = msgspec.json.Decoder(Pair)


class BreakerAgent:
    """Its table holds `engine.breaking.Pair` by pair: those that passed at least once."""

    name = "breaker"
    inputs = ("pairs",)
    dead = "pairs.dead"
    table = TableSpec("breaker", _PAIR.decode, msgspec.json.encode)

    def __init__(self, names: Names, policies: Policies) -> None:
        self._findings, self._policies = names.topic("findings"), policies

    def handle(self, entity: str, delivery: Delivery, view: View) -> Handled:
        """Add a delta, and judge the pair."""
        delta = decoded(delivery, _DELTA, "NOT_A_PAIR")
        key = keyed(delivery, delta.subject, "pairs are keyed by subject")
        at_ms = near(delta.epoch * delta.epoch_ms, "its epoch")
        if delta.first_offset >= delta.next_offset:
            raise Refused("NO_OFFSETS", f"[{delta.first_offset}, {delta.next_offset}) could be added twice")
        policy = self._policies.at(view, at_ms)

        def step(state: Pair | None, delta: PairTraffic) -> tuple[Pair | None, list[Output]]:
            pair, findings = on_pair(state, delta, policy)
            return pair, [self._out(finding) for finding in findings]

        return Handled(at_ms, [Effect(key, delta, step)])

    def _out(self, finding: Finding) -> Output:
        if finding.reason == FALSE_BLOCKS:
            for code in finding.codes:
                count("breaker_trips_total", code=code)
            log.warning("breaker_tripped", subject=finding.subject, codes=finding.codes, counts=finding.counts)
        return output(self._findings, finding.subject, finding)
