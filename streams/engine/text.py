"""Texts as rules compare them."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import chain

#: Where Unicode has format characters: the first two planes and that of tags. All of them would cost every start 0.1 s.
_PLANES = (range(0x20000), range(0xE0000, 0xE1000))
#: For `str.translate`: format characters (zero width, direction marks, soft hyphens) go; people do not see them.
INVISIBLE = dict.fromkeys(n for n in chain(*_PLANES) if unicodedata.category(chr(n)) == "Cf")


@lru_cache(maxsize=1 << 12)
def folded(text: str) -> str:
    """NFKC and casefold."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
