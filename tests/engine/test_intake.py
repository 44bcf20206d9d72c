"""Intake: an event's bytes are valid, repairable, or no event; whatever they are, nothing crashes."""

import json
from typing import Any

import pytest

from streams.engine.decide import Decider
from streams.engine.intake import MAX_BYTES, SCAN_BYTES, InvalidEvent, identity, read_message
from streams.engine.scan import top_level
from tests.engine.kit import DAY, KEYS, T, message, plain, policies, view

EVENT: dict[str, Any] = plain(message(text="hello"))


def event(**over: Any) -> bytes:
    return json.dumps(EVENT | over).encode()


def deep(levels: int) -> bytes:
    return event()[:-1] + b',"later":' + b"[" * levels + b"]" * levels + b"}"


VALID: list[tuple[str, bytes]] = [
    ("as it should be", event()),
    ("fields of tomorrow", event(later={"x": [1]})),
    ("NUL in the text", event(content={"text": "a\x00b"})),
    ("NUL in the sender", event(sender={"address": "010\x00"})),
    ("an emoji", event(content={"text": "😀"})),
    ("100 000 characters", event(content={"text": "x" * 100_000})),
    ("100 000 characters of four bytes", event(content={"text": "😀" * 80_000})),
    ("a century ago", event(event_time_ms=T - 36_525 * DAY, ingested_at_ms=T - 36_525 * DAY)),
    ("a century ahead", event(event_time_ms=T + 36_525 * DAY)),
    ("as early as can be", event(event_time_ms=-(2**53), ingested_at_ms=-(2**53))),
    ("as late as can be", event(event_time_ms=2**53, ingested_at_ms=2**53)),
    ("version 0", event(schema_version=0)),
]

INVALID: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "NOT_JSON"),
    ("truncated", event()[:-20], "NOT_JSON"),
    ("truncated within a character", event(content={"text": "가"}).replace(b"\\uac00", b"\xea\xb0"), "NOT_JSON"),
    ("not UTF-8", b"\xff" + event(), "NOT_JSON"),
    ("two events", event() + event(), "NOT_JSON"),
    ("a list", b"[]", "NOT_AN_EVENT"),
    ("a number", b"42", "NOT_AN_EVENT"),
    ("null", b"null", "NOT_AN_EVENT"),
    ("no event_id", json.dumps({k: v for k, v in EVENT.items() if k != "event_id"}).encode(), "NOT_AN_EVENT"),
    ("an event_id that is a number", event(event_id=1), "NOT_AN_EVENT"),
    ("a leg that does not exist", event(leg="middle"), "NOT_AN_EVENT"),
    ("a time beyond what JSON can count", event(event_time_ms=2**53 + 1), "NOT_AN_EVENT"),
    ("a time that is no whole number", event(event_time_ms=1.5), "NOT_AN_EVENT"),
    ("a text too long", event(content={"text": "x" * 100_001}), "NOT_AN_EVENT"),
    ("1 MB of text", event(content={"text": "x" * 1_000_000}), "NOT_AN_EVENT"),
    ("more than 1 MiB", event(content={"text": "x" * MAX_BYTES}), "TOO_LARGE"),
    ("5 MB", event(content={"text": "x" * 5_000_000}), "TOO_LARGE"),
    ("5 MB of nothing", b" " * 5_000_000, "TOO_LARGE"),
    ("a version of tomorrow", event(schema_version=2), "UNKNOWN_VERSION"),
    ("half a character in the sender", event(sender={"address": "\ud83d"}), "NOT_JSON"),
    ("half a character in the event_id", event(event_id="\ud83d"), "NOT_JSON"),
    ("half a character there and in the text", event(event_id="\ud83d", content={"text": "\ud83d"}), "NOT_JSON"),
    ("half a character in a truncated event", event(content={"text": "\ud83d"})[:-1], "NOT_JSON"),
]


@pytest.mark.parametrize(("what", "raw"), VALID, ids=[c[0] for c in VALID])
def test_valid(what: str, raw: bytes) -> None:
    read, flags = read_message(raw)
    assert flags == ()
    assert Decider(policies(), KEYS).decide(read, raw, view()).event_id == "e1"


@pytest.mark.parametrize(("what", "raw", "reason"), INVALID, ids=[c[0] for c in INVALID])
def test_invalid(what: str, raw: bytes, reason: str) -> None:
    with pytest.raises(InvalidEvent) as invalid:
        read_message(raw)
    assert invalid.value.reason == reason
    answer = Decider(policies(), KEYS).invalid(raw, reason)
    assert answer is None or answer.verdict == "ALLOW"


