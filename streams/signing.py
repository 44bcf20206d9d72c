"""Signed files: who published these bytes, checked offline by whoever holds the publisher's public key.

A file is one line of JSON, the head, and behind it the payload exactly as it was signed (Ed25519, RFC 8032). Signed are
the format's name and the payload together, so that a file of one kind never passes as one of another.

    dualblock evidence keygen signing.pem                          # and signing.pub.pem beside it; or
    openssl genpkey -algorithm ed25519 -out signing.pem
    openssl pkey -in signing.pem -pubout -out signing.pub.pem

Records on topics carry their signature beside them (`detached`, `fits`), and policies the public keys as text.
"""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey as PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from msgspec import Meta

from streams.errors import ConfigError, InputError

__all__ = [
    "PrivateKey", "PublicKey", "SignatureRefused", "detached", "fits", "key_id", "make_pair", "opened", "private_key",
    "public_key", "public_text", "sign",
]  # fmt: skip

#: A head is under 400 bytes; what has no line end by then is no such file.
_HEAD_BYTES = 1024


class SignatureRefused(InputError):
    """A signed file that can't be relied on. `reason` is a code: NOT_SIGNED, TRUNCATED, WRONG_KEY or BAD_SIGNATURE."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a signed file."""

    format: Annotated[str, Meta(min_length=1, max_length=64)]
    key: Annotated[str, Meta(pattern="^[0-9a-f]{16}$", description="of the signer, see key_id")]
    length: Annotated[int, Meta(ge=0, le=2**40, description="of the payload, in bytes")]
    signature: Annotated[str, Meta(max_length=128, description="base64 of 64 bytes")]


_HEAD = msgspec.json.Decoder(Head)


def key_id(key: PublicKey) -> str:
    """16 hex digits of SHA-256 over the raw public key: enough to see which key it was."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def sign(form: str, payload: bytes, key: PrivateKey) -> bytes:
    """A signed file of a format, e.g. `dualblock-blacklist/1`. The same input gives the same bytes."""
    head = Head(format=form, key=key_id(key.public_key()), length=len(payload), signature=detached(form, payload, key))
    return msgspec.json.encode(head) + b"\n" + payload


def opened(form: str, data: bytes, key: PublicKey) -> bytes:
    """The payload of a signed file of this format, by the owner of this key. Raises SignatureRefused."""
    line, newline, payload = data.partition(b"\n")
    try:
        head = _HEAD.decode(line) if newline and len(line) <= _HEAD_BYTES else None
    except (ValueError, RecursionError):
        head = None
    if head is None or head.format != form or msgspec.json.encode(head) != line:
        raise SignatureRefused("NOT_SIGNED", f"it is no signed file of the format {form}")
    if len(payload) != head.length:
        raise SignatureRefused("TRUNCATED", f"{len(payload)} bytes where {head.length} were signed: fetch it again")
    if head.key != key_id(key):
        raise SignatureRefused("WRONG_KEY", f"it is signed with the key {head.key}, not with {key_id(key)}")
    try:
        signature = base64.b64decode(head.signature, validate=True)
        if base64.b64encode(signature).decode() != head.signature:  # the last letter has bits to spare
            raise ValueError("not as it was written")
        key.verify(signature, _signed(form, payload))
    except (InvalidSignature, ValueError) as error:
        raise SignatureRefused("BAD_SIGNATURE", "its signature does not fit: it was changed after signing") from error
    return payload


def detached(form: str, payload: bytes, key: PrivateKey) -> str:
    """The signature alone, base64 of 64 bytes, of a payload of a format."""
    return base64.b64encode(key.sign(_signed(form, payload))).decode()


def fits(form: str, payload: bytes, signature: str, public: str) -> bool:
    """Whether a detached signature is of this payload by the owner of a public key, as `public_text` writes it."""
    try:
        key = PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        key.verify(base64.b64decode(signature, validate=True), _signed(form, payload))
    except (InvalidSignature, ValueError):
        return False
    return True


def public_text(key: PublicKey) -> str:
    """A public key as it stands in a policy: base64 of its 32 bytes."""
    return base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def make_pair(private: Path, public: Path) -> PublicKey:
    """Make a key and write both halves as PEM, the private one for its owner's eyes alone (0600). Raises ConfigError;
    an existing file is never overwritten, and then nothing is written."""
    key = PrivateKey.generate()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _create(private, secret, 0o600)
    try:
        _create(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    except ConfigError:
        private.unlink()
        raise
    return key.public_key()


def _create(file: Path, data: bytes, mode: int) -> None:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(stream.fileno(), mode)  # whatever the umask says
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError as error:
        raise ConfigError(f"{file} is there already, and a key is never overwritten: name another file.") from error
    except OSError as error:
        raise ConfigError(f"{file} can't be written ({error.strerror}): name another file.") from error


def private_key(file: Path) -> PrivateKey:
    """A signing key from PEM (PKCS #8, not encrypted). Raises ConfigError."""
    try:
        found = load_pem_private_key(_read(file), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{file} holds no private key in PEM: make one with dualblock evidence keygen.") from error
    if not isinstance(found, PrivateKey):
        raise ConfigError(f"{file} holds a key of another kind: an Ed25519 key is needed.")
    return found


def public_key(file: Path) -> PublicKey:
    """A public key from PEM. Raises ConfigError."""
    try:
        found = load_pem_public_key(_read(file))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{file} holds no public key in PEM: ask its owner for one.") from error
    if not isinstance(found, PublicKey):
        raise ConfigError(f"{file} holds a key of another kind: an Ed25519 key is needed.")
    return found


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file} can't be read ({error.strerror}): name a readable file.") from error


def _signed(form: str, payload: bytes) -> bytes:
    return form.encode() + b"\n" + payload
