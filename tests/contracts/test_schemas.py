"""Structs, JSON Schemas and the design's examples say the same. Examples: `examples/<topic>.json`, a list of values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from streams.contracts.base import encoder
from streams.contracts.feeds import Heartbeat, Manifest, decode_registry, key_of
from streams.contracts.schemas import files, schemas, write
from streams.contracts.topics import RECORDS

ROOT = Path(__file__).parents[2]
EXAMPLES = Path(__file__).with_name("examples")
SCHEMAS = schemas()
#: Objects of which any is valid, since no field of them is required.
ALL_OPTIONAL = {"signalling", "scope", "content", "counts", "route", "wishes"}


def _examples() -> list[Any]:
    found = []
    for path in sorted(EXAMPLES.glob("*.json")):
        topics = ["feeds", "registry"] if path.stem == "feeds" else [path.stem]
        records = json.loads(path.read_text(encoding="utf-8"))
        found += [pytest.param(t, r, id=f"{t}-{_name(r)}") for t in topics for r in records]
    return found


def _name(record: dict[str, Any]) -> str:
    return str(record.get("kind") or record.get("feed") or record.get("generation") or "record")


def _decode(topic: str, raw: bytes) -> Any:
    if topic not in ("feeds", "registry"):
        return msgspec.json.decode(raw, type=RECORDS[topic])
    data = json.loads(raw)
    key = "~feed:" if "beats" in data else "~manifest:" if "sha256" in data else str(data["key"])
    return decode_registry(key, raw)


def _valid(name: str, record: object) -> bool:
    return Draft202012Validator(SCHEMAS[f"{name}.v1.json"]).is_valid(record)


def test_the_files_are_in_step() -> None:
    assert {path.name for path in (ROOT / "schemas").glob("*.json")} == SCHEMAS.keys()
    for name, wanted in files().items():
        assert (ROOT / "schemas" / name).read_bytes() == wanted, "run: dualblock schemas"


def test_every_topic_with_values_has_one() -> None:
    assert SCHEMAS.keys() == {
        f"{name}.v1.json"
        for name in (
            *RECORDS,
            "heartbeat",
            "manifest",
            "policy.list",
            "content-list",
            "blacklists.manifest",
            "blacklist-file",
        )
    }


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one_and_names_no_host(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:dualblock:{name.removesuffix('.v1.json')}:v1"
    assert schema["title"]
    assert "//" not in files()[name].decode().replace(schema["$schema"], "")


def test_write_says_what_changed(tmp_path: Path) -> None:
    assert write(tmp_path) == sorted(SCHEMAS)
    assert write(tmp_path) == []
    (tmp_path / "votes.v1.json").write_text("{}")
    (tmp_path / "gone.v1.json").write_text("{}")
    assert write(tmp_path) == ["gone.v1.json", "votes.v1.json"]
    assert write(tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == SCHEMAS.keys()


def test_every_record_has_an_example() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.json")} | {"registry"} == RECORDS.keys()


@pytest.mark.parametrize(("topic", "record"), _examples())
def test_an_example_validates_and_comes_back(topic: str, record: dict[str, Any]) -> None:
    assert _valid(topic, record)
    decoded = _decode(topic, json.dumps(record).encode())
    raw = encoder().encode(decoded)
    assert _decode(topic, raw) == decoded
    assert _valid(topic, json.loads(raw)), "what we write is valid, too"
    assert encoder().encode(_decode(topic, raw)) == raw


@pytest.mark.parametrize(("topic", "record"), _examples())
def test_a_field_of_tomorrow_is_ignored(topic: str, record: dict[str, Any]) -> None:
    newer = record | {"a_field_of_v1_that_comes_later": {"x": [1, 2]}}
    assert _valid(topic, newer)
    assert _decode(topic, json.dumps(newer).encode()) == _decode(topic, json.dumps(record).encode())


@pytest.mark.parametrize(("topic", "record"), _examples())
def test_no_field_may_be_an_object_that_is_none(topic: str, record: dict[str, Any]) -> None:
    for field in record.keys() - ALL_OPTIONAL:
        wrong = record | {field: {"no": "such thing"}}
        assert not _valid(topic, wrong), field
        with pytest.raises(msgspec.ValidationError):
            _decode(topic, json.dumps(wrong).encode())


@pytest.mark.parametrize(("topic", "record"), _examples())
def test_what_is_required_must_be_there(topic: str, record: dict[str, Any]) -> None:
    first = next(iter(record))
    short = {k: v for k, v in record.items() if k not in (first, "kind")}
    assert not _valid(topic, short)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_id", ""),
        ("event_id", "x" * 257),
        ("event_id", 42),
        ("event_time_ms", "1765944000000"),
        ("event_time_ms", 2**53 + 1),
        ("event_time_ms", 1.5),
        ("leg", "middle"),
        ("channel", "fax"),
        ("traffic_class", None),
        ("sender", "15881234"),
        ("sender", {"address": "15881234", "ton": 256}),
        ("sender", {"address": "1" * 257}),
        ("route", {"chain": ["r"] * 17}),
        ("route", {"relay_id": ""}),
        ("content", {"text": "x" * 100_001}),
        ("content", {"parts": 0}),
        ("recipient", None),
    ],
)
def test_a_message_with_a_wrong_value_is_refused(field: str, value: object) -> None:
    message, *_ = json.loads((EXAMPLES / "messages.json").read_text(encoding="utf-8"))
    wrong = message | {field: value}
    assert not _valid("messages", wrong)
    with pytest.raises(msgspec.ValidationError):
        _decode("messages", json.dumps(wrong).encode())


def test_a_kind_that_does_not_exist_is_refused() -> None:
    row = {"key": "planet:mars", "kind": "planet", "timeline": []}
    assert not _valid("registry", row)
    with pytest.raises(msgspec.ValidationError):
        decode_registry("planet:mars", json.dumps(row))


def test_the_key_says_what_stands_under_it() -> None:
    beat = Heartbeat(feed="f", beats=())
    manifest = Manifest(generation="g", from_ms=0, partition=0, rows=0)
    assert (key_of(beat), key_of(manifest)) == ("~feed:f", "~manifest:g")
    assert decode_registry(key_of(beat), encoder().encode(beat)) == beat
    assert decode_registry(key_of(manifest), encoder().encode(manifest)) == manifest
    with pytest.raises(msgspec.ValidationError):
        decode_registry("sender:kr:15881234", encoder().encode(beat))


def test_records_are_values() -> None:
    manifest = Manifest(generation="g", from_ms=0, partition=0, rows=0)
    assert manifest == Manifest(generation="g", from_ms=0, partition=0, rows=0)
    with pytest.raises(AttributeError):
        manifest.rows = 1  # type: ignore[misc]  # that it can't is the point
