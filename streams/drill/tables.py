"""The agents' tables as they lie on the disk."""

from __future__ import annotations

from pathlib import Path

from rocksdict import AccessType, Options, Rdict

_OWN = b"__faust\0"


def contents(state: Path) -> dict[tuple[str, bytes], bytes]:
    """Every (table and partition, key) under an agents' state directory; the worker must have ended."""
    found: dict[tuple[str, bytes], bytes] = {}
    for directory in sorted(state.rglob("*.db")):
        if not directory.is_dir():
            continue
        table = Rdict(str(directory), Options(raw_mode=True), access_type=AccessType.read_only())
        entries = list(table.items())
        table.close()
        for key, value in entries:
            if isinstance(key, bytes) and isinstance(value, bytes) and not key.startswith(_OWN):
                found[directory.name, key] = value
    return found
