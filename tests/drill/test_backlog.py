"""What is half of what a pipeline takes, and who is behind."""

from __future__ import annotations

import pytest

from streams.config import Settings
from streams.drill.backlog import STAGES, Behind, furthest, half, judge
from streams.service.agents import agent_steps


@pytest.mark.parametrize(
    ("rates", "found"),
    [
        ({"gates": 4000.0, "agents": 900.0}, ("agents", 450.0)),
        ({"gates": 800.0, "agents": 900.0}, ("gates", 400.0)),
        ({"gates": 800.0}, ("gates", 400.0)),
    ],
)
def test_half_is_half_of_the_slowest(rates: dict[str, float], found: tuple[str, float]) -> None:
    assert half(rates) == found


@pytest.mark.parametrize(
    ("oldest_ms", "found"),
    [
        ({}, Behind("", 0.0)),
        ({"traffic": 9_500}, Behind("traffic", 0.5)),
        ({"traffic": 9_500, "books": 2_000, "pairs": 9_900}, Behind("books", 8.0)),
        ({"traffic": 10_500}, Behind("traffic", 0.0)),  # written by a clock ahead of ours, and not yet done
    ],
)
def test_a_stage_is_as_far_behind_as_on_its_worst_input(oldest_ms: dict[str, int], found: Behind) -> None:
    assert furthest(oldest_ms, 10_000) == found


def test_a_backlog_is_a_problem_and_names_where_it_stands() -> None:
    behind = {"meter": Behind("decisions", 10.0), "agents": Behind("books", 10.1)}
    (sentence,) = judge(behind, 10)
    assert sentence.startswith("agents is 10.1 s behind on books")
    assert judge({"agents": Behind("", 0.0)}) == []
    assert judge(behind, 40) == []


def test_every_input_of_every_agent_is_looked_at() -> None:
    steps = agent_steps(Settings(allow_demo_keys=True, jurisdiction="kr"))
    assert {entity for step in steps for entity in step.inputs} == set(STAGES["agents"])
