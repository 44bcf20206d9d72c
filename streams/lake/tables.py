"""The tables of the lake: which topic fills each, what its columns are, and by which time and leg its files are cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from streams.contracts.appeals import Appeal, Notice
from streams.contracts.decisions import Decision
from streams.contracts.policy import PolicyRow
from streams.contracts.reports import Report
from streams.contracts.reputation import Finding, SanctionRow, Vote
from streams.lake.columns import Column, columns_of
from streams.lake.hide import HiddenReport


class Record(NamedTuple):
    """A record as Kafka holds it. appended_at_ms: the broker's time."""

    entity: str
    partition: int
    offset: int
    appended_at_ms: int
    value: bytes | None


class Table(NamedTuple):
    """at_ms: the time whose day a row belongs to. has_leg: whether its files are cut by leg, too."""

    name: str
    entity: str
    type: type[msgspec.Struct]
    columns: tuple[Column, ...]
    at_ms: Callable[[Any], int]
    has_leg: bool


def _newest(row: Any) -> int:
    """When the newest entry of a timeline was written down."""
    return max((max(e.recorded_at_ms, e.end_recorded_at_ms or e.recorded_at_ms) for e in row.timeline), default=0)


def _table(
    entity: str, record: type[msgspec.Struct], at_ms: Callable[[Any], int], kept: type[msgspec.Struct] | None = None
) -> Table:
    has_leg = "leg" in record.__struct_fields__
    # The leg is a directory; as a column of the file as well it would be there twice.
    columns = tuple(c for c in columns_of(kept or record) if c.name != "leg")
    return Table(entity.replace(".", "_"), entity, record, columns, at_ms, has_leg)


#: By topic. Numbers of subscribers stand in `registry.history`, so it stays out of the lake.
TABLES: dict[str, Table] = {
    table.entity: table
    for table in (
        _table("decisions", Decision, lambda r: int(r.event_time_ms)),
        _table("reports", Report, lambda r: int(r.reported_at_ms), HiddenReport),
        _table("votes", Vote, lambda r: int(r.reported_at_ms)),
        _table("findings", Finding, lambda r: int(r.recorded_at_ms or r.from_ms)),
        _table("sanctions.history", SanctionRow, _newest),
        _table("appeals", Appeal, lambda r: int(r.recorded_at_ms)),
        _table("notices", Notice, lambda r: int(r.recorded_at_ms)),
        _table("policy.history", PolicyRow, _newest),
    )
}
#: Records that can't be read, of every topic.
UNREADABLE = "unreadable"

#: Where a row comes from; in front of every table's columns.
SOURCE = (pa.field("partition", pa.int32()), pa.field("offset", pa.int64()), pa.field("appended_at_ms", pa.int64()))
#: The record itself; behind every table's columns. Reports are written anew, without people.
WHOLE = pa.field("json", pa.string())
UNREADABLE_SCHEMA = pa.schema(
    [
        *SOURCE,
        pa.field("error", pa.string()),
        pa.field("size_bytes", pa.int64()),
        pa.field("digest", pa.string()),
        pa.field("value", pa.binary()),
    ]
)


def schema_of(table: Table) -> pa.Schema:
    """The Arrow schema of a table's files."""
    return pa.schema([*SOURCE, *(pa.field(c.name, c.type) for c in table.columns), WHOLE])
