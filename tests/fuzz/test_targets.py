"""Every decoder and loader, by generated inputs: a value or its own error, never another, and it stays what it was.

The short form runs with the others. The long form, 10 000 cases a target: `DUALBLOCK_FUZZ=long ./scripts/test
tests/fuzz/test_targets.py`; `DUALBLOCK_FUZZ=N` runs N cases.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.all_targets import TARGETS
from tests.fuzz.promise import Target
from tests.fuzz.spoil import each_place, inputs

_FORM = os.environ.get("DUALBLOCK_FUZZ", "short")
CASES = {"short": 100, "long": 10_000}.get(_FORM) or int(_FORM)
SETTINGS = settings(
    max_examples=CASES,
    deadline=None,
    derandomize=_FORM == "short",  # in CI the same cases every time
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
    print_blob=True,
)
BY_NAME = {target.name: target for target in TARGETS}


@pytest.mark.parametrize("name", BY_NAME)
def test_seeds_are_taken(name: str) -> None:
    target = BY_NAME[name]
    for seed in target.seeds:
        target.check(seed)


@pytest.mark.parametrize("name", [target.name for target in TARGETS if target.found])
def test_what_broke_once_does_not_again(name: str) -> None:
    target = BY_NAME[name]
    for raw in target.found:
        target.check(raw)


@pytest.mark.parametrize("name", BY_NAME)
def test_any_bytes_give_a_value_or_the_documented_error(name: str) -> None:
    target: Target = BY_NAME[name]

    @SETTINGS
    @given(inputs(target.seeds, is_json=target.json))
    def run(raw: bytes) -> None:
        target.check(raw)

    run()


@pytest.mark.parametrize("name", [target.name for target in TARGETS if target.json])
def test_each_value_of_a_seed_may_be_anything(name: str) -> None:
    target = BY_NAME[name]
    cases = [raw for seed in target.seeds for raw in each_place(seed)]
    for raw in cases[:: max(1, len(cases) // (2 * CASES))]:
        target.check(raw)


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(TARGETS)
