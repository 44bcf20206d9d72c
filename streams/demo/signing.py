"""What a customer's own software does: keys made from a seed, assertions signed with them (Ed25519 needs no luck)."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from typing import Any

import msgspec

from streams.contracts.registry import PublicKey
from streams.engine.jobs.assertion import TYP, Claims
from streams.signing import PrivateKey


class Signer:
    """One account's key. The same seed and name give the same key and the same signatures on every machine."""

    def __init__(self, name: str, kid: str = "k1") -> None:
        self.kid = kid
        self._key = PrivateKey.from_private_bytes(hashlib.sha256(f"{name}/{kid}".encode()).digest())

    @property
    def public(self) -> PublicKey:
        """For its row."""
        return PublicKey(kty="OKP", crv="Ed25519", x=_b64(self._key.public_key().public_bytes_raw()))

    def sign(self, claims: Claims | dict[str, Any], **header: Any) -> str:
        """The assertion as a compact JWS; `header` adds to, or replaces, alg, typ and kid."""
        head = {"alg": "EdDSA", "typ": TYP, "kid": self.kid} | header
        signed = f"{_b64(msgspec.json.encode(head))}.{_b64(msgspec.json.encode(claims))}"
        return f"{signed}.{_b64(self._key.sign(signed.encode()))}"


def _b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
