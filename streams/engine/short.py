"""Short names for bytes: the first bytes of a hash in base64url without padding, a quarter less than in hex."""

from __future__ import annotations

import hashlib
from binascii import b2a_base64

#: RFC 4648, section 5. The library's own function takes three calls to it, and this runs for every message.
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def brief(digest: bytes) -> str:
    """A digest as text: 16 bytes are 22 characters of `A-Z a-z 0-9 - _`."""
    return b2a_base64(digest, newline=False).translate(_URL_SAFE).rstrip(b"=").decode()


def short_hash(data: bytes, size: int) -> str:
    """The first `size` bytes of SHA-256 over the data, as `brief` writes them."""
    return brief(hashlib.sha256(data).digest()[:size])
