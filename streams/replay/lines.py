"""Lines of files, plain, gzipped or from stdin, with the place where each stood."""

from __future__ import annotations

import gzip
import heapq
import io
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, cast

import msgspec

from streams.errors import InputError
from streams.replay.drive import Raw

STDIN = "-"
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


class _Ingest(msgspec.Struct):
    ingested_at_ms: int


_INGEST = msgspec.json.Decoder(_Ingest)


def check_files(groups: Sequence[Sequence[str]]) -> None:
    """Raises InputError when a file is missing or stdin is asked for twice: before anything is written."""
    names = [name for group in groups for name in group]
    if names.count(STDIN) > 1:
        raise InputError("Standard input (-) can be read only once: name files for the other inputs.")
    for name in names:
        if name != STDIN and not Path(name).is_file():
            raise InputError(f"{name} is not a file: name an existing one, or - for standard input.")


def read_lines(name: str) -> Iterator[Raw]:
    """The lines of a file that are not blank, without their line ends; `place` is `file:line`, from 1.

    Raises InputError when the file can't be read or its compression breaks off.
    """
    number = 0
    try:
        with _open(name) as stream:
            for number, line in enumerate(stream, 1):
                value = line.removesuffix(b"\n").removesuffix(b"\r")
                if number == 1:
                    value = value.removeprefix(_BOM)
                if value.strip():
                    yield Raw(f"{name}:{number}", value)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{name} breaks off after line {number} ({error}): fetch it again.") from error
    except OSError as error:
        raise InputError(f"{name} can't be read ({error.strerror or error}).") from error


@contextmanager
def _open(name: str) -> Iterator[IO[bytes]]:
    with ExitStack() as stack:
        raw = sys.stdin.buffer if name == STDIN else stack.enter_context(open(name, "rb", buffering=0))
        stream = io.BufferedReader(cast(io.RawIOBase, raw), 1 << 20)
        stack.callback(stream.detach)  # stdin is not ours to close
        if stream.peek(2)[:2] == _GZIP:
            yield cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=stream)))
        else:
            yield stream


def merged(names: Sequence[str]) -> Iterator[Raw]:
    """The lines of several message files by ingest time. A line out of order, or without a time, is taken where it
    stands in its file."""
    if len(names) == 1:
        return read_lines(names[0])
    return (raw for _, raw in heapq.merge(*(_timed(name) for name in names), key=lambda item: item[0]))


def _timed(name: str) -> Iterator[tuple[int, Raw]]:
    newest = -(2**53)
    for raw in read_lines(name):
        with suppress(ValueError, RecursionError):  # the drive says what is wrong with it
            newest = max(newest, _INGEST.decode(raw.value).ingested_at_ms)
        yield newest, raw
