"""JSON Schemas (2020-12) of every record, generated from the structs; a test keeps `schemas/` in step with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from streams.contracts.blacklists import BlacklistFile, BlacklistManifest
from streams.contracts.feeds import Heartbeat, Manifest
from streams.contracts.lists import ContentList, ListRow
from streams.contracts.registry import Row
from streams.contracts.topics import RECORDS, TOPICS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TITLES = {
    "registry": "What stands under a key: a row, a heartbeat or a manifest",
    "feeds": "What a feed says: a row with the entries that are new, a heartbeat or a manifest",
    "heartbeat": "Heartbeat, under ~feed:<name> in every partition of feeds and registry",
    "blacklists.manifest": "How far an issuer's lists were taken, under ~manifest:<issuer> in blacklists",
    "blacklist-file": "Blacklist as it is signed and published",
    "policy.list": "Content list, under <jurisdiction>/list:<name> in policy; `data` holds a content-list",
    "content-list": "Content list as it is packed, and named by its hash",
    "manifest": "Manifest, under ~manifest:<generation> in every partition of feeds and registry",
}


def schemas() -> dict[str, dict[str, Any]]:
    """File name → schema, by name; `messages.v1.json` for the values of the topic `dualblock.messages.v1`."""
    kinds: dict[str, tuple[object, ...]] = {entity: (record,) for entity, record in RECORDS.items()}
    kinds |= {entity: (Row, Heartbeat, Manifest) for entity in ("feeds", "registry")}
    kinds |= {"heartbeat": (Heartbeat,), "manifest": (Manifest,)}
    kinds |= {"blacklists.manifest": (BlacklistManifest,), "blacklist-file": (BlacklistFile,)}
    kinds |= {"policy.list": (ListRow,), "content-list": (ContentList,)}
    return {f"{entity}.v1.json": _schema(entity, kinds[entity]) for entity in sorted(kinds)}


def _schema(entity: str, kinds: tuple[object, ...]) -> dict[str, Any]:
    roots, parts = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    keyed = next((f"{t.entity}, keyed by {t.key}" for t in TOPICS if t.entity == entity), entity)
    return {
        "$schema": DIALECT,
        "$id": f"urn:dualblock:{entity}:v1",
        "title": _TITLES.get(entity, f"Value of {keyed}"),
        **(roots[0] if len(roots) == 1 else {"anyOf": list(roots)}),
        "$defs": parts,
    }


def files() -> dict[str, bytes]:
    """File name → its bytes, the same on every machine."""
    return {
        name: json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"
        for name, schema in schemas().items()
    }


def write(directory: Path) -> list[str]:
    """Bring the files of a directory in step. Returns the names written or removed, sorted; raises OSError."""
    wanted = files()
    directory.mkdir(parents=True, exist_ok=True)
    held = {path.name: path.read_bytes() for path in directory.glob("*.v*.json")}
    changed = sorted(name for name in held.keys() | wanted.keys() if held.get(name) != wanted.get(name))
    for name in changed:
        if name in wanted:
            (directory / name).write_bytes(wanted[name])
        else:
            (directory / name).unlink()
    return changed
