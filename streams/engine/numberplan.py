"""Number plans: the pack's own patterns for the home country, libphonenumber's ranges for the rest.

A range says that a number could exist. Whether it was allocated and to whom is the authority's block, never this.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneNumberType

from streams.engine.pack import Grammar
from streams.engine.patterns import Matcher, matcher

_KINDS = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "fixed",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "mobile",
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.UAN: "representative",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.PERSONAL_NUMBER: "forwarding",
    PhoneNumberType.PAGER: "pager",
}


class Number(NamedTuple):
    """A number by the plan: its canonical key, kind, row id, and whether it belongs to the home country."""

    key: str
    kind: str
    number: str
    home: bool


def parse_international(digits: str, grammar: Grammar) -> Number | None:
    """A number written with its country code (digits only, no `+`), or None where no plan has it."""
    code = str(grammar.country_code)
    if grammar.country_code and digits.startswith(code):
        return parse_national(digits[len(code) :], grammar, trunk_optional=True)
    try:
        parsed = phonenumbers.parse("+" + digits, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    e164 = "+" + digits
    return Number(e164, "foreign", e164, False)


def parse_national(digits: str, grammar: Grammar, *, trunk_optional: bool = False) -> Number | None:
    """A number as dialled in the home country, or None where neither pattern nor range has it.

    trunk_optional: it came behind the country code, so the trunk prefix may be missing.
    """
    candidates = [digits]
    if trunk_optional and grammar.trunk and not digits.startswith(grammar.trunk):
        candidates.append(grammar.trunk + digits)
    for candidate in candidates:
        at = _patterns(grammar).first(candidate)
        if at is not None:
            kind = grammar.patterns[at][1]
            return None if kind == "malformed" else _home(candidate, kind, grammar)
    if (grammar.patterns and not grammar.ranges) or not grammar.region:
        return Number(f"{grammar.country}:{digits}", "short_code", f"{grammar.country}:{digits}", False) if (
            not grammar.region and 3 <= len(digits) <= 8
        ) else None  # fmt: skip
    return _by_range(digits, grammar)


def _by_range(digits: str, grammar: Grammar) -> Number | None:
    try:
        parsed = phonenumbers.parse(digits, grammar.region)
    except phonenumbers.NumberParseException:
        return None
    kind = _KINDS.get(phonenumbers.number_type(parsed))
    if kind is None or not phonenumbers.is_valid_number(parsed):
        return None
    national = grammar.trunk + str(parsed.national_number)
    return _home(national, kind, grammar)


def _home(national: str, kind: str, grammar: Grammar) -> Number:
    key = f"{grammar.country}:{national}"
    if kind in grammar.not_dialable:
        return Number(key, kind, key, True)
    return Number(key, kind, f"+{grammar.country_code}{national.removeprefix(grammar.trunk)}", True)


@lru_cache(maxsize=64)
def _patterns(grammar: Grammar) -> Matcher:
    return matcher(tuple(pattern for pattern, _ in grammar.patterns))


def block_key(number: str) -> str:
    """The key of the block of 10 000 that a number stands in: `block:+82105550`, `block:kr:1588`."""
    return "block:" + number[:-4]
