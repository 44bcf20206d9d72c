"""When the disk fails a replica: what is damaged is built anew, what can't be written waits for a person."""

from __future__ import annotations

import shutil
from pathlib import Path

#: In what RocksDB says. A lock is another process; a full disk is full after a new start as well.
_NOT_DAMAGE = (
    "No space left",
    "File too large",
    "quota exceeded",
    "Read-only file system",
    "Permission denied",
    "LOCK",
    "While lock",
    "lock hold",
)
_DAMAGE = ("Corruption", "No such file", "does not exist", "checksum mismatch")


class DiskError(OSError):
    """The replica's directory can't be opened or written; the text says what to do."""

    def __init__(self, path: str, said: str) -> None:
        super().__init__(
            f"The replica in {path} can't be opened or written ({said.splitlines()[0][:180]}): make room, and let"
            " nobody else use it. It may be deleted: it is then built again from its topics."
        )


def is_damage(error: Exception) -> bool:
    """Whether what is on the disk is not what was written; then only building it anew helps."""
    said = str(error)
    return not any(word in said for word in _NOT_DAMAGE) and any(word in said for word in _DAMAGE)


def clear(path: str) -> None:
    """Remove everything in a directory and leave it there."""
    Path(path).mkdir(parents=True, exist_ok=True)
    for child in Path(path).iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child, ignore_errors=True)
        else:
            child.unlink(missing_ok=True)
