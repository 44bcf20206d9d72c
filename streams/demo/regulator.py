"""The demo's regulator: its signing key, known to everybody who reads this source, and what it signs with it."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from streams.contracts.base import encoder
from streams.contracts.reports import Directive, Signature
from streams.engine.directing import FORM, payload_of
from streams.signing import PrivateKey, detached, public_text

KEY_ID = "demo-regulator"
_KEY = PrivateKey.from_private_bytes(hashlib.sha256(b"dualblock demo regulator").digest())
#: What a policy lists so that these orders are taken.
KEYS: dict[str, Any] = {KEY_ID: {"authority": "regulator", "public": public_text(_KEY.public_key())}}


def signed(order: Directive) -> Directive:
    """The order with the regulator's signature."""
    value = detached(FORM, payload_of(encoder().encode(order)), _KEY)
    return msgspec.structs.replace(order, signature=Signature(key=KEY_ID, value=value))
