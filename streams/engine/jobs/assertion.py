"""The signed assertion of a bulk send: a JWS (RFC 7515) over JWT claims (RFC 7519), explicitly typed (RFC 8725, 3.11).

What it says of algorithm and key is a name to look up, nothing more: the algorithm is the one pinned by the key's row,
and keys or addresses of keys that it brings along (`jwk`, `jku`, `x5c`, `x5u`) are never used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, Any, NamedTuple

import msgspec
from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import ECKey, OKPKey
from msgspec import Meta

from streams.contracts.base import read
from streams.contracts.jobs import MAX_RECIPIENTS, Name
from streams.contracts.registry import KeyEntry

TYP = "job+jwt"
Seconds = Annotated[int, Meta(ge=0, le=2**40)]


class NoAssertion(ValueError):
    """It can't be read as one."""


class Bound(msgspec.Struct, frozen=True):
    """The recipients as signed: how many, and SHA-256 (hex) of `listing` of them."""

    count: Annotated[int, Meta(ge=1, le=MAX_RECIPIENTS)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Claims(msgspec.Struct, frozen=True):
    """sub: account. jti: job. iat, exp: issued, expires, in seconds. method: how the sender's identity was verified."""

    sub: Name
    jti: Name
    iat: Seconds
    exp: Seconds
    method: Annotated[str, Meta(min_length=1, max_length=64)]
    recipients: Bound


class _Pinned(jws.JWSRegistry):
    """Knows one algorithm. (The library's own list of allowed ones warns of `EdDSA` at each use: it leaves the curve
    open. Here the key's row says which.)"""

    def __init__(self, alg: str) -> None:
        super().__init__(algorithms=[alg])
        self._alg = alg

    def get_alg(self, name: str) -> Any:  # the model's type is private to the library
        if name != self._alg:
            raise UnsupportedAlgorithmError(f"the key is for {self._alg} only")
        return self.algorithms[name]


class _Header(msgspec.Struct, frozen=True):
    alg: str
    typ: str
    kid: Name
    crit: tuple[str, ...] = ()


class Assertion(NamedTuple):
    """What an assertion says, unproved until `signed_by`. digest: 128 bits, hex, of what was signed: a signature can be
    written in more ways than one, this can't."""

    kid: str
    alg: str
    claims: Claims
    digest: str


def digest_of(text: str) -> str:
    """What names an assertion in a job's row: a hash of everything but its signature."""
    signed = text.rpartition(".")[0] or text
    return hashlib.sha256(signed.encode("utf-8", "replace")).hexdigest()[:32]


def read_assertion(text: str) -> Assertion:
    """Raises NoAssertion."""
    try:
        found = jws.extract_compact(text.encode("ascii"))
        header = msgspec.convert(found.headers(), _Header)
        claims = read(_CLAIMS, found.payload)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise NoAssertion(type(error).__name__) from error
    if header.typ != TYP or header.crit:
        raise NoAssertion(f"typ is not {TYP}, or something in it must be understood that is not")
    return Assertion(header.kid, header.alg, claims, digest_of(text))


def signed_by(text: str, key: KeyEntry) -> bool:
    """Whether this key signed it, with the algorithm that its row pins. A row that holds no such key: it did not."""
    try:
        jws.deserialize_compact(text, _imported(key), registry=_Pinned(key.alg))
    except (JoseError, ValueError, TypeError, LookupError, RecursionError):
        return False
    return True


def listing(recipients: Iterable[str]) -> bytes:
    """What the claim's hash is over: E.164 digits without the plus, each once, ascending, a line feed behind each."""
    return "".join(f"{digits}\n" for digits in recipients).encode()


def bound(recipients: tuple[str, ...]) -> Bound:
    """The claim for these recipients."""
    return Bound(count=len(recipients), sha256=hashlib.sha256(listing(recipients)).hexdigest())


def _imported(key: KeyEntry) -> OKPKey | ECKey:
    jwk: dict[str, str | list[str]] = {"kty": key.jwk.kty, "crv": key.jwk.crv, "x": key.jwk.x}
    if key.alg != "ES256":
        return OKPKey.import_key(jwk)
    jwk["y"] = key.jwk.y or ""
    return ECKey.import_key(jwk)


_CLAIMS = msgspec.json.Decoder(Claims)
