"""What a worker was doing when it died: the last crash point it passed, in a page that outlives it."""

from __future__ import annotations

import mmap
from pathlib import Path

_BYTES = 128
#: The points of the loop between which a transaction holds records of the step, by role. The meter writes nothing
#: before it commits.
OPEN: dict[str, frozenset[str]] = {
    "gate": frozenset({"after-produce", "after-flush", "after-send-offsets"}),
    "registrar": frozenset({"after-produce", "after-flush", "after-send-offsets"}),
    "meter": frozenset({"after-flush", "after-send-offsets"}),
    # Killed there by order, while the changelog's record was not yet acknowledged.
    "agents": frozenset({"!after-table-write", "!after-send"}),
}


class Note:
    """Written by the worker (a memory copy, no system call), read by the drill after its death."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_BYTES))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), _BYTES)

    def write(self, text: str) -> None:
        """Replace the note."""
        self._page[:] = text.encode()[:_BYTES].ljust(_BYTES, b"\0")

    def read(self) -> str:
        """The note, or '' when none was written."""
        return self._page[:].rstrip(b"\0").decode("utf-8", "replace")


def in_transaction(role: str, note: str) -> bool:
    """Whether a worker whose last note is this died inside an open transaction (agents: before the acknowledgement)."""
    point = note if role == "agents" else note.removeprefix("!")
    return point in OPEN[role]
