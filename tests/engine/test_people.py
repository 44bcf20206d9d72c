"""One person, one key, however the number is written."""

import pytest

from streams.engine.people import is_number, person
from tests.engine.kit import policies, view


def grammar() -> object:
    return policies().at(view(), 0).pack.grammar


@pytest.mark.parametrize(
    "text",
    ["821055501234", "+821055501234", "+82 10-5550-1234", "01055501234", "010-5550-1234", "00821055501234",
     "(010) 5550 1234"],
)  # fmt: skip
def test_spellings_of_one_number(text: str) -> None:
    assert person(text, grammar()) == "821055501234"  # type: ignore[arg-type]  # the kit's grammar


@pytest.mark.parametrize(
    ("text", "key", "number"),
    [
        ("12025550123", "12025550123", True),
        ("kisa#77120", "kisa#77120", False),
        (" someone ", "someone", False),
        ("1234", "1234", False),
        ("+", "+", False),
        ("٠١٠٥٥٥", "٠١٠٥٥٥", False),
    ],
)
def test_others(text: str, key: str, number: bool) -> None:
    assert person(text, grammar()) == key  # type: ignore[arg-type]  # the kit's grammar
    assert is_number(key) is number
