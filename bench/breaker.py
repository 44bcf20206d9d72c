"""What the breaker costs: microseconds at the gate, the meter and its agent, over the demo's messages and rows.

    python -m bench.breaker [--messages N] [--seed N] [--core N | --no-pin] [--write]

The gate asks what each FAIL rests on, the meter counts how each pair fared, the agent takes one delta for each pair
and breaker epoch.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.command import pinned, told
from bench.replay import control_of, raws
from streams.config import DEMO_KEYS
from streams.contracts.decisions import Decision
from streams.contracts.reputation import PairTraffic
from streams.demo import build_world
from streams.engine.breaking import Pair, on_pair
from streams.engine.case import Case
from streams.engine.checks import run_checks
from streams.engine.grounds import grounds
from streams.engine.metering import Pairs, paired
from streams.engine.policy import Policy
from streams.engine.pseudonym import Keys
from streams.replay.drive import Drive
from streams.replay.files import gate

REPEATS = 3


def microseconds(part: Callable[[], object], count: int) -> float:
    """The least CPU time of some runs, for each of `count` things that a run does."""
    found = []
    for _ in range(REPEATS):
        begun = time.process_time()
        part()
        found.append((time.process_time() - begun) * 1e6 / count)
    return min(found)


def deltas(pairs: Pairs) -> list[PairTraffic]:
    """What the meter would write: one for each pair and epoch, in the order of epochs."""
    ordered = sorted(pairs.items(), key=lambda item: (item[0][1], item[0][0]))
    return [
        PairTraffic(
            subject=subject, epoch=epoch, epoch_ms=epoch_ms, partition=0, first_offset=n, next_offset=n + 1,
            passed=fared.passed, failed=fared.failed,
        )
        for n, ((subject, epoch, epoch_ms), fared) in enumerate(ordered)
    ]  # fmt: skip


def judged(found: list[PairTraffic], policy: Policy) -> None:
    """Every delta through the agent's step, from nothing."""
    pairs: dict[str, Pair | None] = {}
    for delta in found:
        pairs[delta.subject], _ = on_pair(pairs.get(delta.subject), delta, policy)


def main(arguments: list[str] | None = None) -> list[str]:
    """Run as a command; prints and returns the lines."""
    given = pinned("breaker", "Microseconds of the breaker.", {"messages": 50_000, "seed": 1}, arguments)
    world, embedded = build_world(given.seed, given.messages), gate("kr", Keys(*DEMO_KEYS))
    decisions: list[Decision] = []
    Drive(embedded, decisions.append, lambda refused: None, control_of(world)).run(raws(world))
    view, policies = embedded.view, embedded.policies
    policy = policies.at(view, 2**53)
    cases = [Case(m, view, policies.at(view, m.event_time_ms)) for m in world.messages]
    asked = [(case, run_checks(case)) for case in cases]
    failed = [(case, checks) for case, checks in asked if any(c.outcome == "FAIL" for c in checks)]
    epoch_ms, pairs = policy.pack.breaker.epoch_ms, Pairs()
    for decision in decisions:
        paired(decision, epoch_ms, pairs)
    found = deltas(pairs)
    parts: tuple[tuple[str, Callable[[], object], int], ...] = (
        ("gate, any message", lambda: [grounds(case, checks, False, policies) for case, checks in asked], len(asked)),
        ("gate, one that fails", lambda: [grounds(case, checks, False, policies) for case, checks in failed],
         len(failed)),
        ("meter, a decision", lambda: [paired(d, epoch_ms, Pairs()) for d in decisions], len(decisions)),
        ("agent, a delta", lambda: judged(found, policy), len(found)),
    )  # fmt: skip
    lines = [f"{name:<22}{microseconds(part, count):7.1f} µs, of {count:,}" for name, part, count in parts]
    return told("breaker", given, arguments, lines)


if __name__ == "__main__":
    main()
