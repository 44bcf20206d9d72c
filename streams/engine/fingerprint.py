"""Fingerprints: the same campaign text whatever number, amount or link was put into it, and after small edits.

The exact fingerprint is that of a template. Beside it a text has up to four *band keys*; a small edit leaves most of
them as they were. A key says its version (`b1`): texts of two versions share none. Measured by `bench/fingerprint.py`.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache
from zlib import crc32

from streams.engine.skeleton import confusable
from streams.engine.text import folded

BAND_PREFIX = "b1."
BANDS = 4
#: Letters of a shingle and shingles of a band's key, in a text of at least SHORT letters and in a shorter one: there a
#: word is much of the text, and of two shingles one is soon gone.
LONG_BANDS, SHORT_BANDS, SHORT = (5, 2), (6, 1), 60
#: A Hangul syllable or an ideograph says about as much as two Latin letters.
WIDE_LONG_BANDS, WIDE_SHORT_BANDS, WIDE_SHORT = (3, 2), (4, 1), 30
#: Letters looked at: a long text costs no more than a long message, and its beginning names the campaign.
MAX_LETTERS = 1500
#: Below this a text is too common to be a campaign's (a greeting, a one-word answer).
MIN_SHINGLES = 8
_WIDE_FROM = "\u1100"

# Bounded as names are (63 characters a label, nine labels), so that no text takes quadratic time. A name may follow a
# Hangul syllable without a space.
URL = re.compile(
    r"(?:https?://|www\.)\S+"
    r"|(?<![a-z0-9-])[a-z0-9-]{1,63}+(?:\.[a-z0-9-]{1,63}+){0,8}\.[a-z]{2,12}(?![a-z0-9-])(?:/\S*)?"
)
#: The same in a text that keeps its case: paths of links have one.
CASED_URL = re.compile(URL.pattern, re.IGNORECASE)
_DIGITS = re.compile(r"\d+")


def fingerprint(text: str) -> str | None:
    """16 hex digits of SHA-256 over the text: NFKC, casefold, URLs and digits masked, white space folded.

    None for a text that has nothing left to compare.
    """
    return _mark(_masked(text))


def bands(text: str) -> tuple[str, ...]:
    """The band keys of a text, `b1.<band>.<12 hex digits>`, at most four; none for a text too short to tell apart.

    Letters only, as they look (confusables, invisible signs, case, accents and spaces do not count), cut into shingles.
    A shingle's hash says its band, and the smallest of a band are its key: one permutation MinHash. So two texts share
    a band about as often as the shingles of a key.
    """
    return _bands(_masked(text))


@lru_cache(maxsize=1 << 14)  # a company's messages differ in what is masked
def _mark(masked: str) -> str | None:
    return hashlib.sha256(masked.encode("utf-8", "replace")).hexdigest()[:16] if masked else None


@lru_cache(maxsize=1 << 8)
def _masked(text: str) -> str:
    found = folded(text)
    if "." in found or "://" in found:
        found = URL.sub("@", found)
    return " ".join(_DIGITS.sub("#", found).split())


@lru_cache(maxsize=1 << 14)
def _bands(masked: str) -> tuple[str, ...]:
    letters = masked[: 4 * MAX_LETTERS].translate(_LETTERS)[:MAX_LETTERS]
    wide = 0 if letters.isascii() else sum(map(_WIDE_FROM.__le__, letters))
    if 2 * wide > len(letters):
        length, least = WIDE_LONG_BANDS if len(letters) >= WIDE_SHORT else WIDE_SHORT_BANDS
    else:
        length, least = LONG_BANDS if len(letters) >= SHORT else SHORT_BANDS
    raw, size = letters.encode("utf-16-le", "surrogatepass"), 2 * length
    hashes = {crc32(raw[at : at + size]) for at in range(0, len(raw) - size + 1, 2)}
    if len(hashes) < MIN_SHINGLES:
        return ()
    found: list[list[int]] = [[] for _ in range(BANDS)]
    for value in sorted(hashes):
        band = found[value % BANDS]
        if len(band) < least:
            band.append(value)
    return tuple(_key(number, band) for number, band in enumerate(found) if len(band) == least)


def _key(number: int, band: list[int]) -> str:
    # A CRC of five letters is undone by trying; votes and sanctions are public, so the key is a hash of both.
    return f"{BAND_PREFIX}{number}.{hashlib.sha256(f'{number}/{band}'.encode()).hexdigest()[:12]}"


class _Letters(dict[int, int | None]):
    """For `str.translate`: a letter as it looks, everything else out. Filled as characters are met."""

    def __missing__(self, point: int) -> int | None:
        kept = confusable(point) if unicodedata.category(chr(point))[0] == "L" else None
        self[point] = kept
        return kept


_LETTERS = _Letters()
