"""Advertising: what is an advertisement, and what is not known to be one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.advertising import is_advertisement, squeezed, without_label
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


BEGINS = st.text("(광고) [Web발신]（）ﬁ\u00b4\u200b\n", max_size=12)


@given(BEGINS, st.sampled_from(["(광고)", "(광 고)", "（광고）", "[Web발신](광고)"]), BEGINS)
def test_the_rest_begins_behind_the_shortest_beginning_that_shows_the_label(one: str, label: str, other: str) -> None:
    text = one + label + other
    rest = without_label(text, RULES)
    if rest is not None:
        shown = [n for n in range(len(text) + 1) if squeezed(text[:n]).removeprefix("[web발신]") == "(광고)"]
        assert rest == text[shown[0] :]


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
