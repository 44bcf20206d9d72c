"""Files of lists: partners' ones, verified, and our own in their directory."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from streams.cli.shell import say
from streams.config import Blacklist
from streams.contracts.base import encoder
from streams.contracts.blacklists import BlacklistFile
from streams.engine.blacklisting import FORMAT, BlacklistRefused, read_list
from streams.engine.pseudonym import partner_key_id
from streams.errors import ConfigError, InputError
from streams.signing import PublicKey, SignatureRefused, opened, public_key

if TYPE_CHECKING:
    from streams.telemetry.metrics import GaugeName

#: A list of half a million subjects is well below this.
_MAX_BYTES = 256 << 20
_DIGITS = 10


class ListRefused(InputError):
    """A partner's list that is not taken. `reason` is a code; `issuer` whose it is, where that is known."""

    def __init__(self, file: Path, reason: str, sentence: str, issuer: str | None = None) -> None:
        super().__init__(f"{file} is refused ({reason}): {sentence}.")
        self.reason, self.issuer = reason, issuer


def told(rules: Blacklist, name: GaugeName, where: str, **labels: str) -> None:
    """Leave in `metrics_dir`, if there is one, that something was done now. Never stops what was done."""
    if rules.metrics_dir is None:
        return
    from streams.telemetry.metrics import write

    file = rules.metrics_dir / f"dualblock_{name.removesuffix('_seconds')}_{where}.prom"
    try:
        write(file, name, time.time(), **labels)
    except OSError as error:
        say(f"warning: {file} can't be written ({error.strerror}): nobody is told when lists go stale.")


def read_partners_list(rules: Blacklist, file: Path) -> BlacklistFile:
    """A partner's list, verified and for us. Raises InputError (ListRefused where it is none
    for us), ConfigError."""
    data = _bytes(file)
    keys = {
        name: public_key(p.public_key_file) for name, p in rules.partners.items() if p.public_key_file is not None
    }  # fmt: skip
    if not keys:
        raise ConfigError("No partner's public key is configured: set blacklist.partners.<name>.public_key_file.")
    name, payload = _opened(file, data, keys)
    try:
        found = read_list(payload)
    except BlacklistRefused as error:
        raise ListRefused(file, error.reason, str(error), name) from error
    if found.issuer != name:
        raise ListRefused(file, "OTHER_ISSUER", f"{name} has signed it in the name of {found.issuer}", name)
    if found.audience not in (None, rules.name):
        raise ListRefused(file, "NOT_FOR_US", f"it was made for {found.audience}", name)
    shared = dict(rules.shared_keys()).get(name)
    if found.persons_key is not None and shared is None:
        say(f"warning: {name} and we share no key (shared_key_file): people on its list will match nobody.")
    elif shared is not None and found.persons_key not in (None, partner_key_id(shared)):
        raise ListRefused(file, "OTHER_SHARED_KEY", "its people stand under another key than shared_key_file", name)
    return found


def _opened(file: Path, data: bytes, keys: Mapping[str, PublicKey]) -> tuple[str, bytes]:
    """Who signed it, and what."""
    for name, key in sorted(keys.items()):
        try:
            return name, opened(FORMAT, data, key)
        except SignatureRefused as error:
            if error.reason != "WRONG_KEY":
                raise ListRefused(file, error.reason, str(error), name if len(keys) == 1 else None) from error
    raise ListRefused(file, "WRONG_KEY", f"it is signed by none of {', '.join(sorted(keys))}")


def last_list(directory: Path, name: str, partner: str | None, key: PublicKey) -> BlacklistFile | None:
    """The newest snapshot of this audience in the directory. Raises InputError when it can't be read."""
    files = sorted(directory.glob(f"{stem_of(name, partner)}-{'[0-9]' * _DIGITS}.snapshot"))
    if not files:
        return None
    try:
        return read_list(opened(FORMAT, _bytes(files[-1]), key))
    except (SignatureRefused, BlacklistRefused) as error:
        raise InputError(
            f"{files[-1]} is not as it was published ({error.reason}): take it away and give the next --sequence."
        ) from error


def stem_of(name: str, partner: str | None, number: int | None = None) -> str:
    """`carrier-a-0000000007`, `carrier-a-for-carrier-b-0000000007`; without a number, what stands before it."""
    audience = "" if partner is None else f"-for-{partner}"
    return f"{name}{audience}" + ("" if number is None else f"-{number:0{_DIGITS}}")


def _bytes(file: Path) -> bytes:
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise InputError(f"{file} is larger than any list: name a list.")
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} can't be read ({error.strerror}): name an existing file.") from error


def write_whole(file: Path, data: bytes) -> None:
    """The file appears whole or not at all. Raises InputError."""
    part = file.with_suffix(file.suffix + ".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    except OSError as error:
        raise InputError(f"{file} can't be written ({error.strerror}): name another --out.") from error


def encoded(file: BlacklistFile) -> bytes:
    """The bytes that are signed."""
    return encoder().encode(file)


def shared_key(rules: Blacklist, partner: str | None) -> bytes | None:
    """The key shared with a partner; None without a partner, or without one. Raises ConfigError."""
    if partner is None:
        return None
    if partner not in rules.partners:
        raise ConfigError(f"{partner} is no partner: name it under [blacklist.partners.{partner}].")
    return dict(rules.shared_keys()).get(partner)
