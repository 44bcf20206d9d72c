"""Targets: what partners and callers bring. Signed lists, key files, API keys, questions to the verification API."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from streams.api.keys import digest, read_keys
from streams.api.server import _QUESTIONS
from streams.config import _key
from streams.contracts.base import encoder
from streams.contracts.blacklists import BlacklistFile, BlacklistItem, BlacklistManifest, BlacklistRow, manifest_key
from streams.contracts.verify import Answer
from streams.engine.blacklisting import FORMAT, BlacklistRefused, Taken, digest_of, read_list, take
from streams.engine.verifying import account_facts, sender_facts, verify
from streams.errors import ConfigError
from streams.replica.changes import Change
from streams.replica.memory import MemoryReplica
from streams.signing import SignatureRefused, opened, private_key, public_key, sign
from tests.engine.kit import DAY, HOUR, KEYS, T, policies, sanction, view
from tests.engine.properties import HERE, ROWS
from tests.fuzz.promise import NOT_A_RECORD, Target

_encode = encoder().encode
_row, _manifest = msgspec.json.Decoder(BlacklistRow), msgspec.json.Decoder(BlacklistManifest)
_answer = msgspec.json.Decoder(Answer)
_SIGNER = ed25519.Ed25519PrivateKey.from_private_bytes(b"a key of the tests, nobody else!")
_ITEMS = (
    BlacklistItem(
        subject="sender:+821055501111", observed_at_ms=T - DAY, expires_ms=T + DAY, reason="REPORTS_CRITICAL_10D",
        grounds="unappealed", counts={"10d": 9},
    ),
    BlacklistItem(
        subject="host:login-bank.example", observed_at_ms=T, expires_ms=T + 2 * DAY, reason="DIRECTIVE",
        grounds="regulator",
    ),
    BlacklistItem(subject="person:" + "ab" * 20, observed_at_ms=T, expires_ms=T + DAY, reason="R", grounds="person"),
)  # fmt: skip
_LIST = BlacklistFile(
    issuer="north", sequence=2, digest=digest_of(_ITEMS), issued_at_ms=T, fresh_until_ms=T + DAY, entries=_ITEMS,
)  # fmt: skip
_DELTA = BlacklistFile(
    issuer="north", sequence=3, base=2, digest="0" * 64, issued_at_ms=T, fresh_until_ms=T + DAY, entries=_ITEMS[:1],
    removed=("host:login-bank.example",),
)  # fmt: skip


@cache
def _first() -> Taken:
    found = take(_LIST, None, {}, "block", T, T + HOUR)
    assert found is not None
    return found


def _blacklist(raw: bytes) -> None:
    """A list's payload: refused with a code, or taken where nothing is held and where another list is."""
    try:
        found = read_list(raw)
    except BlacklistRefused as refused:
        assert refused.reason.isupper() and str(refused)
        return
    first = _first()
    _taken(found, None, {}, T + 2)
    _taken(found, first.manifest, {row.key: row for row in first.rows}, T + HOUR)


def _taken(
    found: BlacklistFile, manifest: BlacklistManifest | None, rows: dict[str, BlacklistRow], now_ms: int
) -> None:
    try:
        taken = take(found, manifest, rows, None, now_ms, now_ms + HOUR)
    except BlacklistRefused as refused:
        assert refused.reason.isupper() and str(refused)
        return
    if taken is None:
        return
    for row in taken.rows:
        assert _row.decode(_encode(row)) == row
    assert _manifest.decode(_encode(taken.manifest)) == taken.manifest
    replica = MemoryReplica()
    held = [(row.key, _encode(row)) for row in taken.rows]
    held.append((manifest_key(taken.manifest.issuer), _encode(taken.manifest)))
    replica.apply([Change("blacklists", 0, n, key, value) for n, (key, value) in enumerate(held)])
    assert replica.bad_count == 0, replica.bad
    again = {**rows, **{row.key: row for row in taken.rows}}
    if taken.manifest.digest == found.digest:
        assert take(found, taken.manifest, again, None, now_ms + 1, now_ms + HOUR + 1) is None, "again it is news"


