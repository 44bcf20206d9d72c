"""What the tests of the lake share: records as Kafka would hold them, and every row that a lake holds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from streams.config import DEMO_KEYS
from streams.engine.policy import build
from streams.engine.pseudonym import Keys
from streams.lake.hide import Hide
from streams.lake.lake import Lake
from streams.lake.manifest import require
from streams.lake.tables import Record
from streams.packs import shipped

T = 1_765_944_000_000  # 2025-12-17T04:00:00Z, 13:00 in Seoul
HOUR, DAY = 3_600_000, 86_400_000
SEOUL = "Asia/Seoul"
EXAMPLES = Path(__file__).parents[1] / "contracts" / "examples"
KEYS = Keys(*DEMO_KEYS)


def example(entity: str, **more: Any) -> dict[str, Any]:
    """The contract's example of a record, with some fields changed."""
    held: dict[str, Any] = json.loads((EXAMPLES / f"{entity}.json").read_text())[0]
    return held | more


def raw(record: Any) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode()


def decision(number: int, **more: Any) -> bytes:
    """A decision; every third an hour later, every fifth a day later, every second on the other leg."""
    at = T + (number % 3) * HOUR + (DAY if number % 5 == 0 else 0)
    leg = "origination" if number % 2 else "termination"
    return raw(
        example(
            "decisions",
            **{"decision_id": f"d{number}", "event_id": f"e{number}", "event_time_ms": at, "leg": leg, **more},
        )
    )


def report(number: int, **more: Any) -> bytes:
    return raw(example("reports", **{"report_id": f"r{number}", "reporter": f"8210777{number:05d}", **more}))


def hide() -> Hide:
    return Hide(KEYS, build(shipped()["kr", "observe"]).pack.grammar)


def lake(directory: Path, **more: Any) -> Lake:
    return Lake(directory, **{"zone": SEOUL, "prefix": "test.", "hide": hide(), **more})


def records(entity: str, values: Iterable[bytes | None], partition: int = 0, first: int = 0) -> list[Record]:
    return [Record(entity, partition, first + i, T + i, value) for i, value in enumerate(values)]


def fill(held: Lake, found: list[Record]) -> None:
    """Commit records of any topics, from offset 0 on."""
    after: dict[tuple[str, int], int] = {}
    for record in found:
        after[record.entity, record.partition] = record.offset + 1
    for entity, partition in after:
        if held.manifest.next_offset(entity, partition) is None:
            held.begin(entity, f"id-{entity}", {partition: 0})
    held.commit(found, after)


def rows(directory: Path, table: str, *, named: bool = True) -> list[dict[str, Any]]:
    """Every row of a table, with its path; of the files that the manifest names, or of all on the disk."""
    if named:
        paths = [directory / part.path for part in require(directory).parts if part.table == table]
    else:
        paths = sorted((directory / table).rglob("*.parquet"))
    found = []
    for path in paths:
        with pq.ParquetFile(path) as file:
            found += [{**row, "path": path.relative_to(directory).as_posix()} for row in file.read().to_pylist()]
    return found
