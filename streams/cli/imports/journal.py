"""The journal of imports: an interrupted import that is run again must say the same about the same time."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from streams.cli.imports.plan import Import
from streams.contracts.feeds import Manifest
from streams.errors import InputError


class Noted(msgspec.Struct):
    """One import: the time from which it counts, what its files hold (SHA-256), whether its manifest is out."""

    as_of_ms: int
    sha256: str = ""
    done: bool = False


class Journal:
    """One small file for each generation of a feed, below `<state_dir>/imports`."""

    def __init__(self, state_dir: Path, feed: str, generation: str) -> None:
        name = re.sub(r"[^A-Za-z0-9._-]", "_", f"{feed}-{generation}")
        self.path = state_dir / "imports" / f"{name}.json"

    def read(self) -> Noted | None:
        """What is noted, or None. Raises InputError when the file can't be read."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Noted)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"The journal {self.path} can't be read ({error}): remove it and give --as-of.") from error

    def write(self, noted: Noted) -> None:
        """Note it, whole or not at all. Raises InputError when the directory can't be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part = self.path.with_suffix(".part")
            part.write_bytes(msgspec.json.encode(noted))
            part.replace(self.path)
        except OSError as error:
            raise InputError(f"{self.path} can't be written ({error.strerror}): set state_dir.") from error


def as_of(noted: Noted | None, given_ms: int | None, manifests: tuple[Manifest, ...], spec: Import, now_ms: int) -> int:
    """From when a generation counts: as given, as noted, as its manifest says, or now. Raises InputError."""
    held = next((m.from_ms for m in manifests if m.generation == spec.manifest), None)
    known = noted.as_of_ms if noted is not None else held
    if given_ms is not None and known is not None and given_ms != known:
        raise InputError(
            f"Generation {spec.generation} of {spec.feed} was begun as of {known} ms: leave --as-of out, or give "
            "another --generation."
        )
    return known if known is not None else given_ms if given_ms is not None else now_ms


def same_content(noted: Noted | None, sha256: str, spec: Import) -> None:
    """Raises InputError when a generation that was begun is given other rows."""
    if noted is not None and noted.sha256 != sha256:
        raise InputError(
            f"Generation {spec.generation} of {spec.feed} was begun with other rows: give these another --generation."
        )
