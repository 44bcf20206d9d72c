"""What grows is found, and what only goes up and down is not."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from streams.drill.soaking import Sample, growth, judge, measure, slope


def series(rss: float = 0.0, files: float = 0.0, disk: float = 0.0, minutes: int = 20) -> list[Sample]:
    """A worker that fills its caches for five minutes and then grows by so much a minute, with noise."""
    random, found = Random(1), list[Sample]()
    for number in range(minutes * 12):
        at, after = number / 12, max(0.0, number / 12 - 5)
        tooth = number % 30 / 10  # MiB of a table that is compacted every two and a half minutes
        filling = 40 * min(1.0, at / 5)
        found.append(
            Sample(
                at,
                100 + filling + rss * after + random.uniform(-1, 1),
                int(50 + files * after + random.choice((-2, 0, 2))),
                20 + disk * after + tooth,
            )
        )
    return found


def test_least_squares() -> None:
    assert slope([(0, 1), (1, 3), (2, 5)]) == 2
    assert slope([(0, 1), (1, 1), (2, 1)]) == 0
    assert slope([(1, 1)]) == 0 and slope([]) == 0


def test_a_worker_that_fills_its_caches_and_stays_is_fine() -> None:
    assert judge({"gate_g0": series()}) == []
    assert judge({"gate_g0": series(rss=0.8)}) == []


@pytest.mark.parametrize(
    ("leak", "what"),
    [
        ({"rss": 1.2}, "MiB of memory"),
        ({"files": 1.0}, "open files"),
        ({"disk": 1.5}, "MiB of table files"),
    ],
)
def test_a_leak_is_found_and_named(leak: dict[str, float], what: str) -> None:
    found = judge({"gate_g0": series(), "meter_m0": series(**leak)})
    assert len(found) == 1 and found[0].startswith("meter_m0 grows by") and what in found[0]


def test_a_leak_of_the_first_minutes_only_is_none() -> None:
    assert growth(series(), after_min=0)["rss_mib"] > 1
    assert growth(series())["rss_mib"] < 0.2


def test_a_worker_that_was_gone_before_the_fifth_minute_has_not_held() -> None:
    assert judge({"agents_a0": series(minutes=4)}) == ["agents_a0: nothing was measured after minute 5"]


def test_table_files_are_measured_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "gate").mkdir()
    (tmp_path / "gate" / "000001.sst").write_bytes(bytes(3 << 20))
    (tmp_path / "gate" / "000002.log").write_bytes(bytes(9 << 20))
    worker = SimpleNamespace(rss_mib=lambda: 7.0, open_files=lambda: len(os.listdir("/")))
    sample = measure(worker, tmp_path, 1.5)  # type: ignore[arg-type]  # a worker as far as it is looked at
    assert (sample.at_min, sample.rss_mib, sample.disk_mib) == (1.5, 7.0, 3.0)
