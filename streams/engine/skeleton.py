"""Skeletons: two names that look alike have the same one (after Unicode UTS 39, made case-insensitive)."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources

import orjson

from streams.contracts.registry import AccountRow, InstitutionRow, RelayRow, ResellerRow, Row, SenderRow

#: What owner keys stand under in the same index; a skeleton holds letters and digits only.
OWNER = "owner:"
#: In the key of a sender that is an account, on ott or rcs: of senders only those have owner keys.
ACCOUNT = ":ott:"
OWNED = RelayRow | ResellerRow | AccountRow | SenderRow
_EXTRA = {"i": "l", "1": "l", "|": "l"}  # capital I, digit 1 and l look alike once case is folded away


def _rank(char: str) -> tuple[int, int]:
    if "a" <= char <= "z":
        return 0, ord(char)
    if "A" <= char <= "Z":
        return 1, ord(char)
    return (2 if char.isascii() else 3), ord(char)


def _load() -> tuple[dict[int, str], str]:
    """Code point → prototype, and a hash of the data. The package ships the Unicode consortium's confusables."""
    raw = (resources.files("confusable_homoglyphs") / "confusables.json").read_bytes()
    table: dict[int, str] = {}
    for char, alike in orjson.loads(raw).items():
        if len(char) == 1:
            best = min([char, *(a["c"] for a in alike if len(a["c"]) == 1)], key=_rank)
            folded = best.casefold()
            table[ord(char)] = _EXTRA.get(folded, folded)
    return table, hashlib.sha256(raw).hexdigest()


_TABLE, DATA_SHA256 = _load()
_TABLE.update({ord(k): v for k, v in _EXTRA.items()})


def confusable(point: int) -> int:
    """The code point that a letter looks like; its own where it looks like no other, or like several letters."""
    alike = _TABLE.get(point)
    return ord(alike) if alike is not None and len(alike) == 1 else point


@lru_cache(maxsize=1 << 15)
def skeleton(name: str) -> str:
    """NFKC, casefold, confusables to their prototype, separators and marks out, `rn` and `vv` as they look."""
    folded = unicodedata.normalize("NFKC", name).casefold().translate(_TABLE)
    folded = unicodedata.normalize("NFKC", folded).casefold()
    kept = "".join(c for c in folded if unicodedata.category(c)[0] in "LN")
    return kept.replace("rn", "m").replace("vv", "w")


def skeletons_of(row: Row) -> Iterable[str]:
    """The skeletons under which a row must be found: an institution's names, a registered alphanumeric sender; and the
    keys by which the owner of a relay, reseller, customer's account or sending account is known."""
    if isinstance(row, InstitutionRow):
        return sorted({skeleton(name) for entry in row.timeline for name in entry.names} - {""})
    if isinstance(row, SenderRow) and ":alnum:" in row.key:
        return [s for s in (skeleton(row.key.split(":alnum:", 1)[1]),) if s]
    if isinstance(row, OWNED) and (not isinstance(row, SenderRow) or ACCOUNT in row.key):
        return sorted({OWNER + key for entry in row.timeline for key in entry.owner_keys})
    return []
