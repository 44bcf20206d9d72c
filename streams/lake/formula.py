"""What a spreadsheet would compute instead of show."""

from __future__ import annotations

#: What a spreadsheet begins a formula with, and what it skips in front of one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def guarded(text: str) -> str:
    """The text, with an apostrophe in front where it could be a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
