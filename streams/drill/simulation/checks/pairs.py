"""Pairs: the meter's deltas equal the decisions, and the breaker's table and findings what its step makes of them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from streams.contracts.reputation import Finding, PairTraffic
from streams.drill.simulation.checks.decisions import decisions
from streams.drill.simulation.errors import Broken
from streams.drill.simulation.world import BREAKER_MS
from streams.engine.breaking import Pair, on_pair
from streams.engine.metering import Fared, Pairs, paired
from streams.engine.policy import Policy

if TYPE_CHECKING:
    from streams.drill.simulation.schedule import Played

_DELTA, _PAIR = msgspec.json.Decoder(PairTraffic), msgspec.json.Decoder(Pair)


def deltas(played: Played) -> list[PairTraffic]:
    """All that was committed, each pair's in the order of the topic."""
    return [_DELTA.decode(r.value or b"") for _, r in played.cluster.log.every("pairs")]


def check(played: Played) -> None:
    """Sums and ranges of what the meter wrote."""
    wanted: Pairs = {}
    for _, _, decision in decisions(played):
        paired(decision, BREAKER_MS, wanted)
    sums: Pairs = defaultdict(Fared)
    covered: dict[tuple[str, int, int], int] = defaultdict(int)
    for delta in deltas(played):
        key = (delta.subject, delta.partition, delta.epoch)
        if delta.first_offset < covered[key]:
            raise Broken(f"pairs: {delta} covers again what ended at {covered[key]}")
        covered[key] = delta.next_offset
        held = sums[delta.subject, delta.epoch, delta.epoch_ms]
        held.passed += delta.passed
        for code, bases in delta.failed.items():
            mine = held.failed.setdefault(code, {})
            for basis, count in bases.items():
                mine[basis] = mine.get(basis, 0) + count
    if dict(sums) != wanted:
        raise Broken(f"pairs: {dict(sums)}, the decisions say {wanted}")


def model(played: Played, policy: Policy) -> tuple[dict[str, Pair], list[Finding]]:
    """The breaker's states, and its findings in the order in which they follow."""
    states: dict[str, Pair] = {}
    found: list[Finding] = []
    for delta in deltas(played):
        state, findings = on_pair(states.get(delta.subject), delta, policy)
        found += findings
        if state is not None:
            states[delta.subject] = state
    return states, found


def tables(held: dict[bytes, bytes], wanted: dict[str, Pair]) -> None:
    """The newest states of the changelog are the model's."""
    got = {key.decode(): _PAIR.decode(value) for key, value in held.items()}
    if got != wanted:
        raise Broken(f"breaker: {got}, the model has {wanted}")
