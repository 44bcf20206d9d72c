"""Targets: the engine. Events, identities, decisions, policies, rows merged into what is held, number blocks."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path

import msgspec

from streams.contracts.base import encoder
from streams.contracts.decisions import Decision
from streams.contracts.feeds import RegistryValue, decode_registry, key_of
from streams.contracts.messages import Message
from streams.contracts.policy import PolicyRow
from streams.engine.accounts import account
from streams.engine.blocks import STATES, decode, encode
from streams.engine.decide import Decider
from streams.engine.fingerprint import fingerprint
from streams.engine.hosts import host_subjects
from streams.engine.intake import InvalidEvent, identity, read_message
from streams.engine.pack import Grammar
from streams.engine.policy import Policies, build, layer
from streams.engine.registry import RowRefused, merge
from streams.engine.senders import classify
from streams.engine.subjects import band_subjects
from streams.packs import JURISDICTIONS, shipped
from streams.replay.explain import explain
from streams.replay.records import registry_value
from streams.replica.memory import MemoryReplica
from tests.engine.kit import KEYS, T, block, policies, sanction, view
from tests.engine.properties import HERE, ROWS
from tests.fuzz.promise import NOT_A_RECORD, Target, examples, taken

_encode = encoder().encode
_decision = msgspec.json.Decoder(Decision)
_policy = msgspec.json.Decoder(PolicyRow)
MESSAGES = examples("messages")
ADDRESSES = ("01055501111", "1588-1234", "My Bank", "*1#", "+12025550123", "☎", "9" * 64, "국민은행", "")


@cache
def _held() -> MemoryReplica:
    return view(*ROWS, sanctions=[sanction(HERE), sanction("account:acct-1", "THROTTLE", authority="regulator")])


@cache
def _decider() -> Decider:
    return Decider(policies(), KEYS)


def _event(raw: bytes) -> Message | None:
    try:
        message, flags = read_message(raw)
    except InvalidEvent:
        named = identity(raw)
        answer = _decider().invalid(raw, "NOT_JSON")
        assert (named is None) == (answer is None)
        if answer is not None:
            assert answer.verdict == "ALLOW"
            assert _decision.decode(_encode(answer)) == answer
        return None
    assert flags in ((), ("text_repaired",))
    if flags:
        raw.decode("utf-8", "surrogatepass")  # a file in another encoding is no event with half a character
    assert read_message(_encode(message)) == (message, ())
    return message


def _decided(raw: bytes) -> None:
    message = _event(raw)
    if message is None:
        return
    for rows in (MemoryReplica(), _held()):
        decision = _decider().decide(message, raw, rows)
        assert not [r for r in decision.reasons if r.gate == "own"], decision  # an error of ours, hidden by the gate
        assert _decision.decode(_encode(decision)) == decision
        assert _decider().decide(message, raw, rows) == decision
        _encode(explain(decision))


@cache
def _grammars() -> tuple[Grammar, ...]:
    return tuple(policies(jurisdiction=place).default.pack.grammar for place in JURISDICTIONS)


def _classified(raw: bytes) -> None:
    address = raw.decode("utf-8", "replace")
    for grammar in _grammars():
        for ton in (None, 1, 2, 5):
            found = classify(address, ton, grammar)
            found.key.encode()
        found = account(address, grammar)
        found.key.encode()
        assert (found.number, found.word) == (None, None)


def _text(raw: bytes) -> None:
    """The text of a message, whatever it is: its fingerprint, its bands, and where it links to."""
    text = raw.decode("utf-8", "replace")
    fingerprint(text)
    assert all(len(subject) <= 512 for subject in (*host_subjects(text, ()), *band_subjects("relay-7", text)))


def _overlay(raw: bytes) -> None:
    """A TOML file laid over the shipped pack, as `policy publish` does."""
    try:
        over = tomllib.loads(raw.decode())
    except NOT_A_RECORD:
        return
    _built(over)


def _json_overlay(raw: bytes) -> None:
    try:
        over = msgspec.json.decode(raw, type=dict)
    except NOT_A_RECORD:
        return
    _built(over)


def _built(over: object) -> None:
    assert isinstance(over, dict)
    try:
        policy = build(layer(shipped()["kr", "enforce"], over))
    except ValueError as error:
        assert str(error)
        return
    for address in ADDRESSES:
        classify(address, None, policy.pack.grammar)
    decider = Decider(Policies({("kr", "observe"): layer(shipped()["kr", "enforce"], over)}, "kr"), KEYS)
    for raw in MESSAGES:
        decision = decider.decide(read_message(raw)[0], raw, _held())
        assert _decision.decode(_encode(decision)) == decision
        assert not [r for r in decision.reasons if r.gate == "own"], decision


def _published(raw: bytes) -> None:
    """A policy that stands on the topic all the same: there is always one in force."""
    try:
        row = _policy.decode(raw)
    except NOT_A_RECORD:
        return
    held = Policies(shipped(), "kr")
    for e_ms in (0, T, 2**53):
        assert held.at(_With(row), e_ms).version


class _With(MemoryReplica):
    def __init__(self, row: PolicyRow) -> None:
        super().__init__()
        self.policy = {"kr": row}.get


#: A beat that ended before it began was kept, and kept again each time it came.
ENDS_FIRST = b'{"feed":"f","beats":[{"recorded_at_ms":1765943990000,"fresh_until_ms":1765904640000}],"complete_for":[]}'


def _merged(raw: bytes) -> None:
    """A feed's row into what is held; the same row again changes nothing."""
    try:
        new = registry_value(raw)
    except NOT_A_RECORD:
        return
    for held in (None, *_VALUES):
        try:
            after = merge(held, new)
        except RowRefused as refused:
            assert refused.reason.isupper()
            continue
        if after is None:
            continue
        assert decode_registry(key_of(after), _encode(after)) == after
        assert merge(after, new) is None, "again it is news"


