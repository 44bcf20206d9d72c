"""Texts as rules compare them."""

from __future__ import annotations

import sys
import unicodedata
from functools import lru_cache

#: For `str.translate`: format characters (zero width, direction marks, soft hyphens) go; people do not see them.
INVISIBLE = dict.fromkeys(n for n in range(sys.maxunicode + 1) if unicodedata.category(chr(n)) == "Cf")


@lru_cache(maxsize=1 << 12)
def folded(text: str) -> str:
    """NFKC and casefold."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
