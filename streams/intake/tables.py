"""Rows out of CSV and XLSX, one at a time; the first row names the columns."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, NamedTuple

from openpyxl import load_workbook

from streams.errors import InputError

#: What a sheet may unpack to, in bytes, and by how much: beyond that it was made to fill the memory.
MAX_UNPACKED = 4 * 1024**3
MAX_RATIO = 200
_SNIFFED = 65_536
_MAX_CELL = 1_000_000


class Row(NamedTuple):
    """number: the row in the file, from 1 (the header's); broken: why it can't be read, if it can't."""

    number: int
    cells: Mapping[str, object]
    broken: str = ""


def csv_rows(stream: BinaryIO, columns: Sequence[str]) -> Iterator[Row]:
    """UTF-8 with or without a mark, or CP949 as Korean spreadsheets write it. Raises InputError without the columns."""
    start = stream.read(_SNIFFED)
    stream.seek(0)
    encoding = "utf-8-sig"
    try:
        io.TextIOWrapper(io.BytesIO(start.rsplit(b"\n", 1)[0]), "utf-8-sig").read()
    except UnicodeDecodeError:
        encoding = "cp949"
    csv.field_size_limit(_MAX_CELL)
    text = io.TextIOWrapper(stream, encoding, errors="replace", newline="")
    try:
        reader = csv.reader(text)
        header = _header(next(reader, []), columns)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(reader.line_num, {}, str(error))
                continue
            if any(cells):
                yield _row(reader.line_num, header, cells)
    finally:
        text.detach()  # the stream is the caller's


def xlsx_rows(stream: BinaryIO, columns: Sequence[str]) -> Iterator[Row]:
    """The first sheet. Raises InputError for what is no workbook, unpacks to too much, or lacks the columns."""
    try:
        with zipfile.ZipFile(stream) as packed:
            size = sum(part.file_size for part in packed.infolist())
            held = sum(part.compress_size for part in packed.infolist())
        if size > MAX_UNPACKED or size > max(MAX_RATIO * held, 10_000_000):
            raise InputError(f"The workbook unpacks to {size:,} bytes: save it as CSV.")
        stream.seek(0)
        book = load_workbook(stream, read_only=True, data_only=True, keep_links=False)
    except InputError:
        raise
    except Exception as error:  # zipfile, XML, key and type errors, whatever the file is
        raise InputError(f"This is no XLSX workbook ({type(error).__name__}): save it again, or as CSV.") from error
    try:
        rows = book.worksheets[0].iter_rows(values_only=True)
        header = _header(next(rows, ()), columns)
        for line, cells in enumerate(rows, 2):
            if any(cell is not None for cell in cells):
                yield _row(line, header, cells)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"The workbook can't be read to its end ({type(error).__name__}): save it again.") from error
    finally:
        book.close()


def _header(cells: Sequence[object], columns: Sequence[str]) -> list[str]:
    names = ["".join(str(cell or "").replace("\ufeff", "").split()) for cell in cells]
    known = {"".join(column.split()): column for column in columns}
    missing = [column for folded, column in known.items() if folded not in names]
    if missing:
        raise InputError(f"The first row lacks the columns {', '.join(missing)}: it must name {', '.join(columns)}.")
    return [known.get(name, name) for name in names]


def _row(line: int, header: Sequence[str], cells: Sequence[object]) -> Row:
    if len(cells) > len(header) and any(cells[len(header) :]):
        return Row(line, {}, f"{len(cells)} cells under {len(header)} columns")
    return Row(line, dict(zip(header, cells, strict=False)))
