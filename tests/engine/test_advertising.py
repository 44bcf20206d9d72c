"""Advertising: what is an advertisement, and what is not known to be one."""

import pytest

from streams.engine.advertising import is_advertisement, without_label
from streams.engine.pack import Advertising

RULES = Advertising(labels=("(광고)",), before_label=("[Web발신]",), categories=("gambling",))

LABELS: list[tuple[str, str | None]] = [
    ("(광고) 가을 할인", " 가을 할인"),
    ("(광고)가을 할인", "가을 할인"),
    ("  ( 광 고 ) 가을", " 가을"),
    ("（광고）가을", "가을"),
    ("(광\u200b고)가을", "가을"),
    ("[Web발신]\n(광고) 가을", " 가을"),
    ("(광고)", ""),
    ("(광/고) 가을", None),
    ("가을 할인 (광고)", None),
    ("[국제발신](광고) 가을", None),
    ("가을 할인", None),
    ("", None),
    (" " * 200 + "(광고)", None),
]


@pytest.mark.parametrize(("text", "rest"), LABELS)
def test_the_label_is_the_first_thing_in_the_text(text: str, rest: str | None) -> None:
    assert without_label(text, RULES) == rest


def test_without_a_grammar_nothing_is_labelled() -> None:
    assert without_label("(광고) 가을", Advertising()) is None


@pytest.mark.parametrize(
    ("purpose", "text", "categories", "expected"),
    [
        ("advertising", "가을", (), True),
        ("transactional", "가을", (), False),
        ("personal", "가을", (), False),
        (None, "가을", (), None),
        (None, "(광고) 가을", (), True),
        ("transactional", "(광고) 가을", (), True),
        (None, "가을", ("gambling",), True),
        (None, "가을", ("phishing",), None),
    ],
)
def test_what_nobody_said_is_unknown(
    purpose: str | None, text: str, categories: tuple[str, ...], expected: bool | None
) -> None:
    assert is_advertisement(purpose, without_label(text, RULES) is not None, RULES, categories) is expected
