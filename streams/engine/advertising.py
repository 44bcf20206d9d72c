"""What is an advertisement: as the sending customer stamped it, as the text labels itself, or as its category says.

Unknown stays unknown: nobody is held to the rules for advertisements because we did not know.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from streams.engine.pack import Advertising
from streams.engine.text import INVISIBLE, folded

#: A label stands at the beginning; more of the text is not looked at.
_HEAD = 96


def is_advertisement(
    purpose: str | None, labelled: bool, rules: Advertising, categories: Collection[str] = ()
) -> bool | None:  # fmt: skip
    """True: stamped `advertising`, labelled, or of a category that is one by nature; False: stamped as something
    else; None: nobody said. A label outranks the stamp: a customer who wrote it has said so."""
    if purpose == "advertising" or labelled:
        return True
    if categories and any(category in rules.categories for category in categories):
        return True
    return None if purpose is None else False


def without_label(text: str, rules: Advertising) -> str | None:
    """The text behind its advertising label; None where it bears none.

    The label is the first thing in the text, after what networks put before it (`rules.before_label`). Written with
    spaces or in full width it is still the label; with other signs between its letters it is not.
    """
    if not any(map(folded(text)[:_HEAD].__contains__, _first_letters(rules.labels))):
        return None  # most texts
    head, rest = squeezed(text[:_HEAD]), 0
    for prefix in rules.before_label:
        begin = squeezed(prefix)
        if head.startswith(begin):
            rest += len(begin)
            head = head[len(begin) :]
    for label in rules.labels:
        mark = squeezed(label)
        if head.startswith(mark):
            return text[_end(text, rest + len(mark)) :]
    return None


@lru_cache(maxsize=64)
def _first_letters(labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({squeezed(label)[:1] for label in labels}))


@lru_cache(maxsize=1 << 10)
def squeezed(text: str) -> str:
    """NFKC, casefold, white space and invisible signs out."""
    return "".join(folded(text).translate(INVISIBLE).split())


def _end(text: str, letters: int) -> int:
    """How many characters of the text come to so many letters of its squeezed form."""
    if squeezed(head := text[:letters]) == head:
        return letters  # most labels: nothing to squeeze, so each character is one letter
    return next((n for n in range(1, _HEAD + 1) if len(squeezed(text[:n])) >= letters), _HEAD)
