"""Skeletons: what looks alike has the same one."""

import pytest

from streams.engine.skeleton import skeleton

ALIKE = [
    ("paypal", "PayPal", "PAYPAL", "PayPaI", "PayPa1", "Pay-Pal", "pay pal", "раураl", "ｐａｙｐａｌ", "P\u200baypal"),
    ("modern", "modem"),
    ("vvoori", "woori"),
    ("국민은행", "국민 은행", "국민-은행"),
    ("straße", "STRASSE"),
]
DIFFERENT = ["paypal", "papaya", "paypalx", "국민은행", "국민연금", "bank", "tank"]


@pytest.mark.parametrize("names", ALIKE, ids=lambda names: names[0])
def test_alike(names: tuple[str, ...]) -> None:
    assert len({skeleton(name) for name in names}) == 1


def test_different() -> None:
    assert len({skeleton(name) for name in DIFFERENT}) == len(DIFFERENT)


def test_nothing_but_signs_has_none() -> None:
    assert skeleton("-·–") == ""
