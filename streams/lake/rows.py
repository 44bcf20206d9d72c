"""Records become rows, cut by table, partition, day and leg; what can't be read becomes a row of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa

from streams.contracts.base import encoder
from streams.contracts.reports import Report
from streams.lake.hide import Hide
from streams.lake.tables import TABLES, UNREADABLE, UNREADABLE_SCHEMA, Record, Table, schema_of

#: The day of a row whose time lies outside of the calendar (Hive's name for null).
NO_DAY = "__HIVE_DEFAULT_PARTITION__"
#: Days that one commit may make directories for: a producer with a broken clock must not make a million of them.
MAX_DAYS = 400
_QUARTER_MS = 900_000  # every zone's offset is a whole number of quarters of an hour
_HIDDEN_VALUE = ("reports",)
_DECODE = {entity: msgspec.json.Decoder(table.type).decode for entity, table in TABLES.items()}
_SCHEMA = {entity: schema_of(table) for entity, table in TABLES.items()}
_encode = encoder().encode
_NO_COLUMN = (pa.ArrowException, OverflowError)


class Place(NamedTuple):
    """Where rows go: a directory under the lake, and the source they share."""

    table: str
    entity: str
    partition: int
    folder: str


class _Row(NamedTuple):
    record: Record
    held: Any
    json: str


class _Unread(NamedTuple):
    record: Record
    error: str


class Cut:
    """Cuts batches into rows for one lake. `zone` says whose days the dates are."""

    def __init__(self, zone: str, hide: Hide) -> None:
        self._hide, zone_info = hide, ZoneInfo(zone)

        @lru_cache(maxsize=4096)
        def day(quarter: int) -> str:
            try:
                return datetime.fromtimestamp(quarter * (_QUARTER_MS // 1000), zone_info).date().isoformat()
            except (ValueError, OverflowError, OSError):
                return NO_DAY

        self._day = day

    def tables(self, records: Sequence[Record]) -> dict[Place, pa.Table]:
        """The rows of some records, in the order of their offsets. Every record is in exactly one of the tables."""
        groups: dict[Place, list[_Row]] = {}
        unread: list[_Unread] = []
        days: dict[str, set[str]] = {}
        for record in records:
            table = TABLES[record.entity]
            try:
                row = self._row(record)
            except ValueError as error:
                unread.append(_Unread(record, str(error)))
                continue
            day = self._day(table.at_ms(row.held) // _QUARTER_MS)
            seen = days.setdefault(record.entity, set())
            if len(seen) >= MAX_DAYS and day not in seen:
                day = NO_DAY
            seen.add(day)
            folder = f"{table.name}/date={day}" + (f"/leg={row.held.leg}" if table.has_leg else "")
            groups.setdefault(Place(table.name, record.entity, record.partition, folder), []).append(row)
        made: dict[Place, pa.Table] = {}
        for place, rows in groups.items():
            try:
                made[place] = _made(TABLES[place.entity], rows)
            except _NO_COLUMN:
                fit = [row for row in rows if _fits(row)]
                unread += [_Unread(row.record, "NO_COLUMN: a value is too large") for row in rows if not _fits(row)]
                if fit:
                    made[place] = _made(TABLES[place.entity], fit)
        return made | self._unreadable(unread)

    def _row(self, record: Record) -> _Row:
        """Raises ValueError with what is wrong with the record."""
        value = record.value
        if value is None:
            raise ValueError("EMPTY: the record has no value")
        try:
            held = _DECODE[record.entity](value)
            if isinstance(held, Report):
                hidden = self._hide.report(held)
                return _Row(record, hidden, _encode(hidden).decode())
            return _Row(record, held, value.decode())
        except msgspec.ValidationError as error:
            # The sentence quotes the value, and in a report that may be a number.
            said = str(error).rpartition(" - at ")[2] if record.entity in _HIDDEN_VALUE else str(error)
            raise ValueError(f"NOT_A_RECORD: {said}") from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise ValueError(f"NOT_JSON: {error}") from None
        except UnicodeError as error:
            raise ValueError(f"NOT_UTF8: {error.reason if isinstance(error, UnicodeDecodeError) else error}") from None

    def _unreadable(self, unread: list[_Unread]) -> dict[Place, pa.Table]:
        groups: dict[Place, list[_Unread]] = {}
        for row in sorted(unread, key=lambda row: row.record.offset):
            entity, day = row.record.entity, self._day(row.record.appended_at_ms // _QUARTER_MS)
            place = Place(UNREADABLE, entity, row.record.partition, f"{UNREADABLE}/entity={entity}/date={day}")
            groups.setdefault(place, []).append(row)
        return {place: self._unread_rows(rows) for place, rows in groups.items()}

    def _unread_rows(self, rows: list[_Unread]) -> pa.Table:
        """A report that can't be read may hold numbers anywhere: its bytes stay with Kafka, at the offset it names."""
        values = [r.record.value or b"" for r in rows]
        return pa.Table.from_arrays(
            [
                *_source([r.record for r in rows]),
                pa.array([r.error for r in rows], pa.string()),
                pa.array([len(value) for value in values], pa.int64()),
                pa.array([self._hide.digest(value) for value in values], pa.string()),
                pa.array([None if r.record.entity in _HIDDEN_VALUE else r.record.value for r in rows], pa.binary()),
            ],
            schema=UNREADABLE_SCHEMA,
        )


def _fits(row: _Row) -> bool:
    try:
        _made(TABLES[row.record.entity], [row])
    except _NO_COLUMN:
        return False
    return True


def _source(records: Sequence[Record]) -> list[pa.Array]:
    return [
        pa.array([r.partition for r in records], pa.int32()),
        pa.array([r.offset for r in records], pa.int64()),
        pa.array([r.appended_at_ms for r in records], pa.int64()),
    ]


def _made(table: Table, rows: list[_Row]) -> pa.Table:
    held = [row.held for row in rows]
    arrays = _source([row.record for row in rows])
    arrays += [pa.array([*map(column.read, held)], column.type) for column in table.columns]
    arrays.append(pa.array([row.json for row in rows], pa.string()))
    return pa.Table.from_arrays(arrays, schema=_SCHEMA[table.entity])
