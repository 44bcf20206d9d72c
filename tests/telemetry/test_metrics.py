"""The names are a closed set, each with its labels."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from streams.telemetry import metrics


def test_every_name_has_labels_and_the_form_of_a_metric() -> None:
    counters, gauges = get_args(metrics.CounterName), get_args(metrics.GaugeName)
    assert set(metrics._LABELS) == {*counters, *gauges}
    assert all(name.endswith("_total") for name in counters)
    assert not any(name.endswith("_total") for name in gauges)
    assert all(metrics._LABELS[name] for name in counters)


def test_what_is_counted_can_be_read() -> None:
    assert metrics.read("commits_total", step="never") == 0
    metrics.count("commits_total", 3, step="test")
    metrics.count("commits_total", step="test")
    metrics.gauge("ready", 1, step="test")
    assert (metrics.read("commits_total", step="test"), metrics.read("ready", step="test")) == (4, 1)


def test_wrong_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="label"):
        metrics.count("commits_total", topic="x")


def test_a_command_leaves_one_value_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "x.prom"
    for result in ("taken", "BAD_SIGNATURE"):
        metrics.write(file, "blacklist_imported_seconds", 1.5, issuer="carrier-b", result=result)
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    assert lines == ['dualblock_blacklist_imported_seconds{issuer="carrier-b",result="BAD_SIGNATURE"} 1.5']
    assert [f.name for f in tmp_path.iterdir()] == ["x.prom"]
