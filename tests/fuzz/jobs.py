"""Targets: the assertion of a bulk send. Nothing but what the key's owner signed ever verifies."""

from __future__ import annotations

from streams.engine.jobs.assertion import NoAssertion, digest_of, read_assertion, signed_by
from tests.engine.jobs.kit import SIGNER, claims, key
from tests.fuzz.promise import Target

_KEYS = tuple(key(alg=alg).timeline[0] for alg in ("EdDSA", "Ed25519", "ES256"))
_SIGNED = (
    SIGNER.sign(claims()), SIGNER.sign(claims(), alg="Ed25519"), SIGNER.sign(claims(), typ="JWT"),
    SIGNER.sign({"sub": "acct-1"}), SIGNER.sign(claims(), crit=["b64"], b64=False),
)  # fmt: skip
_CONTENT = frozenset(text.rpartition(".")[0] for text in _SIGNED)


def _assertion(raw: bytes) -> None:
    text = raw.decode("utf-8", "replace")
    assert len(digest_of(text)) == 32
    try:
        said = read_assertion(text)
    except NoAssertion:
        said = None
    if said is not None:
        assert said.digest == digest_of(text) and said.claims.recipients.count > 0
    if any(signed_by(text, one) for one in _KEYS):
        assert text.rpartition(".")[0] in _CONTENT, "nobody signed this"


TARGETS: tuple[Target, ...] = (
    Target(
        "job-assertion", _assertion, tuple(text.encode() for text in _SIGNED), json=False,
        found=(b"", b".", b"..", b"...", b"e30.e30.", b"W10.W10.W10", b"bnVsbA.bnVsbA.", "é.é.é".encode()),
    ),
)  # fmt: skip
