"""Signs that nobody sees are found wherever Unicode has them."""

from __future__ import annotations

import sys
import unicodedata

from streams.engine.text import INVISIBLE


def test_all_format_characters_are_among_them() -> None:
    """Only some planes are looked through at every start; here it is all of them."""
    every = {n for n in range(sys.maxunicode + 1) if unicodedata.category(chr(n)) == "Cf"}
    assert INVISIBLE.keys() == every
