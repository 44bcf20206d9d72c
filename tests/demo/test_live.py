"""The demo's world through real topics and the four real processes, held against the embedded run."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from streams.config import DEMO_KEYS
from streams.contracts.base import encoder
from streams.contracts.decisions import Decision
from streams.contracts.ledger import Counts, LedgerRow
from streams.demo.clock import EPOCH_MS
from streams.demo.control import control
from streams.demo.live.compare import by_event, differences
from streams.demo.live.run import LiveRun, run_live
from streams.demo.score import score
from streams.demo.world import World, build_world
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.packs import shipped
from streams.replay.drive import Drive, Timed, raw_messages
from streams.replay.embedded import Embedded

SEED, MESSAGES = 20_251_217, 28_000


class Runs:
    """The same world, decided twice."""

    def __init__(self, world: World, live: LiveRun) -> None:
        self.world, self.live = world, live
        self.embedded = Embedded(Policies(shipped(), "kr"), Keys(*DEMO_KEYS))
        self.decisions: list[Decision] = []
        taken = [Timed(*one) for one in control(world)]
        Drive(self.embedded, self.decisions.append, _refuse, taken).run(raw_messages(world.messages, encoder().encode))


def _refuse(refused: object) -> None:
    raise AssertionError(f"nothing in the world is refused: {refused}")


@pytest.fixture(scope="module")
def runs(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    world = build_world(SEED, MESSAGES)
    logs: Path = tmp_path_factory.mktemp("live")
    return Runs(world, run_live(world, kafka, logs, lambda done: None))


def test_every_message_gets_one_decision(runs: Runs) -> None:
    assert len(runs.live.decisions) == len(runs.world.messages)
    assert {d.event_id for d in runs.live.decisions} == {m.event_id for m in runs.world.messages}


def test_decisions_are_the_same_bytes_as_embedded(runs: Runs) -> None:
    assert differences(by_event(runs.decisions), by_event(runs.live.decisions)) == []


def test_the_ledger_is_that_of_the_embedded_run(runs: Runs) -> None:
    held, expected = _counts(runs.live.ledger), _counts(runs.embedded.ledger())
    assert {key: replace(counts, reports=0) for key, counts in held.items()} == {
        key: replace(counts, reports=0) for key, counts in expected.items()
    }
    assert any(counts.leaks for counts in held.values())
    # Reports about the last epoch wait for its end, which the embedded run has and a topic has not.
    last = max(m.ingested_at_ms for m in runs.world.messages) // EPOCH_MS
    waiting = sum(r.message_at_ms // EPOCH_MS >= last for r in runs.world.reports)
    missing = {key: counts.reports - held[key].reports for key, counts in expected.items()}
    assert all(0 <= count <= waiting for count in missing.values()), missing
    assert sum(counts.reports for counts in held.values()) > sum(missing.values())


def _counts(rows: list[LedgerRow]) -> dict[str, Counts]:
    return {row.key(): row.counts for row in rows}


def test_sanctions_are_those_of_the_embedded_run(runs: Runs) -> None:
    assert runs.live.sanctions == runs.embedded.sanctions()
    assert sum(len(row.timeline) for row in runs.live.sanctions) > 0


def test_nothing_was_enforced_late(runs: Runs) -> None:
    assert runs.live.late_enforcement == 0
    assert runs.embedded.late_enforcement == 0


def test_attacks_are_caught_and_twins_are_not_blocked(runs: Runs) -> None:
    assert score(runs.world, runs.live.decisions, runs.live.sanctions).problems == ()


def test_a_difference_would_be_seen(runs: Runs) -> None:
    held = by_event(runs.decisions)
    event = next(iter(held))
    changed = {**held, event: held[event].replace(b'"ALLOW"', b'"BLOCK"').replace(b'"BLOCK"', b'"DROP"', 1)}
    assert differences(held, changed) == [event]
    assert differences(held, {k: v for k, v in held.items() if k != event}) == [event]
