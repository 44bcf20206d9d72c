"""Is a lake what its manifest says: every file there, every row once, none outside of what was read?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from streams.lake.manifest import Manifest, Part


def faults(directory: Path, manifest: Manifest) -> Iterator[str]:
    """What is wrong, one sentence each; nothing for a lake that is whole."""
    offsets: dict[tuple[str, int], list[int]] = {}
    for part in manifest.parts:
        found = _offsets(directory, part)
        if found is None:
            yield f"{part.path} is missing or can't be read."
            continue
        if len(found) != part.rows:
            yield f"{part.path} holds {len(found)} rows, not {part.rows}."
        if found and not part.first <= min(found) <= max(found) < part.next:
            yield f"{part.path} holds offsets outside of its name."
        offsets.setdefault((part.entity, part.partition), []).extend(found)
    for entity, place in sorted(manifest.places.items()):
        for number, span in sorted(place.spans.items()):
            held = offsets.get((entity, number), [])
            if len(set(held)) != len(held):
                yield f"{entity}/{number} has {len(held) - len(set(held))} offsets more than once."
            if len(held) != span.rows:
                yield f"{entity}/{number} has {len(held)} rows, and {span.rows} were committed."
            if held and not span.first <= min(held) <= max(held) < span.next:
                yield f"{entity}/{number} has offsets outside of {span.first}–{span.next - 1}."


def _offsets(directory: Path, part: Part) -> list[int] | None:
    try:
        with pq.ParquetFile(directory / part.path) as file:
            found: list[int] = file.read(columns=["offset"]).column("offset").to_pylist()
            return found
    except (OSError, pa.ArrowException):
        return None
