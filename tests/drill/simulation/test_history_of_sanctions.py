"""The sanction agent alone, killed with findings of one subject on their way: its history holds what its topic held."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from streams.agents.sanctions import SanctionAgent
from streams.agents.steps import Names
from streams.contracts.reputation import Finding, StepName
from streams.drill.simulation.agents import CRASHES, AgentWorker
from streams.drill.simulation.cluster import KEYS, policies
from streams.drill.simulation.log import Log
from streams.drill.simulation.loops import CONNECTION
from streams.drill.simulation.report import quiet
from streams.drill.simulation.world import POLICY, record

STEPS: tuple[StepName, ...] = ("OBSERVE", "WARN", "THROTTLE", "TEMP_BLOCK")


def finding(number: int, subject: str) -> bytes:
    found = Finding(
        subject=subject,
        finding_id=f"{number:020x}",
        source="tally",
        step=STEPS[number % len(STEPS)],
        from_ms=60_000 * number,
        recorded_at_ms=1,
        reason="R",
        version=number,
    )
    return msgspec.json.encode(found)


def killed_again_and_again(seed: int) -> Log:
    rng, log = Random(seed), Log({"reputation": 2})
    log.append("policy", b"kr", record(POLICY), 0)
    for number in range(6):
        subject = f"account:a{number % 2}"
        log.append("findings", subject.encode(), finding(number, subject))
    names = Names(CONNECTION.prefix)
    worker = AgentWorker(log, "a0", lambda: [SanctionAgent(names, policies(), KEYS)], rng, lambda now, offsets: None)
    for _ in range(rng.randint(1, 4)):
        worker.start(fresh_disk=rng.random() < 0.2)
        worker.assign({0, 1})
        worker.armed = (rng.choice(CRASHES), rng.randint(0, 6))
        for _ in range(20):
            if not worker.turn():
                break
        worker.kill()
    worker.start()
    worker.assign({0, 1})
    for _ in range(500):
        worker.turn()
    return log


def test_history_and_topic_hold_the_same_states() -> None:
    """And at no time did the history hold one that the topic did not: what is said follows what is so."""
    with quiet():
        for seed in range(150):
            log = killed_again_and_again(seed)
            stood = {(r.key, r.value) for _, r in log.every("sanctions")}
            told = {(r.key, r.value) for _, r in log.every("sanctions.history")}
            assert stood == told, f"seed {seed}: {len(stood - told)} are missing, {len(told - stood)} never were"
            assert len(stood) >= 2, "vacuous"


@pytest.mark.parametrize("seed", range(20))
def test_the_end_is_the_same_whatever_died(seed: int) -> None:
    with quiet():
        last = {r.key: r.value for _, r in killed_again_and_again(seed).every("sanctions")}
        assert last == {r.key: r.value for _, r in killed_again_and_again(seed + 1000).every("sanctions")}
        assert last.keys() == {b"account:a0", b"account:a1"}
