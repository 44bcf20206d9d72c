"""Small edits of a text, as senders of spam make them to look new. Each takes a random source and a text."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from streams.engine.fingerprint import URL

Edit = Callable[[Random, str], str]

_ALIKE = {"a": "\u0430", "e": "\u0435", "o": "\u043e", "c": "\u0441", "p": "\u0440", "x": "\u0445", "i": "\u0456"}
_INVISIBLE = "\u200b\u200d\u2060\ufeff"
_LATIN, _HANGUL = "abcdefghijklmnopqrstuvwxyz", "가나다라마바사아자차카타파하고노도로모보소오조초코토포호"
_WORDS = {False: ("really", "today", "please", "again", "only", "now"), True: ("정말", "오늘", "다시", "지금", "바로")}
_GREETINGS = {
    False: ("Hi Minjun, ", "Dear Seoyeon, ", "Hello Jiho! ", "Daniel, ", "Good morning Sofia "),
    True: ("김하늘님, ", "이서준 고객님 ", "안녕하세요 박지우님 ", "최민아님! "),
}


def _korean(text: str) -> bool:
    return any("가" <= c <= "힣" for c in text)


def _letter(rng: Random, text: str) -> str:
    return rng.choice(_HANGUL if _korean(text) else _LATIN)


def typo(rng: Random, text: str) -> str:
    """One letter replaced, dropped, doubled or swapped with the next."""
    places = [n for n, c in enumerate(text) if c.isalpha()]
    if not places:
        return text
    at, way = rng.choice(places), rng.randrange(4)
    new = ("", _letter(rng, text), _letter(rng, text) + text[at], text[at + 1 : at + 2] + text[at])[way]
    return text[:at] + new + text[at + (2 if way == 3 else 1) :]


def spaces(rng: Random, text: str) -> str:
    """Three spaces more or fewer."""
    for _ in range(3):
        at = rng.randrange(1, max(2, len(text)))
        text = text[:at] + ("" if text[at - 1 : at + 1].isspace() else " ") + text[at:].removeprefix(" ")
    return text


def invisible(rng: Random, text: str) -> str:
    """Three signs of no width."""
    for _ in range(3):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(_INVISIBLE) + text[at:]
    return text


def homoglyphs(rng: Random, text: str) -> str:
    """Up to five Latin letters by Cyrillic ones that look alike."""
    places = [n for n, c in enumerate(text) if c in _ALIKE]
    for at in rng.sample(places, min(5, len(places))):
        text = text[:at] + _ALIKE[text[at]] + text[at + 1 :]
    return text


def digits(rng: Random, text: str) -> str:
    """Every digit another, and an amount more."""
    return re.sub(r"\d", lambda _: str(rng.randrange(10)), text) + f" {rng.randrange(10_000)}"


def links(rng: Random, text: str) -> str:
    """Every link another, and one more."""
    new = f"http://x{rng.randrange(999)}.example/{rng.randrange(999)}"
    return URL.sub(new, text) + " " + new


def case(rng: Random, text: str) -> str:
    """Shouted, or upside down."""
    return text.upper() if rng.random() < 0.5 else text.swapcase()


def added(rng: Random, text: str) -> str:
    """A word more."""
    words = text.split(" ")
    words.insert(rng.randrange(len(words) + 1), rng.choice(_WORDS[_korean(text)]))
    return " ".join(words)


def dropped(rng: Random, text: str) -> str:
    """A word less."""
    words = text.split(" ")
    if len(words) > 1:
        words.pop(rng.randrange(len(words)))
    return " ".join(words)


def swapped(rng: Random, text: str) -> str:
    """Two words that stand side by side, the other way round."""
    words = text.split(" ")
    if len(words) > 1:
        at = rng.randrange(len(words) - 1)
        words[at], words[at + 1] = words[at + 1], words[at]
    return " ".join(words)


def replaced(rng: Random, text: str) -> str:
    """A word by another."""
    words = text.split(" ")
    words[rng.randrange(len(words))] = rng.choice(_WORDS[_korean(text)])
    return " ".join(words)


def greeting(rng: Random, text: str) -> str:
    """A greeting with a name in front."""
    return rng.choice(_GREETINGS[_korean(text)]) + text


EDITS: dict[str, Edit] = {
    f.__name__: f
    for f in (
        typo, spaces, invisible, homoglyphs, digits, links, case, added, dropped, swapped, replaced, greeting,
    )
}  # fmt: skip


def three(rng: Random, text: str) -> str:
    """Three different edits, one after the other."""
    for name in rng.sample(sorted(EDITS), 3):
        text = EDITS[name](rng, text)
    return text
