"""Patterns from a policy run on RE2: what it takes, what it refuses and how, and that no text makes one slow.

None of these looks at a clock: on `re` the catastrophic ones would not end within the life of this machine.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import re2

from streams.contracts.policy import PolicyEntry, PolicyRow
from streams.engine.pack import Grammar
from streams.engine.patterns import MAX_CHARACTERS, MAX_INSTRUCTIONS, MAX_PATTERNS, Matcher, PatternRefused, matcher
from streams.engine.policy import Policies
from streams.engine.senders import MAX_ADDRESS, classify
from streams.packs import JURISDICTIONS, shipped
from tests.engine.kit import T, policy, view

CATASTROPHIC = [
    r"(a+)+b", r"(a|aa)+b", r"(a|a?)+b", r"(.*a){32}b", r"(a*)*(a*)*(a*)*b", r"((a?){20}){20}b", r"(\w+\s?)*!",
    r"(x+x+)+y",
]  # fmt: skip


@pytest.mark.parametrize("pattern", CATASTROPHIC)
def test_a_catastrophic_pattern_ends(pattern: str) -> None:
    grammar = policy(grammar={"alphanumeric": pattern}).pack.grammar  # a policy may bring it
    for text in ("a" * MAX_ADDRESS, "x" * MAX_ADDRESS, "aa " * 21):
        assert classify(text, None, grammar).kind == "malformed"


def test_numbers_run_on_re2_too() -> None:
    grammar = Grammar(country="xx", region="KR", patterns=((r"(1+)+2", "mobile"), (r"\d{4}\z", "special")))
    assert classify("1" * MAX_ADDRESS, None, grammar).kind == "malformed"
    assert classify("1335", None, grammar).kind == "special"  # what `re` calls \Z


def test_it_is_re2_that_looks() -> None:
    assert isinstance(matcher(("a",))._set, re2.Set)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        (r"[a-z]\d", "a3", True),
        (r"[a-z]\d", "a\u0663", False),  # re: any digit of Unicode
        (r"\w+", "국민", False),  # re: any letter of Unicode
        (r"\p{Hangul}+", "국민", True),  # re: no such class
        (r".", "국", True),  # one character, not one byte
        (r"a|ab", "ab", True),
        (r"a", "ab", False),
        (r"(?i)bank", "BANK", True),
        (r"", "", True),
    ],
)
def test_what_a_pattern_means(pattern: str, text: str, fits: bool) -> None:
    assert (matcher((pattern,)).first(text) is not None) is fits


def test_the_first_that_fits_says_what_it_is() -> None:
    three = matcher((r"01\d", r"\d+", r"0\d{2}"))
    assert [three.first(text) for text in ("012", "042", "1", "x")] == [0, 1, 1, None]
    assert matcher(()).first("") is None


@pytest.mark.parametrize("jurisdiction", JURISDICTIONS)
def test_shipped_patterns_mean_what_they_meant_on_re(jurisdiction: str) -> None:
    grammar = policy(jurisdiction=jurisdiction).pack.grammar
    patterns = [pattern for pattern, _ in grammar.patterns]
    texts = [
        f"{head}{tail:0{width}}" for head in range(200) for width in range(1, 10) for tail in (0, 5, 9, 10**width - 1)
    ]
    texts = [zero + text for text in texts for zero in ("", "0")]
    for text in texts:
        expected = next((i for i, pattern in enumerate(patterns) if re.fullmatch(pattern, text)), None)
        assert matcher(tuple(patterns)).first(text) == expected, text
    for text in ("My Bank", "a" * 11, "a" * 12, "국민", "a\u0663", "a~", "a\x7f"):
        if grammar.alphanumeric:
            expected = 0 if re.fullmatch(grammar.alphanumeric, text) else None
            assert matcher((grammar.alphanumeric,)).first(text) == expected, text


def test_a_digit_is_ascii_in_a_name_too() -> None:
    grammar = Grammar(country="xx", alphanumeric=r"[a-z]\d")
    assert classify("a3", None, grammar).kind == "alphanumeric"
    assert classify("a\u0663", None, grammar).kind == "malformed"


REFUSED = [
    (r"(a)\1", "no back-references"),
    (r"(?=a)b", "no look-around"),
    (r"(?<!a)b", "no look-around"),
    (r"a++", "possessive"),
    (r"(?>a)", "atomic"),
    ("(", "no regular expression"),
    ("[a-", "no regular expression"),
    (r"a\Z", "no regular expression"),
    ("a{1001}", "no regular expression"),
    ("((a{100}){100}){100}", "no regular expression"),
    ("\ud800", "no regular expression"),
    ("a" * (MAX_CHARACTERS + 1), f"at most {MAX_CHARACTERS}"),
    (r"\pL{30}", f"at most {MAX_INSTRUCTIONS}"),
]


@pytest.mark.parametrize(("pattern", "said"), REFUSED, ids=[ascii(p)[:24] for p, _ in REFUSED])
def test_what_is_refused(pattern: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PatternRefused, match=said):
        Matcher((pattern,))
    assert capfd.readouterr().err == ""  # the library's own log is no place for an operator's error


def test_too_many_are_refused() -> None:
    assert Matcher(("a",) * MAX_PATTERNS).first("a") == 0
    with pytest.raises(PatternRefused, match=f"at most {MAX_PATTERNS}"):
        Matcher(("a",) * (MAX_PATTERNS + 1))


def test_together_they_may_not_be_too_large() -> None:
    assert Matcher((r"\pL{10}",)).first("국" * 10) == 0
    with pytest.raises(PatternRefused, match="smaller repetitions"):
        Matcher((r"\pL{10}",) * 2)


@pytest.mark.parametrize(
    "grammar",
    [{"alphanumeric": r"(?=.*[A-Za-z])\w{1,11}"}, {"patterns": [[r"(\d)\1+", "mobile"]]}],
    ids=["name", "number"],
)
def test_a_policy_says_why_it_is_refused_at_load(grammar: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match=r"^grammar: .* is no regular expression of RE2 .* no back-references, no look-around"
    ):
        policy(grammar=grammar)


def test_one_that_stands_there_all_the_same_leaves_the_last_good_one_in_force() -> None:
    good = PolicyEntry(version=1, profile="enforce")
    bad = PolicyEntry(version=2, profile="enforce", pack={"grammar": {"alphanumeric": r"(?!x).*"}})
    held = view(published=PolicyRow(jurisdiction="kr", timeline=(good, bad)))
    assert Policies(shipped(), "kr").at(held, T).version == policy("enforce").version


@pytest.mark.parametrize("text", ["a" * 63 + "b", "ab" * 32, "b" * 64, "abcc" * 16, "é" * 64])
def test_at_the_bounds_a_set_sees_what_each_pattern_sees(text: str) -> None:
    large = tuple(f"(?:a|b)*a(?:a|b){{{150 + n % 7}}}|.{{0,{50 + n}}}{c}" for n, c in enumerate("abcxyz" * 4))
    alone = [n for n, pattern in enumerate(large) if Matcher((pattern,)).first(text) == 0]
    assert Matcher(large).first(text) == min(alone, default=None)
