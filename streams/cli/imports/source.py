"""Files of an import: rows as NDJSON or CSV, numbers as CSV; plain or gzipped."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from streams.errors import InputError
from streams.replay.lines import read_lines


class Reject(msgspec.Struct):
    """A row that can't be taken, as it is written to the rejects file. row: line number in the file, from 1."""

    file: str
    row: int
    reason: str
    detail: str
    text: str


class Cells(NamedTuple):
    """A row of a CSV file: column → cell, empty cells left out."""

    place: str
    cells: dict[str, str]
    text: str


class RowError(ValueError):
    """A row can't be taken. `reason` is a code, the text says more."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def reject(place: str, error: RowError, text: str) -> Reject:
    """The reject of a row that stood at `file:line`."""
    file, _, line = place.rpartition(":")
    return Reject(file, int(line), error.reason, error.detail, text[:2000])


def is_csv(name: str) -> bool:
    """By its ending, gzipped or not; anything else is NDJSON."""
    return name.lower().removesuffix(".gz").endswith(".csv")


class Csv:
    """The rows of a CSV file under its header. `digest` takes every byte that is read."""

    def __init__(self, name: str, digest: hashlib._Hash, *, required: tuple[str, ...]) -> None:
        """Raises InputError when the header lacks a required column."""
        self._name, self._digest = name, digest
        self._place, self._text = f"{name}:1", ""
        self._reader = csv.reader(self._lines())
        try:
            self.columns = [column.strip() for column in next(self._reader, [])]
        except csv.Error as error:
            raise InputError(
                f"{name} has no header that can be read ({error}): the first line must name the columns."
            ) from error
        if any("\udc80" <= c <= "\udcff" for column in self.columns for c in column):
            raise InputError(f"{name} is not UTF-8: convert it first, e.g. with iconv -f cp949 -t utf-8.")
        missing = [column for column in required if column not in self.columns]
        if missing:
            raise InputError(
                f"{name} has no column {' and no column '.join(missing)}: the first line must name the columns."
            )

    def _lines(self) -> Iterator[str]:
        for place, value in read_lines(self._name):
            self._digest.update(value + b"\n")
            self._place, self._text = place, value.decode("utf-8", "replace")
            yield value.decode("utf-8", "surrogateescape") + "\n"

    def rows(self) -> Iterator[Cells | Reject]:
        """Every row after the header."""
        while True:
            try:
                row = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield reject(self._place, RowError("NOT_CSV", str(error)), self._text)
                continue
            if len(row) > len(self.columns):
                wrong = RowError("TOO_MANY_CELLS", f"{len(row)} cells under {len(self.columns)} columns")
            elif any("\udc80" <= c <= "\udcff" for cell in row for c in cell):
                wrong = RowError("NOT_UTF8", "convert the file first, e.g. with iconv -f cp949 -t utf-8")
            else:
                named = zip(self.columns, row, strict=False)
                yield Cells(self._place, {c: cell.strip() for c, cell in named if cell.strip()}, self._text)
                continue
            yield reject(self._place, wrong, self._text)