def _signed(raw: bytes) -> None:
    """A signed file: nothing but what was signed is ever opened."""
    try:
        payload = opened(FORMAT, raw, _SIGNER.public_key())
    except SignatureRefused as refused:
        assert refused.reason.isupper()
        return
    assert sign(FORMAT, payload, _SIGNER) == raw and payload in (_encode(_LIST), _encode(_DELTA)), "nobody signed this"


def _file(load: Callable[[Path], object]) -> Callable[[bytes], None]:
    """A loader of a file: a value, or a sentence."""

    def check(raw: bytes) -> None:
        with tempfile.NamedTemporaryFile(prefix="dualblock-fuzz-") as file:
            path = Path(file.name)
            path.write_bytes(raw)
            try:
                load(path)
            except ConfigError as error:
                assert str(error)

    return check


def _api_keys(raw: bytes) -> None:
    with suppress(ConfigError, UnicodeDecodeError):
        for name, key in read_keys(raw.decode(), "keys.toml").items():
            assert name == key.sha256 and key.relay and key.key_id


@cache
def _held() -> MemoryReplica:
    return view(*ROWS, sanctions=[sanction(HERE), sanction("account:acct-1", "THROTTLE", authority="regulator")])


def _asked(raw: bytes) -> None:
    """A request's body: refused, or every question answered, with the rows and without."""
    try:
        asked = _QUESTIONS.decode(raw)
    except NOT_A_RECORD:
        return
    for question in (asked if isinstance(asked, list) else [asked])[:20]:
        for rows in (MemoryReplica(), _held()):
            said = verify(question, "relay-7", rows, policies(), KEYS, T)
            assert _answer.decode(_encode(said)) == said
            _encode(sender_facts(question.sender or "", "relay-7", rows, policies(), T))
            _encode(account_facts(question.account or "", "relay-7", rows, policies(), T))


def _pem(key: ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey | ec.EllipticCurvePrivateKey) -> tuple[bytes, bytes]:
    return (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )


_OTHERS = (ec.derive_private_key(7, ec.SECP256R1()), ed448.Ed448PrivateKey.from_private_bytes(b"7" * 57))
_PRIVATE, _PUBLIC = zip(*[_pem(key) for key in (_SIGNER, *_OTHERS)], strict=True)
#: A curve that the library does not know, by its number.
_UNKNOWN = _OTHERS[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
_UNKNOWN = _UNKNOWN.replace(bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("268648ce3d030107"))
_CURVE = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(_UNKNOWN) + b"\n-----END PUBLIC KEY-----\n"
_API_KEYS = f"""
[[key]]
id = "relay-7-2026"
relay = "relay-7"
sha256 = "{digest("x")}"
until = 2027-01-01T00:00:00Z
certificate = "{digest("y")}"
[[key]]
id = "b"
relay = "relay-9"
sha256 = "{digest("z")}"
""".encode()
_QUESTION = {
    "sender": "15881234", "ton": 0, "account": "acct-1", "chain": ["reseller-12"], "relay": "relay-9",
    "leg": "origination", "channel": "mt", "traffic_class": "a2p", "at_ms": T,
}  # fmt: skip

TARGETS: tuple[Target, ...] = (
    Target("blacklist-file", _blacklist, (_encode(_LIST), _encode(_DELTA))),
    Target("blacklist-signed", _signed, (sign(FORMAT, _encode(_LIST), _SIGNER), sign(FORMAT, _encode(_DELTA), _SIGNER)),
           json=False),
    Target("key-private", _file(private_key), _PRIVATE, json=False),
    Target("key-public", _file(public_key), _PUBLIC, json=False, found=(_CURVE,)),
    Target("key-hex", _file(lambda path: _key("state_key", None, path)), (b"ab" * 32 + b"\n",), json=False),
    Target("api-keys", _api_keys, (_API_KEYS,), json=False),
    Target("api-questions", _asked, (json.dumps(_QUESTION).encode(), json.dumps([_QUESTION, {}]).encode())),
)  # fmt: skip
