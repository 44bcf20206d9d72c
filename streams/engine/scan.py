"""What can be read of a JSON object that is cut off, broken further on, or larger than anybody wants to parse."""

from __future__ import annotations

import json
import re
from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_SCALAR = re.compile(r"[^ \t\n\r,:\[\]{}\"]+")
#: What matters inside a list or an object that is stepped over.
_NEXT = re.compile(r'["\[\]{}]')


def top_level(raw: bytes) -> dict[str, Any]:
    """The strings, numbers, true, false and null directly in the object, up to where it can't be followed.

    One pass, no recursion: linear in `raw`. What holds bytes that are no UTF-8 comes out with lone surrogates; of a key
    that stands twice the later value counts, as in any JSON reader.
    """
    text = raw.decode("utf-8", "surrogateescape")
    found: dict[str, Any] = {}
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        return found
    while True:
        key = _STRING.match(text, _skip(text, at + 1))
        if key is None:
            return found
        at = _skip(text, key.end())
        if text[at : at + 1] != ":":
            return found
        at = _skip(text, at + 1)
        if text[at : at + 1] in ("{", "["):
            at = _over(text, at)
        else:
            value = _STRING.match(text, at) or _SCALAR.match(text, at)
            if value is None:
                return found
            at = value.end()
            if at == len(text) and value.group()[0] != '"':
                return found  # a number may go on behind the cut
            try:
                found[json.loads(key.group(), strict=False)] = json.loads(value.group(), strict=False)
            except ValueError:
                return found
        at = _skip(text, at)
        if text[at : at + 1] != ",":
            return found


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return at if space is None else space.end()


def _over(text: str, at: int) -> int:
    """Behind the list or object that begins at `at`; the end of the text if it does not end."""
    depth = 0
    while (mark := _NEXT.search(text, at)) is not None:
        at = mark.end()
        if mark.group() == '"':
            string = _STRING.match(text, at - 1)
            if string is None:
                break
            at = string.end()
        elif mark.group() in "[{":
            depth += 1
        else:
            depth -= 1
            if not depth:
                return at
    return len(text)
