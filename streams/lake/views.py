"""A lake as SQL: a view for each table over exactly the files that the manifest names, and nothing else in reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import duckdb
import pyarrow as pa

from streams.lake.errors import LakeError
from streams.lake.manifest import require
from streams.lake.tables import TABLES, UNREADABLE, UNREADABLE_SCHEMA, schema_of

_OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False, "autoload_known_extensions": False,
}  # fmt: skip
#: `local_time(ms)`: a time in the lake's zone, as text; null for null and for what no calendar holds.
_LOCAL_TIME = (
    "CREATE MACRO local_time(ms) AS CASE WHEN abs(ms) < 60000000000000 "
    "THEN strftime(to_timestamp(ms / 1000), '%Y-%m-%d %H:%M:%S%z') END"
)
_BATCH = 5000
_READS = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


class Answer(NamedTuple):
    """What a query said: the names of its columns, and its rows."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Views:
    """A connection to a lake, as it stood when this was made. Reads only; close it. Raises LakeError."""

    def __init__(self, directory: Path) -> None:
        manifest = require(directory)
        root = directory.resolve()
        self._db = duckdb.connect(":memory:", config=_OFFLINE)
        try:
            self._db.execute(f"SET TimeZone = {_text(manifest.zone)}")
            self._db.execute(_LOCAL_TIME)
            for name, schema, parts in _shapes():
                files = [str(root / part.path) for part in manifest.parts if part.table == name]
                self._view(name, schema, parts, files)
            # From here on nothing outside of the lake can be read, whatever the query says.
            self._db.execute(f"SET allowed_directories = [{_text(str(root))}]")
            self._db.execute("SET enable_external_access = false")
            self._db.execute("SET lock_configuration = true")
        except duckdb.Error as error:
            self._db.close()
            raise LakeError(f"{directory} can't be read: {_sentence(error)}.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def ask(self, sql: str, values: Mapping[str, Any] | None = None) -> Answer:
        """The answer of one statement that only reads. Raises LakeError."""
        try:
            statements = duckdb.extract_statements(sql)
            if len(statements) != 1 or statements[0].type not in _READS:
                raise LakeError("One query that only reads, please: SELECT, FROM, WITH, DESCRIBE or SUMMARIZE.")
            done = self._db.execute(statements[0], dict(values or {}))
            return Answer(tuple(column[0] for column in done.description or ()), done.fetchall())
        except duckdb.Error as error:
            raise LakeError(f"The query can't be answered: {_sentence(error)}.") from error

    def each(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query of ours, a batch at a time. Raises LakeError."""
        try:
            done = self._db.execute(sql)
            while rows := done.fetchmany(_BATCH):
                yield from rows
        except duckdb.Error as error:
            raise LakeError(f"The lake can't be read: {_sentence(error)}.") from error

    def _view(self, name: str, schema: pa.Schema, parts: Mapping[str, str], files: list[str]) -> None:
        if not files:
            empty = schema
            for part, kind in parts.items():
                empty = empty.append(pa.field(part, pa.date32() if kind == "DATE" else pa.string()))
            self._db.register(f"no_{name}", empty.empty_table())
            self._db.execute(f"CREATE VIEW {name} AS FROM no_{name}")
            return
        types = ", ".join(f"{_text(part)}: {kind}" for part, kind in parts.items())
        # By name: a file of an earlier version has fewer columns.
        self._db.execute(
            f"CREATE VIEW {name} AS FROM read_parquet([{', '.join(map(_text, files))}], union_by_name = true, "
            f"hive_partitioning = true, hive_types = {{{types}}})"
        )


def _shapes() -> list[tuple[str, pa.Schema, dict[str, str]]]:
    """Name, file schema and directory levels of every view."""
    found = []
    for table in TABLES.values():
        parts = {"date": "DATE"} | ({"leg": "VARCHAR"} if table.has_leg else {})
        found.append((table.name, schema_of(table), parts))
    return [*found, (UNREADABLE, UNREADABLE_SCHEMA, {"entity": "VARCHAR", "date": "DATE"})]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _sentence(error: Exception) -> str:
    """The first line says what is wrong, the rest draws a picture of where."""
    return str(error).split("\n")[0].rstrip(".")
