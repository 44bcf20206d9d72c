"""Classify a sender before anything parses it: letters first, then codes, then digits.

A number parser turns letters into digits (`1588-HELP` becomes a valid Korean number) and strips `#` and `*`, so it must
only ever see digits. Kinds and keys are canonical: one sender, one key, however it was written.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import NamedTuple

from streams.engine.numberplan import parse_international, parse_national
from streams.engine.pack import Grammar
from streams.engine.patterns import between, matcher

_SEPARATORS = str.maketrans("", "", " -.()/\u00a0\u2010\u2011\u2012\u2013\u2014")
MAX_ADDRESS = 64


class SenderId(NamedTuple):
    """What a sender address is.

    key: canonical, `kr:01055501111`, `kr:15881234`, `kr:alnum:my bank`, `kr:code:*123#`, `+12025550123`.
    kind: mobile, fixed, voip, representative, toll_free, premium, forwarding, pager, special, alphanumeric,
    service_code, short_code, foreign or malformed.
    word: what a feed must be complete for, e.g. `kr:mobile`; None where no authority keeps a list.
    number: E.164 or canonical number for status rows and blocks; None for what is no number.
    personal: published as a pseudonym unless registered to a business.
    """

    key: str
    kind: str
    word: str | None
    number: str | None
    personal: bool
    flags: tuple[str, ...] = ()


@lru_cache(maxsize=1 << 17)
def classify(address: str, ton: int | None, grammar: Grammar) -> SenderId:
    """The sender behind an address as received. Never raises; what no rule fits is `malformed`."""
    if address.isascii() and address.isdigit() and len(address) <= MAX_ADDRESS:
        return _numeric(address, address, ton, grammar)  # most: nothing to fold
    text = unicodedata.normalize("NFKC", address).strip()
    if not text or len(text) > MAX_ADDRESS or any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
        return _malformed(address, grammar)
    if any(c.isalpha() for c in text):
        return _alphanumeric(address, text, grammar, ton)
    if "#" in text or "*" in text:
        return SenderId(f"{grammar.country}:code:{text}", "service_code", None, None, False)
    return _numeric(address, text, ton, grammar)


def _numeric(address: str, text: str, ton: int | None, grammar: Grammar) -> SenderId:
    flags: tuple[str, ...] = ("ton_mismatch",) if ton == 5 else ()
    digits = text.translate(_SEPARATORS)
    plus = digits.startswith("+")
    international = plus or (digits.startswith("00") and len(digits) > 9)
    if international:
        digits = digits[1:] if plus else digits[2:]
    if ton == 1 and not international:
        if digits.startswith("0"):
            flags = ("ton_mismatch",)  # a national number that claims to be international: read what is written
        else:
            international = True
    elif ton == 2 and international:
        flags = ("ton_mismatch",)
    if not digits.isascii() or not digits.isdigit():
        return _malformed(address, grammar)
    found = parse_international(digits, grammar) if international else parse_national(digits, grammar)
    if found is None and ton == 1 and not plus:
        # Gear often stamps TON 1 on national and service numbers (1588-1234): never a reason by itself.
        found, flags = parse_national(digits, grammar), ("ton_mismatch",)
    if found is None and not international and (not grammar.region or digits.startswith(str(grammar.country_code))):
        # Gateways drop the plus. Nothing national fits, so it can only have been meant as international.
        found, flags = parse_international(digits, grammar), (*flags, "plus_missing")
    if found is None:
        return _malformed(address, grammar, flags)
    word = grammar.words.get(found.kind) if found.home else None
    return SenderId(found.key, found.kind, word, found.number, found.kind in grammar.personal, flags)


def _alphanumeric(address: str, text: str, grammar: Grammar, ton: int | None) -> SenderId:
    flags: tuple[str, ...] = () if ton in (None, 0, 5) else ("ton_mismatch",)
    shown = address.strip()
    if any(grammar.affixes):
        shown = between(shown, *grammar.affixes)
        text = unicodedata.normalize("NFKC", shown)
    if grammar.alphanumeric and matcher((grammar.alphanumeric,)).first(text) is None:
        return _malformed(address, grammar, flags)
    name = unicodedata.normalize("NFC", shown).casefold()
    return SenderId(f"{grammar.country}:alnum:{name}", "alphanumeric", None, None, False, flags)


def _malformed(address: str, grammar: Grammar, flags: tuple[str, ...] = ()) -> SenderId:
    # Not personal data that anybody could be reached by, but it may hold any bytes: publish it as a pseudonym.
    shown = address.encode("utf-8", "replace").decode()[:MAX_ADDRESS]
    return SenderId(f"{grammar.country}:malformed:{shown}", "malformed", None, None, True, flags)
