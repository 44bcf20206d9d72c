"""Patterns that a policy brings, on RE2: in time linear in the text, whatever was written.

The syntax is RE2's: `\\d`, `\\w`, `\\s` and `\\b` mean ASCII, `$` only the end; back-references and look-around do not
exist. The one place that imports re2; patterns that stand in our own source may use `re`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import re2

#: A sender grammar has a dozen patterns of 40 characters, some 500 instructions together. At these bounds the worst
#: text of 64 characters takes a few ms the first time, and RE2 never lacks memory (a set would see no match then).
MAX_PATTERNS = 256
MAX_CHARACTERS = 512
MAX_INSTRUCTIONS = 20_000
_MAX_BYTES = 16 << 20


class PatternRefused(ValueError):
    """A pattern that can't be used; the text says what to write instead."""


class Matcher:
    """Several patterns, tried as one."""

    __slots__ = ("_set",)
    _kind = staticmethod(re2.Set.FullMatchSet)

    def __init__(self, patterns: Sequence[str]) -> None:
        """Raises PatternRefused."""
        if len(patterns) > MAX_PATTERNS:
            raise PatternRefused(f"{len(patterns)} patterns are too many: at most {MAX_PATTERNS}")
        size = 0
        self._set = self._kind(_options())
        for pattern in patterns:
            size += _size(pattern)
            if size > MAX_INSTRUCTIONS:
                raise PatternRefused(
                    f"up to {pattern!r} the patterns come to {size} instructions, at most {MAX_INSTRUCTIONS}: write"
                    " smaller repetitions or classes"
                )
            self._set.Add(pattern)
        self._set.Compile()

    def first(self, text: str) -> int | None:
        """Which pattern is the first that fits the whole text; None if none does. No lone surrogates in `text`."""
        found = self._set.Match(text)
        return None if found is None else min(found)


class Searcher(Matcher):
    """Several patterns, each searched for anywhere in a text."""

    __slots__ = ()
    _kind = staticmethod(re2.Set.SearchSet)

    def all(self, text: str) -> list[int]:
        """Which patterns stand somewhere in the text, in their order. No lone surrogates in `text`."""
        return sorted(self._set.Match(text) or ())


@lru_cache(maxsize=64)
def searcher(patterns: tuple[str, ...]) -> Searcher:
    """The searcher of these patterns, in their order. Raises PatternRefused."""
    return Searcher(patterns)


@lru_cache(maxsize=64)
def matcher(patterns: tuple[str, ...]) -> Matcher:
    """The matcher of these patterns, in their order. Raises PatternRefused."""
    return Matcher(patterns)


def between(text: str, before: str, after: str) -> str:
    """The text without what `before` matches at its beginning and `after` at its end; whole where nothing would be
    left. No lone surrogates in `text`. Raises PatternRefused."""
    expression, group = _between(before, after)
    found = expression.fullmatch(text)
    return text if found is None else str(found.group(group))


@lru_cache(maxsize=64)
def _between(before: str, after: str) -> tuple[re2._Regexp, int]:
    try:
        groups: int = re2.compile(before, _options()).groups  # a pattern may hold groups of its own
        return re2.compile(f"(?:{before})?(.+?)(?:{after})?", _options()), groups + 1
    except re2.error as error:
        raise PatternRefused(f"{before!r} and {after!r} are no expressions for what stands around a name") from error


def _size(pattern: str) -> int:
    """What it compiles to, in instructions. Raises PatternRefused."""
    if len(pattern) > MAX_CHARACTERS:
        raise PatternRefused(f"a pattern of {len(pattern)} characters is too long: at most {MAX_CHARACTERS}")
    try:
        size: int = re2.compile(pattern, _options()).programsize
    except (re2.error, UnicodeEncodeError) as error:
        raise PatternRefused(
            f"{pattern!r} is no regular expression of RE2 ({error}): it has no back-references, no look-around, and no"
            " possessive or atomic groups"
        ) from error
    return size


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False  # they are raised; the library would also print them
    options.max_mem = _MAX_BYTES
    return options
