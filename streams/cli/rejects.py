"""What an import could not take: written to a file of its own, counted by reason, and the command ends with 1."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from streams.cli.shell import answer, no
from streams.errors import InputError


class Reject(NamedTuple):
    """A row that was not taken, for the rejects file."""

    row: int
    reason: str
    detail: str
    content: str


def imported(file: Path, rejects: Path, taken: int, bad: list[Reject], json: bool, noun: str) -> None:
    """Say how an import went, and write what was not taken to `rejects`. Raises InputError, and Exit where some was."""
    import msgspec

    if bad:
        try:
            rejects.write_bytes(b"".join(msgspec.json.encode(r._asdict()) + b"\n" for r in bad))
        except OSError as error:
            raise InputError(f"{rejects} can't be written ({error.strerror}): name another --rejects.") from error
    reasons: Counter[str] = Counter(r.reason for r in bad)
    if json:
        answer(msgspec.json.encode({"imported": taken, "rejected": len(bad), "reasons": reasons}).decode())
    else:
        answer(f"{file.name}: {taken:,} {noun} imported.")
    if bad:
        said = ", ".join(f"{number:,} {reason}" for reason, number in reasons.most_common())
        no(f"{len(bad):,} rows are no {noun} ({said}), the first in row {bad[0].row}: all are in {rejects}.")