@pytest.mark.parametrize("levels", [1000, 100_000, 400_000])
def test_depth(levels: int) -> None:
    try:
        read_message(deep(levels))
    except InvalidEvent as invalid:
        assert invalid.reason in ("NOT_JSON", "NOT_AN_EVENT")
    identity(deep(levels))
    identity(b"[" * levels)


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("a\ud83d", "a\ufffd"),
        ("\ude00b", "\ufffdb"),
        ("\ud83dx\ud83d", "\ufffdx\ufffd"),
        ("\ud83d\ud83d\ude00", "\ufffd😀"),
    ],
)
def test_half_a_character_in_the_text_is_repaired_flagged_and_decided(text: str, repaired: str) -> None:
    raw = event(content={"text": text})
    read, flags = read_message(raw)
    assert (read.content.text, flags) == (repaired, ("text_repaired",))
    assert Decider(policies(), KEYS).decide(read, raw, view(), flags).flags == ("text_repaired",)


IDENTITY: list[tuple[str, bytes, tuple[str, str, str, int] | None]] = [
    ("readable", event(sender=None), ("smsc1", "termination", "e1", T)),
    ("no producer", event(producer=None), ("unknown", "termination", "e1", T)),
    ("no time", event(ingested_at_ms="now"), ("smsc1", "termination", "e1", 0)),
    ("a time that can't be", event(ingested_at_ms=2**60), ("smsc1", "termination", "e1", 0)),
    ("a time that is true", event(ingested_at_ms=True), ("smsc1", "termination", "e1", 0)),
    ("no leg", event(leg=None), None),
    ("a leg that is a list", event(leg=["termination"]), None),
    ("no event_id", event(event_id=None), None),
    ("an empty event_id", event(event_id=""), None),
    ("an event_id too long", event(event_id="x" * 257), None),
    ("an event_id that is a list", event(event_id=["e"]), None),
    ("half a character in it", event(event_id="\ud83d"), None),
    ("truncated", event()[:-1], ("smsc1", "termination", "e1", T)),
    ("truncated within the leg", event()[: event().index(b"termination") + 5], None),
    ("too large", event(content={"text": "x" * 2_000_000}), ("smsc1", "termination", "e1", T)),
    ("too large, and truncated", event(content={"text": "x" * 2_000_000})[:-9], ("smsc1", "termination", "e1", T)),
    ("too large, named too late", b'{"content":"' + b"x" * SCAN_BYTES + b'",' + event()[1:] + b" " * MAX_BYTES, None),
    (
        "too large, named behind lists and objects",
        b'{"a":[{"event_id":"no","b":["]}"]}],"c":{"leg":1,"d":"\\\\"},' + event()[1:] + b" " * MAX_BYTES,
        ("smsc1", "termination", "e1", T),
    ),
    ("too large, and not UTF-8 in the name", event().replace(b'"e1"', b'"e\xff"') + b" " * MAX_BYTES, None),
    (
        "too large, and not UTF-8 elsewhere",
        b'{"x":"\xff",' + event()[1:] + b" " * MAX_BYTES,
        ("smsc1", "termination", "e1", T),
    ),
    ("a list without an end", b'{"a":[[[' + b"[" * 2_000_000, None),
    (
        "a time that is cut off",
        b'{"event_id":"e1","leg":"termination","ingested_at_ms":17',
        ("unknown", "termination", "e1", 0),
    ),
    ("a list", b"[]", None),
    ("nothing", b"", None),
    ("NaN", b"NaN", None),
]


@pytest.mark.parametrize(("what", "raw", "named"), IDENTITY, ids=[c[0] for c in IDENTITY])
def test_whom_an_invalid_event_names(what: str, raw: bytes, named: tuple[str, str, str, int] | None) -> None:
    assert identity(raw) == named


@pytest.mark.parametrize("cut", range(0, len(event()), 7))
def test_what_is_read_of_a_part_is_what_the_whole_says(cut: int) -> None:
    whole = {key: value for key, value in EVENT.items() if not isinstance(value, dict | list)}
    part = top_level(event()[:cut])
    assert part == {key: whole[key] for key in list(whole)[: len(part)]}
    assert top_level(event()) == whole


def test_a_megabyte_that_names_itself_is_answered() -> None:
    assert identity(event(content={"text": "x" * 1_000_000})) is not None
