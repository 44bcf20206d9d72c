"""Rows of signing keys on the registry's road: what is no key, or another one under the same id, is refused."""

from typing import Any

import pytest
from msgspec.structs import replace

from streams.contracts.registry import KeyRow
from streams.demo.signing import Signer
from streams.engine.registry import RowRefused, merge
from tests.engine.jobs.kit import SIGNER, key
from tests.engine.kit import T

OTHER = Signer("somebody else")


def row(name: str = "key:acct-1/k1", **over: Any) -> KeyRow:
    entry = replace(key().timeline[0], **over)
    return KeyRow(key=name, timeline=(entry,))


CASES = [
    ("no account", None, row("key:/k1"), "WRONG_KEY"),
    ("no id", None, row("key:acct-1"), "WRONG_KEY"),
    ("two slashes", None, row("key:acct-1/a/b"), "WRONG_KEY"),
    ("another key", row(), row(version=2, jwk=OTHER.public), "KEY_CHANGED"),
    ("another algorithm", row(), row(version=2, alg="Ed25519"), "KEY_CHANGED"),
    ("no curve of that algorithm", None, row(alg="ES256"), "BAD_KEY"),
    ("half a point", None, row(jwk=replace(SIGNER.public, kty="EC", crv="P-256"), alg="ES256"), "BAD_KEY"),
    ("a point too many", None, row(jwk=replace(SIGNER.public, y=SIGNER.public.x)), "BAD_KEY"),
]


@pytest.mark.parametrize(("what", "held", "new", "reason"), CASES, ids=[c[0] for c in CASES])
def test_what_is_refused(what: str, held: KeyRow | None, new: KeyRow, reason: str) -> None:
    with pytest.raises(RowRefused) as refused:
        merge(held, new)
    assert refused.value.reason == reason


def test_a_key_retires_and_is_called_compromised() -> None:
    ended = merge(row(), row(to_ms=T, end_recorded_at_ms=T - 1))
    assert isinstance(ended, KeyRow)
    called = merge(ended, row(version=2, state="compromised", from_ms=T, recorded_at_ms=T))
    assert isinstance(called, KeyRow)
    assert [entry.state for entry in called.timeline] == ["active", "compromised"]
