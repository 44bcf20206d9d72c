"""Fingerprints: the same campaign whatever number, amount or link was put into it."""

import time

import pytest

from streams.engine.fingerprint import fingerprint

SAME = [
    ("Win 500 at lucky.example/a1", "WIN 900000  at lucky.example/b2?c=3", "win 1 at https://other.example/x"),
    (
        "[Web발신] 당첨 100만원 클릭 bit.ly/abc",
        "[Web발신] 당첨 5만원 클릭 han.gl/zz9",
        "[WEB발신]\n당첨 7만원 클릭 www.x.example",
    ),
    ("지금 클릭bit.ly/abc", "지금 클릭t.co/q"),
    ("Code １２３", "code 456"),
]


@pytest.mark.parametrize("texts", SAME, ids=lambda texts: texts[0][:10])
def test_the_same(texts: tuple[str, ...]) -> None:
    assert len({fingerprint(text) for text in texts}) == 1


def test_sixteen_hex_digits() -> None:
    found = fingerprint("hello")
    assert found is not None
    assert len(found) == 16
    assert int(found, 16) >= 0


def test_another_text_another_fingerprint() -> None:
    assert fingerprint("win 500 now") != fingerprint("win 500 today")


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_nothing_to_compare(text: str) -> None:
    assert fingerprint(text) is None


@pytest.mark.parametrize("part", ["a-", "a.", "a.b-", "1.", "www.", "http://", "a" * 63 + ".", "가.", "-"])
def test_no_text_takes_long(part: str) -> None:
    text = (part * 100_000)[:100_000]
    began = time.process_time()
    assert fingerprint(text)
    assert time.process_time() - began < 2, "linear: a tenth of a second where quadratic would be minutes"
