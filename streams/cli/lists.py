"""Content lists from TOML to the topic; see `dualblock policy list`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from streams.cli.kafka import Held
from streams.cli.publishing import publish as written
from streams.cli.shell import instant, toml_of
from streams.contracts.base import encoder
from streams.contracts.lists import ContentList, ListItem, ListPart, ListRow
from streams.engine.lists import ListRefused, key_of_list, pack_list, part_of
from streams.engine.policy import Policies
from streams.errors import InputError
from streams.packs import shipped
from streams.pipeline.settings import Connection


def read(file: Path, now_ms: int) -> tuple[ListPart, ContentList]:
    """The list in a file, checked whole and packed. Raises InputError with a sentence that says what to change."""
    data = toml_of(file)
    try:
        content = msgspec.convert(_fields(data), ContentList, strict=False)
        if content.expires_ms <= now_ms:
            raise ListRefused(f"list {content.name} has expired already: give it a later `expires`")
        return pack_list(content, now_ms), content
    except (msgspec.ValidationError, ListRefused) as error:
        raise InputError(f"{file}: {error}.") from error


def _fields(data: dict[str, Any]) -> dict[str, Any]:
    known = {"name", "category", "owner", "expires", "phrases", "patterns"}
    if unknown := sorted(data.keys() - known):
        raise ListRefused(f"no list has {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    fields = {key: value for key, value in data.items() if key != "expires"}
    fields["expires_ms"] = instant(str(data.get("expires", "")))
    for table in ("phrases", "patterns"):
        entries = data.get(table, {})
        if not isinstance(entries, dict) or not all(isinstance(text, str) for text in entries.values()):
            raise ListRefused(f'[{table}] holds id = "text", nothing else')
        fields[table] = [ListItem(id=name, text=text) for name, text in sorted(entries.items())]
    return fields


def record(place: str, name: str, part: ListPart) -> str:
    """The record as it would stand on `policy`, for `dualblock replay --policy`."""
    return encoder().encode(ListRow(key=key_of_list(place, name), current=part)).decode()


def publish(connection: Connection, place: str, name: str, part: ListPart) -> bool:
    """Put a version on the topic; False when it is the newest there already.

    Raises InputError when a policy still names the version that would go.
    """

    def row(held: Held) -> tuple[str, ListRow] | None:
        old = held.content_list(key_of_list(place, name))
        if part_of(old, part.hash) is not None:
            return None
        gone = None if old is None or old.previous is None else old.previous.hash
        if gone is not None and gone in _named(held, place, name):
            raise InputError(
                f"A policy in force or to come still names {name} as {gone}, and only two versions are kept: publish a "
                "policy that names a newer one first."
            )
        return key_of_list(place, name), ListRow(
            key=key_of_list(place, name), current=part, previous=None if old is None else old.current
        )

    return written(connection, place, row)


def _named(held: Held, place: str, name: str) -> set[str]:
    """The hashes by which the two newest policies know the list."""
    policies, policy = Policies(shipped(), place), held.policy(place)
    newest = sorted(policy.timeline if policy is not None else (), key=lambda e: -e.version)[:2]
    return {wanted for entry in newest if (wanted := policies.of(entry).pack.lists.get(name)) is not None}
