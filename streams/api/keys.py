"""API keys: 256 random bits each, for one relay; kept as SHA-256, so that a stolen file opens nothing.

    [[key]]
    id = "relay-7-2026"
    relay = "relay-7"
    sha256 = "…64 hex digits…"
    until = 2027-01-01T00:00:00Z      # optional
    certificate = "…64 hex digits…"   # optional: SHA-256 of the one client certificate that may come with it

Two keys of a relay may stand side by side, so that one can be changed without a gap.
"""

from __future__ import annotations

import hashlib
import secrets
import tomllib
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from streams.errors import ConfigError

_DIGITS = 64
_FIELDS = {"id", "relay", "sha256", "until", "certificate"}


class ApiKey(NamedTuple):
    """One key, without its secret. until_ms: exclusive; None: no end."""

    key_id: str
    relay: str
    sha256: str
    until_ms: int | None
    certificate: str | None


def new_key() -> tuple[str, str]:
    """(the secret, shown once; its SHA-256 in hex)."""
    secret = secrets.token_urlsafe(32)
    return secret, digest(secret)


def digest(secret: str) -> str:
    """What is kept of a secret. It is random and long: no salt and no slow hash would add anything."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def read_keys(text: str, name: str) -> dict[str, ApiKey]:
    """Keys by the SHA-256 of their secrets. Raises ConfigError, which names the file and the key."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name} is no TOML: {error}.") from error
    rows = data.get("key", [])
    if set(data) - {"key"} or not isinstance(rows, list):
        raise ConfigError(f"{name}: only [[key]] tables stand in it.")
    found: dict[str, ApiKey] = {}
    ids: set[str] = set()
    for number, row in enumerate(rows, 1):
        key = _key(row, f"{name}, key {number}")
        if key.sha256 in found or key.key_id in ids:
            raise ConfigError(f"{name}, key {number}: its id or sha256 stands there twice.")
        ids.add(key.key_id)
        found[key.sha256] = key
    return found


def _key(row: object, where: str) -> ApiKey:
    if not isinstance(row, dict) or set(row) - _FIELDS:
        raise ConfigError(f"{where}: its fields are {', '.join(sorted(_FIELDS))}.")
    words = {name: row.get(name) for name in ("id", "relay", "sha256")}
    for name, value in words.items():
        if not isinstance(value, str) or not 0 < len(value) <= 256:
            raise ConfigError(f"{where}: {name} is missing or no short text.")
    until, certificate = row.get("until"), row.get("certificate")
    if until is not None and (not isinstance(until, datetime) or until.tzinfo is None):
        raise ConfigError(f"{where}: until is a time with its zone, like 2027-01-01T00:00:00Z.")
    if certificate is not None and not _is_digest(certificate):
        raise ConfigError(f"{where}: certificate is a SHA-256 in {_DIGITS} hex digits.")
    if not _is_digest(words["sha256"]):
        raise ConfigError(f"{where}: sha256 is {_DIGITS} hex digits, as `dualblock api key` prints them.")
    return ApiKey(
        key_id=str(words["id"]),
        relay=str(words["relay"]),
        sha256=str(words["sha256"]).lower(),
        until_ms=None if until is None else int(until.timestamp() * 1000),
        certificate=None if certificate is None else str(certificate).lower(),
    )


def _is_digest(value: object) -> bool:
    if not isinstance(value, str) or len(value) != _DIGITS:
        return False
    return all(c in "0123456789abcdefABCDEF" for c in value)


class KeyFile:
    """The keys of a file, read again when it changes. A file that can't be read leaves the keys as they were."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError."""
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._keys: dict[str, ApiKey] = {}
        self.refresh()

    def refresh(self) -> bool:
        """Whether it was read again. Raises ConfigError, and keeps what it had."""
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp == self._stamp:
                return False
            text = self._path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ConfigError(f"{self._path} can't be read ({error}): name a readable file.") from error
        self._keys, self._stamp = read_keys(text, str(self._path)), stamp
        return True

    def find(self, secret: str, now_ms: int, certificate: str | None) -> ApiKey | None:
        """The key that a secret opens now, with the client certificate it came with (SHA-256), if it names one."""
        key = self._keys.get(digest(secret))
        if key is None or (key.until_ms is not None and now_ms >= key.until_ms):
            return None
        return None if key.certificate not in (None, certificate) else key
