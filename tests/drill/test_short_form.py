"""The short form of the drill, every scenario once on a real broker: nothing lost, doubled, wrong, stale or vacuous."""

from __future__ import annotations

import pytest

from streams.drill.report import ScenarioReport
from streams.drill.run import names, run_drill

#: Not how fast: a machine that does other work says nothing about that. `dualblock drill` does, on a quiet one.
SLACK = 4.0


@pytest.fixture(scope="module")
def reports(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ScenarioReport]:
    return run_drill(
        (), seed=7, long=False, bootstrap=kafka, directory=tmp_path_factory.mktemp("drill"), slack=SLACK, jobs=3
    )


@pytest.mark.parametrize("name", names())
def test_scenario(name: str, reports: dict[str, ScenarioReport]) -> None:
    report = reports[name]
    assert report.problems == [] and report.holds
    assert report.inputs > 0 and report.committed > 0
