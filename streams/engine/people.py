"""People: one key for one subscriber, however a portal, a handset or an SMSC writes the number.

Recipients come by the hundred thousand and each but once, so no number parser is asked: digits, trunk prefix and
country code are all that spellings differ in.
"""

from __future__ import annotations

from streams.engine.pack import Grammar

_SEPARATORS = str.maketrans("", "", " -.()/\u00a0\u2010\u2011\u2012\u2013\u2014")
#: E.164: country code and subscriber number.
_LEAST_DIGITS, _MOST_DIGITS = 7, 15


def person(text: str, grammar: Grammar) -> str:
    """`821055501234` for `+82 10-5550-1234`, `010-5550-1234`, `00821055501234`; what is no number stays as it is."""
    digits = text
    if not (digits.isdigit() and digits.isascii()):
        digits = text.strip().translate(_SEPARATORS).removeprefix("+")
        if not (digits.isdigit() and digits.isascii()):
            return text.strip()
        if "+" in text:
            return digits
    if digits[0] != "0":
        return digits
    if digits.startswith("00"):
        return digits[2:]
    if grammar.trunk and grammar.country_code and digits.startswith(grammar.trunk):
        return f"{grammar.country_code}{digits[len(grammar.trunk) :]}"
    return digits


def is_number(key: str) -> bool:
    """Whether a key from `person` is a number, and not a name or an id that a portal gave."""
    return key.isascii() and key.isdigit() and _LEAST_DIGITS <= len(key) <= _MOST_DIGITS
