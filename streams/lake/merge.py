"""Compaction: the many small files of a day become few. A merged file's name spans the offsets of those it replaces."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from streams.lake import manifest as held
from streams.lake.lake import Lake
from streams.lake.manifest import Part
from streams.lake.tables import TABLES, UNREADABLE, UNREADABLE_SCHEMA, schema_of

#: Files of one folder and partition are merged when there are so many that are smaller than `FULL_BYTES`.
MERGE_AT = 8
FULL_BYTES = 64 << 20


def plan(parts: Sequence[Part], merge_at: int = MERGE_AT, full_bytes: int = FULL_BYTES) -> list[list[Part]]:
    """The groups to merge: neighbours by offset, each group at most about `full_bytes` large. Pure."""
    folders: dict[tuple[str, int], list[Part]] = {}
    for part in sorted(parts, key=lambda p: p.first):
        folders.setdefault((part.folder, part.partition), []).append(part)
    found: list[list[Part]] = []
    for files in folders.values():
        group: list[Part] = []
        for part in files:
            if part.bytes >= full_bytes or sum(p.bytes for p in group) >= full_bytes:
                found.append(group)
                group = []
            if part.bytes < full_bytes:
                group.append(part)
        found.append(group)
    return [group for group in found if len(group) >= merge_at]


def merge(lake: Lake, merge_at: int = MERGE_AT) -> int:
    """Merge what is small and delete what was merged long ago; returns the number of files that were merged."""
    count = 0
    for group in plan(lake.manifest.parts, merge_at):
        lake.replace(group, [_merged(lake, group)])
        count += len(group)
    lake.expire()
    return count


def _merged(lake: Lake, group: Sequence[Part]) -> Part:
    one, last = group[0], group[-1]
    path = f"{one.folder}/{held.file_name(one.partition, one.first, last.next)}"
    schema = UNREADABLE_SCHEMA if one.table == UNREADABLE else schema_of(TABLES[one.entity])
    target = lake.new_path(path)
    with target.open("wb") as out:
        with pq.ParquetWriter(out, schema, compression="zstd") as writer:
            for part in group:
                with pq.ParquetFile(lake.directory / part.path) as file:
                    for batch in file.iter_batches():
                        writer.write_table(_fitted(pa.Table.from_batches([batch]), schema))
        held.sync(out)
        size = out.tell()
    rows = sum(part.rows for part in group)
    return Part(path, one.table, one.entity, one.partition, one.first, last.next, rows, size)


def _fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A file of an earlier version has fewer columns: what came later is null in its rows."""
    columns = [
        table.column(field.name).cast(field.type) if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=schema)
