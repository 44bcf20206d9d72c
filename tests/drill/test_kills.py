"""The drill itself in a very short form: gates and agents killed on a real broker, nothing lost, doubled or wrong."""

from __future__ import annotations

from pathlib import Path

from streams.drill.bed import Bed
from streams.drill.scenarios import agent_kills, gate_kills


def test_gates_killed(kafka: str, tmp_path: Path) -> None:
    # Not how fast: a machine that runs other tests at the same time says nothing about that. The drill itself does.
    with Bed(kafka, tmp_path, seed=3, name="gate_kills") as bed:
        report = gate_kills.run(bed, 3, long=False, kills=3, gates=2, away=False, restarted_s=25.0)
    assert report.problems == [] and report.holds
    assert report.inputs == report.committed > 500
    assert report.kills == 3 and report.worst_recovery_s > 0
    assert report.figures["replicas_compared"] == 5


def test_agents_killed(kafka: str, tmp_path: Path) -> None:
    with Bed(kafka, tmp_path, seed=3, name="agent_kills") as bed:
        report = agent_kills.run(bed, 3, long=False, kills=3)
    assert report.problems == [] and report.holds
    assert report.kills == 3 and report.kills_in_transaction >= 1
    assert report.figures["table_rows_rebuilt"] > 0
