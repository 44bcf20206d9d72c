"""What a soak measures of each worker, and what it may grow by. Pure, but for `measure`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from streams.drill.processes import Worker

#: The first minutes fill caches and write buffers; growth is judged after them.
SETTLED_MIN = 5.0
RSS_MIB_PER_MIN = 1.0
DISK_MIB_PER_MIN = 1.0
FILES_PER_MIN = 0.5


class Sample(NamedTuple):
    """One look at a worker. at_min: since the soak began. disk_mib: its table files (SST); RocksDB's own log grows to
    the size of a write buffer and starts anew."""

    at_min: float
    rss_mib: float
    files: int
    disk_mib: float


def measure(worker: Worker, state: Path, at_min: float) -> Sample:
    """Look at a worker whose state directory is `state`."""
    return Sample(at_min, worker.rss_mib(), worker.open_files(), _size(state) / 2**20)


def _size(directory: Path) -> int:
    total = 0
    for file in directory.rglob("*.sst"):
        try:
            total += file.stat().st_size
        except FileNotFoundError:  # compacted away meanwhile
            continue
    return total


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Least squares: by how much the second grows per unit of the first; 0 for fewer than two points."""
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def growth(samples: Sequence[Sample], after_min: float = SETTLED_MIN) -> dict[str, float]:
    """Slopes per minute of what came after `after_min`: `rss_mib`, `files`, `disk_mib`."""
    late = [sample for sample in samples if sample.at_min >= after_min]
    return {name: slope([(s.at_min, getattr(s, name)) for s in late]) for name in ("rss_mib", "files", "disk_mib")}


def judge(series: Mapping[str, Sequence[Sample]], after_min: float = SETTLED_MIN) -> list[str]:
    """What grows, as sentences, by worker."""
    found: list[str] = []
    limits = (
        ("rss_mib", RSS_MIB_PER_MIN, "MiB of memory"),
        ("files", FILES_PER_MIN, "open files"),
        ("disk_mib", DISK_MIB_PER_MIN, "MiB of table files"),
    )
    for worker, samples in series.items():
        grown = growth(samples, after_min)
        if sum(sample.at_min >= after_min for sample in samples) < 2:
            found.append(f"{worker}: nothing was measured after minute {after_min:g}")
        for name, limit, what in limits:
            if grown[name] >= limit:
                found.append(f"{worker} grows by {grown[name]:.2f} {what} a minute, the limit is {limit:g}")
    return found
