"""Bad input in files: nothing is lost, nothing twice, no crash, and the original bytes are kept."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.replay.small import POLICY, REGISTRY, T, lines, message, read, report
from tests.replay.test_files import run

GOOD = json.dumps(message(1)).encode()
CENTURY = 100 * 365 * 86_400_000


def with_(**more: Any) -> bytes:
    return json.dumps(message(9, **more)).encode()


DEAD = {
    "truncated": (GOOD[:-20], "NOT_JSON"),
    "not json": (b"hello", "NOT_JSON"),
    "a list": (b"[1, 2]", "NOT_AN_EVENT"),
    "wrong type": (with_(leg=7), "NOT_AN_EVENT"),
    "no such leg": (with_(leg="middle"), "NOT_AN_EVENT"),
    "missing field": (b'{"event_id": "e9"}', "NOT_AN_EVENT"),
    "nul byte outside": (b"\x00" + GOOD, "NOT_JSON"),
    "bad utf-8": (GOOD.replace(b"smsc1", b"\xff\xfe"), "NOT_JSON"),
    "lone surrogate elsewhere": (GOOD.replace(b'"e1"', b'"\\ud83d"'), "NOT_JSON"),
    "depth 1000": (b"[" * 1000 + b"]" * 1000, "NOT_AN_EVENT"),
    "depth 100000": (b'{"route":' * 100_000, "NOT_JSON"),
    "unknown version": (with_(schema_version=99), "UNKNOWN_VERSION"),
    "5 MB": (with_(content={"text": "x" * 5_000_000}), "TOO_LARGE"),
    "beyond exact numbers": (with_(deadline_ms=2**60), "NOT_AN_EVENT"),
}
DECIDED = {
    "nul in the text": with_(content={"text": "a\x00b"}),
    "lone surrogate in the text": GOOD.replace(b'"sender"', b'"content": {"text": "hi \\ud83d"}, "sender"'),
    "a century ago": with_(event_time_ms=T - CENTURY),
    "in a century": with_(event_time_ms=T + CENTURY),
    "unknown field": with_(colour="blue"),
    "almost 1 MB": with_(content={"text": "é" * 90_000}),
}


@pytest.fixture
def base(tmp_path: Path) -> dict[str, str]:
    return {
        "registry": lines(tmp_path / "registry.ndjson", *REGISTRY),
        "policy": lines(tmp_path / "policy.ndjson", POLICY),
    }


def original(letter: dict[str, Any]) -> bytes:
    """The bytes of a dead letter."""
    return base64.b64decode(letter["base64"]) if "base64" in letter else letter["text"].encode()


@pytest.mark.parametrize("name", DEAD)
def test_a_broken_line_is_kept_and_the_rest_is_decided(name: str, tmp_path: Path, base: dict[str, str]) -> None:
    raw, reason = DEAD[name]
    sent = lines(tmp_path / "m.ndjson", message(2), raw, message(3))
    summary = run(tmp_path / "out", messages=sent, **base)
    (letter,) = read(tmp_path / "out" / "dead.ndjson")
    assert (letter["file"], letter["line"], letter["reason"]) == (sent, 2, reason)
    assert original(letter) == raw
    decided = [d["event_id"] for d in read(tmp_path / "out" / "decisions.ndjson")]
    assert [e for e in decided if e in ("e2", "e3")] == ["e2", "e3"]
    assert (summary["messages"], summary["dead"]) == (3, {reason: 1})


@pytest.mark.parametrize("name", DECIDED)
def test_what_is_only_odd_is_decided(name: str, tmp_path: Path, base: dict[str, str]) -> None:
    summary = run(tmp_path / "out", messages=lines(tmp_path / "m.ndjson", DECIDED[name]), **base)
    assert (summary["decisions"], summary["dead"]) == (1, {})


def test_an_invalid_event_that_names_itself_is_let_through(tmp_path: Path, base: dict[str, str]) -> None:
    run(tmp_path / "out", messages=lines(tmp_path / "m.ndjson", with_(channel="fax")), **base)
    (one,) = read(tmp_path / "out" / "decisions.ndjson")
    assert (one["event_id"], one["verdict"], one["reasons"][0]["code"]) == ("e9", "ALLOW", "EVENT_INVALID")
    assert len(read(tmp_path / "out" / "dead.ndjson")) == 1


BROKEN_CONTROL = {
    "registry": (b'{"kind": "planet", "key": "planet:mars"}', "NOT_A_RECORD_OF_REGISTRY"),
    "policy": (b'{"jurisdiction": "kr", "timeline": 7}', "NOT_A_RECORD_OF_POLICY"),
    "reports": (b'{"report_id": "r1"}', "NOT_A_RECORD_OF_REPORTS"),
    "directives": (b"{", "NOT_JSON"),
}


@pytest.mark.parametrize("kind", BROKEN_CONTROL)
def test_a_broken_control_line_is_kept(kind: str, tmp_path: Path) -> None:
    raw, reason = BROKEN_CONTROL[kind]
    sent = lines(tmp_path / "m.ndjson", message(1))
    name = lines(tmp_path / "broken.ndjson", b"", raw)
    run(tmp_path / "out", messages=sent, **{kind: name})
    (letter,) = read(tmp_path / "out" / "dead.ndjson")
    assert (letter["file"], letter["line"], letter["reason"], original(letter)) == (name, 2, reason, raw)
    assert len(read(tmp_path / "out" / "decisions.ndjson")) == 1


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a row under another kind's key": (
        "registry", {"key": "relay:x", "kind": "sender", "timeline": [{"version": 1}]}, "WRONG_KEY",
    ),
    "a report from the future": ("reports", {**report(1, T), "reported_at_ms": T + 10**9}, "REPORT_FROM_THE_FUTURE"),
    "an order against nobody": (
        "directives",
        {"reference": "K-9", "subject": "", "act": "block", "from_ms": T, "recorded_at_ms": T},
        "NO_SUBJECT",
    ),
    "a policy that does not build": (
        "policy", {"jurisdiction": "kr", "timeline": [{"pack": {"epoch_ms": 7}}]}, "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_record_that_is_refused_is_kept_too(name: str, tmp_path: Path) -> None:
    kind, record, reason = REFUSED[name]
    held = lines(tmp_path / "control.ndjson", record)
    run(tmp_path / "out", messages=lines(tmp_path / "m.ndjson", message(1)), **{kind: held})
    (letter,) = read(tmp_path / "out" / "dead.ndjson")
    assert json.loads(original(letter)) == record
    assert letter["reason"] == reason or not reason
    assert len(read(tmp_path / "out" / "decisions.ndjson")) == 1
