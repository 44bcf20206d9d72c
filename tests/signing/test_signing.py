"""Signed files: what was signed comes back, and nothing else does."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from streams.errors import ConfigError
from streams.signing import SignatureRefused, opened, private_key, public_key, sign

FORM = "dualblock-test/1"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
PAYLOAD = b'{"line":1}\n\x00\xff and more\n'
FILE = sign(FORM, PAYLOAD, KEY)


def test_what_was_signed_comes_back_and_signing_is_deterministic() -> None:
    assert opened(FORM, FILE, KEY.public_key()) == PAYLOAD
    assert sign(FORM, PAYLOAD, KEY) == FILE
    assert opened(FORM, sign(FORM, b"", KEY), KEY.public_key()) == b""


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "NOT_SIGNED"),
        (b"{}\n", "NOT_SIGNED"),
        (b"[" * 5000, "NOT_SIGNED"),
        (b"[" * 1000 + b"\n", "NOT_SIGNED"),
        (FILE.replace(b"dualblock-test/1", b"dualblock-else/1"), "NOT_SIGNED"),
        (FILE[:-1], "TRUNCATED"),
        (FILE + b"x", "TRUNCATED"),
        (sign(FORM, PAYLOAD, OTHER), "WRONG_KEY"),
        (FILE[:-2] + b"!" + FILE[-1:], "BAD_SIGNATURE"),
        (FILE.replace(b'"signature":"', b'"signature":"!'), "BAD_SIGNATURE"),
        (FILE.replace(b'"signature":"', b'"signature":"AAAA'), "BAD_SIGNATURE"),
    ],
)
def test_anything_else_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(SignatureRefused) as refused:
        opened(FORM, data, KEY.public_key())
    assert refused.value.reason == reason


def test_a_file_of_one_kind_never_passes_as_another() -> None:
    relabelled = sign("dualblock-else/1", PAYLOAD, KEY).replace(b"dualblock-else/1", FORM.encode())
    with pytest.raises(SignatureRefused, match="changed after signing"):
        opened(FORM, relabelled, KEY.public_key())


def test_keys_come_from_pem_files(tmp_path: Path) -> None:
    mine, public, curve = (tmp_path / name for name in ("mine.pem", "public.pem", "curve.pem"))
    mine.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    other_kind = generate_private_key(SECP256R1())
    curve.write_bytes(other_kind.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert opened(FORM, sign(FORM, PAYLOAD, private_key(mine)), public_key(public)) == PAYLOAD
    with pytest.raises(ConfigError, match="another kind"):
        private_key(curve)
    for file in (public, tmp_path / "gone.pem"):
        with pytest.raises(ConfigError):
            private_key(file)
    for file in (mine, tmp_path / "gone.pem"):
        with pytest.raises(ConfigError):
            public_key(file)
