"""The world played through the embedded gate: a right gate passes whatever the seed, and each wrong one is noticed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from streams.config import DEMO_KEYS
from streams.contracts.base import encoder
from streams.contracts.decisions import Decision
from streams.contracts.reports import Report
from streams.contracts.reputation import Vote
from streams.demo import Result, World, score
from streams.demo.control import control
from streams.engine.feeds import Absence
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.packs import shipped
from streams.replay import embedded as runner
from streams.replay.drive import Drive, Timed, raw_messages
from streams.replay.embedded import Embedded

KEYS = Keys(*DEMO_KEYS)  # recipients' rules and consents stand under these


def _play(world: World) -> Result:
    gate = Embedded(Policies(shipped(), "kr"), KEYS)
    decisions: list[Decision] = []
    refused: list[object] = []
    Drive(gate, decisions.append, refused.append, [Timed(*one) for one in control(world)]).run(
        raw_messages(world.messages, encoder().encode)
    )
    assert refused == []
    return score(world, decisions, gate.sanctions(), late_enforcement=gate.late_enforcement)


def test_every_attack_is_caught_and_no_twin_blocked(world: World) -> None:
    result = _play(world)
    assert result.problems == ()
    assert result.effects == {pair.name: pair.effect_ms for pair in world.pairs if pair.effect_ms is not None}
    assert result.summary.sanctions > 3
    assert {leak.reason for leak in result.summary.leaks} >= {"no_gate", "NUMBER_TERMINATED", "SENDER_WRONG_ROUTE"}


def _only(world: World, name: str) -> World:
    """The world without the other pairs' messages; all rows and reports stay."""
    messages = [m for m in world.messages if world.labels[m.event_id][0] == name]
    return replace(
        world,
        messages=messages,
        labels={m.event_id: world.labels[m.event_id] for m in messages},
        pairs=tuple(pair for pair in world.pairs if pair.name == name),
    )


def _charging_the_display(right: Callable[..., tuple[Vote, ...]]) -> Callable[..., tuple[Vote, ...]]:
    def attribute(report: Report, *rest: Any) -> tuple[Vote, ...]:
        genuine = msgspec.structs.replace(
            report, channel="mo", traffic_class="p2p", origin_number=report.displayed_sender
        )
        return right(genuine, *rest)

    return attribute


def _blind_to_groups(right: Callable[..., tuple[Vote, ...]]) -> Callable[..., tuple[Vote, ...]]:
    return lambda *rest: tuple(msgspec.structs.replace(vote, group=None) for vote in right(*rest))


def _counting_for_all(right: Callable[..., tuple[Vote, ...]]) -> Callable[..., tuple[Vote, ...]]:
    return lambda *rest: tuple(msgspec.structs.replace(vote, basis="count") for vote in right(*rest))


@pytest.mark.parametrize(
    ("fault", "pair", "victim"),
    [
        (_charging_the_display, "spammer's own line", "spoofed subscriber"),
        (_blind_to_groups, "campaign on an unproven route", "shop reported by one group"),
        (_counting_for_all, "reported registered sender", "bank with ten angry reports"),
    ],
)
def test_wrong_votes_are_noticed(
    small: World, monkeypatch: pytest.MonkeyPatch, fault: Callable[..., Any], pair: str, victim: str
) -> None:
    world = _only(small, pair)
    assert _play(world).ok
    monkeypatch.setattr(runner, "attribute", fault(runner.attribute))
    problems = _play(world).problems
    assert any(problem.startswith(victim) for problem in problems), problems


def test_a_stale_feed_believed_is_noticed(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.engine.case.fresh", lambda *_: True)
    assert _play(_only(small, "terminated voip")).problems == ("stale hour: 100 of 100 honest messages were blocked",)


def test_absence_taken_as_proof_is_noticed(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.engine.case.absence", lambda *_: Absence(True, "everything"))
    problems = _play(_only(small, "unallocated")).problems
    assert problems == ("kind not covered: 100 of 100 honest messages were blocked",)
