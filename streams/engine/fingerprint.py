"""Fingerprints: the same campaign text whatever number, amount or link was put into it."""

from __future__ import annotations

import hashlib
import re
import unicodedata

# Bounded as names are (63 characters a label, nine labels), so that no text takes quadratic time. A name may follow a
# Hangul syllable without a space.
_URL = re.compile(
    r"(?:https?://|www\.)\S+"
    r"|(?<![a-z0-9-])[a-z0-9-]{1,63}+(?:\.[a-z0-9-]{1,63}+){0,8}\.[a-z]{2,12}(?![a-z0-9-])(?:/\S*)?"
)
_DIGITS = re.compile(r"\d+")


def fingerprint(text: str) -> str | None:
    """16 hex digits of SHA-256 over the text: NFKC, casefold, URLs and digits masked, white space folded.

    None for a text that has nothing left to compare.
    """
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    if "." in folded or "://" in folded:
        folded = _URL.sub("@", folded)
    masked = " ".join(_DIGITS.sub("#", folded).split())
    if not masked:
        return None
    return hashlib.sha256(masked.encode("utf-8", "replace")).hexdigest()[:16]