_VALUES: tuple[RegistryValue, ...] = tuple(registry_value(raw) for raw in examples("feeds"))


def _block(raw: bytes) -> None:
    try:
        found = decode(raw.decode("utf-8", "replace"))
    except ValueError:
        return
    assert decode(encode(found)) == found and set(found.values()) <= set(STATES)


def _packs() -> tuple[bytes, ...]:
    folder = Path(str(resources.files("streams.packs")))
    return tuple(path.read_bytes() for path in sorted(folder.glob("*.toml")))


_OVER = (
    {"epoch_ms": 60_000, "skew_ms": 1, "label": "x", "modes": {"SANCTION": "LABEL"}, "actions": {"DIRECTIVE": "DROP"}},
    {
        "grammar": {
            "patterns": [["010\\d{8}", "mobile"], ["(a+)+", "fixed"]],
            "alphanumeric": "[a-z]{1,11}",
            "region": "VN",
        }
    },
    {"thresholds": {"sender": {"count": {"24h": {"warn": 3, "critical": 5}}, "min_reporters": 1}}, "time_zone": "UTC"},
    {"ladder": {"temp_block_ms": 1, "max_step": {"relay": "WARN"}, "legs": {"sender": ["termination"]}}},
    {
        "ranks": dict(shipped()["kr", "enforce"]["ranks"]),
        "registration": {"mt": ["mobile"]},
        "feeds": {"kr:mobile": "x"},
    },
)

TEXTS = tuple(text.encode() for text in (
    "(광고) win 500 at https://bank.example.com/a?b#c", "http://user@[::1]:80/x", "http://203.0.113.9/", "은행.한국",
    "xn--55qx5d.cn", "a。b。co.kr", "www." + "a." * 60 + "com", "http://" + "é" * 70 + ".kr", "0" * 300, "bit.ly/x",
))  # fmt: skip
#: More than 64 bits; deeper than the library that writes it canonically goes.
BEYOND = (b'{"epoch_ms":18446744073709551616}', b'{"label":' + b"[" * 300 + b"]" * 300 + b"}")
PUBLISHED_BEYOND = tuple(b'{"jurisdiction":"kr","timeline":[{"pack":' + over + b"}]}" for over in BEYOND)

TARGETS: tuple[Target, ...] = (
    Target("event", _event, MESSAGES, found=(MESSAGES[0].decode().encode("utf-16"),)),
    Target("event-identity", taken(identity), MESSAGES),
    Target("event-decided", _decided, MESSAGES),
    Target("sender-address", _classified, tuple(a.encode() for a in ADDRESSES), json=False),
    Target("message-text", _text, TEXTS, json=False),
    Target("policy-toml", _overlay, _packs(), json=False),
    Target("policy-overlay", _json_overlay, tuple(json.dumps(o).encode() for o in _OVER), found=BEYOND),
    Target("policy-published", _published, examples("policy"), found=PUBLISHED_BEYOND),
    Target("registry-merged", _merged, examples("feeds"), found=(ENDS_FIRST,)),
    Target("number-block", _block, (block("active").current.states.encode(), b"AAAA"), json=False),
)
