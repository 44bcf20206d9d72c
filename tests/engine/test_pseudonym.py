"""Pseudonyms: what is computed from copies is what the library computes anew."""

import hmac

from hypothesis import given
from hypothesis import strategies as st

from streams.engine.pseudonym import partner_pseudonym


@given(st.integers(0, 150).map(lambda size: b"k" * size), st.text(max_size=80))
def test_a_pseudonym_is_the_library_s_hmac(key: bytes, number: str) -> None:
    anew = hmac.new(key, number.encode("utf-8", "replace"), "sha256").hexdigest()
    assert partner_pseudonym(key, number) == anew[:40]
