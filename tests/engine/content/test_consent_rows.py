"""Rows of consents: one road in, the recipient never in clear."""

import pytest

from streams.contracts.registry import ConsentEntry, ConsentRow
from streams.engine.registry import RowRefused, merge


def row(key: str) -> ConsentRow:
    return ConsentRow(key=key, timeline=(ConsentEntry(night=True),))


def test_a_consent_is_taken_as_any_row() -> None:
    assert merge(None, row("consent:org:1>~ab")) == row("consent:org:1>~ab")


@pytest.mark.parametrize("key", ["consent:org:1>01055509999", "consent:org:1"])
def test_a_recipient_in_clear_is_refused(key: str) -> None:
    with pytest.raises(RowRefused) as refused:
        merge(None, row(key))
    assert refused.value.reason == "RECIPIENT_IN_CLEAR"
