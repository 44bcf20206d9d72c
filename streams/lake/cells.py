"""Answers as CSV (RFC 4180) that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any

import orjson

from streams.lake.formula import guarded
from streams.lake.views import Answer


def to_csv(answer: Answer) -> str:
    """One header line, then the rows. A text that could be a formula gets an apostrophe in front."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([guarded(name) for name in answer.columns])
    for row in answer.rows:
        writer.writerow([_cell(value) for value in row])
    return out.getvalue()


def to_json(answer: Answer) -> bytes:
    """The rows as an array of objects."""
    rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    return orjson.dumps(rows, default=_default, option=orjson.OPT_NON_STR_KEYS)


def shown(value: Any) -> str:
    """A value in a table: nothing for null, lists and records as JSON, numbers as they are."""
    if value is None:
        return ""
    if isinstance(value, str | int | float | date):
        return str(value)
    return orjson.dumps(value, default=_default, option=orjson.OPT_NON_STR_KEYS).decode()


def _cell(value: Any) -> Any:
    # A negative number is a number; only text can be a formula.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return guarded(shown(value))


def _default(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "replace")
    return str(value)
