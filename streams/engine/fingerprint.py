"""Fingerprints: the same campaign text whatever number, amount or link was put into it."""

from __future__ import annotations

import hashlib
import re
import unicodedata

_MASKED = re.compile(r"(?:https?://|www\.)\S+|\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,12}(?:/\S*)?|\d+")
_SPACE = re.compile(r"\s+")


def fingerprint(text: str) -> str | None:
    """16 hex digits of SHA-256 over the text: NFKC, casefold, URLs and digits masked, white space folded.

    None for a text that has nothing left to compare.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    masked = _SPACE.sub(" ", _MASKED.sub(_mask, folded)).strip()
    if not masked:
        return None
    return hashlib.sha256(masked.encode("utf-8", "replace")).hexdigest()[:16]


def _mask(found: re.Match[str]) -> str:
    return "#" if found.group()[0].isdigit() and found.group().isdigit() else "@"
