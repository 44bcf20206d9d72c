"""Content lists: packed for the topic, checked whole, compiled for the gate. Phrases by Aho-Corasick, patterns by RE2.

A pack names each list by hash, so what a list says at a decision follows from the policy. A list that is not here, or
has run out, is UNKNOWN.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import ahocorasick
import msgspec

from streams.contracts.base import encoder
from streams.contracts.lists import LIST_MARK, Category, ContentList, ListItem, ListPart, ListRow
from streams.engine.pack import Pack
from streams.engine.patterns import PatternRefused, Searcher, searcher
from streams.engine.policy import Policies
from streams.engine.short import short_hash
from streams.engine.text import INVISIBLE, folded
from streams.engine.view import View

#: A list may be this large before compression; a packed one that comes to more is refused, not unpacked.
MAX_BYTES = 32 << 20
MAX_PACKED = 900_000
_LEAST = 2  # characters of a phrase: one stands in every text
_LIST = msgspec.json.Decoder(ContentList)


class ListRefused(ValueError):
    """A list that can't be used; the text says what to change."""


class Found(NamedTuple):
    """A list that a text is found in, by its first entry."""

    name: str
    category: Category
    entry: str


def key_of_list(jurisdiction: str, name: str) -> str:
    """The key of a list on `policy`."""
    return f"{jurisdiction}{LIST_MARK}{name}"


def plain_form(text: str) -> str:
    """How patterns see a text: NFKC, casefold, invisible signs out, white space as one blank."""
    found = folded(text)
    return " ".join((found if found.isascii() else found.translate(INVISIBLE)).split())


def listed_form(text: str) -> str:
    """How phrases are compared: the plain form, without blanks between letters that are not ASCII. Korean words are
    often torn apart; Latin ones are told by their blanks."""
    return _closed(plain_form(text))


def _closed(plain: str) -> str:
    if plain.isascii():
        return plain
    words = plain.split(" ")
    parts = words[:1]
    for before, word in pairwise(words):
        parts.append(word if not (before[-1:].isascii() or word[:1].isascii()) else " " + word)
    return "".join(parts)


def pack_list(content: ContentList, published_ms: int) -> ListPart:
    """The list as the topic holds it. Raises ListRefused when it is not valid or too large."""
    check_list(content)
    raw = encoder().encode(content)
    data = b64encode(zlib.compress(raw, 9)).decode()
    if len(data) > MAX_PACKED or len(raw) > MAX_BYTES:
        raise ListRefused(
            f"list {content.name} comes to {len(data):,} bytes compressed, at most {MAX_PACKED:,}: split it"
        )
    return ListPart(hash=hash_of(raw), published_ms=published_ms, data=data)


def hash_of(raw: bytes) -> str:
    """The name by which a pack calls these bytes."""
    return "sha256:" + short_hash(raw, size=16)


@lru_cache(maxsize=64)
def unpack_list(part: ListPart) -> ContentList:
    """The list in a part. Raises ListRefused when the bytes are not those of its hash, or no valid list."""
    try:
        packed = zlib.decompressobj()
        raw = packed.decompress(b64decode(part.data, validate=True), MAX_BYTES + 1)
    except (ValueError, zlib.error) as error:
        raise ListRefused(f"list {part.hash} can't be unpacked: {error}") from error
    if len(raw) > MAX_BYTES or not packed.eof or hash_of(raw) != part.hash:
        raise ListRefused(f"list {part.hash}: the bytes are not those of the hash")
    try:
        content = _LIST.decode(raw)
    except (ValueError, RecursionError) as error:
        raise ListRefused(f"list {part.hash} is no list: {error}") from error
    check_list(content)
    return content


def check_list(content: ContentList) -> None:
    """Raises ListRefused with a sentence that says what to change."""
    if not content.phrases and not content.patterns:
        raise ListRefused(f"list {content.name} has neither phrases nor patterns")
    ids = [item.id for item in (*content.phrases, *content.patterns)]
    if len(set(ids)) != len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise ListRefused(f"list {content.name}: {twice} is the id of two entries")
    for item in content.phrases:
        if len(listed_form(item.text)) < _LEAST:
            raise ListRefused(f"list {content.name}: phrase {item.id} has fewer than {_LEAST} characters")
    try:
        search = _search(content)
    except PatternRefused as error:
        raise ListRefused(f"list {content.name}: {error}") from error
    if search is not None and (hits := search.all("")):
        raise ListRefused(f"list {content.name}: pattern {content.patterns[hits[0]].id} fits every text")


def _search(content: ContentList) -> Searcher | None:
    return searcher(tuple(item.text for item in content.patterns)) if content.patterns else None


def _searches(lists: tuple[ContentList, ...]) -> list[tuple[list[tuple[int, str]], Searcher]]:
    """All patterns as one search where that is possible, else list by list; with list and entry of each pattern."""
    places = [(n, item.id) for n, held in enumerate(lists) for item in held.patterns]
    if not places:
        return []
    try:
        return [(places, searcher(tuple(item.text for held in lists for item in held.patterns)))]
    except PatternRefused:  # together too many; each list was checked by itself
        alone = ((n, held, _search(held)) for n, held in enumerate(lists))
        return [([(n, item.id) for item in held.patterns], search) for n, held, search in alone if search is not None]


class Compiled:
    """Some lists, searched as one. missing: names of those that the pack asks for and that are not here."""

    def __init__(self, lists: tuple[ContentList, ...], missing: tuple[str, ...]) -> None:
        self.missing = missing
        self._first_end_ms = min((held.expires_ms for held in lists), default=2**53)
        self._lists = lists
        self._searches = _searches(lists)
        phrases: dict[str, list[tuple[int, ListItem]]] = {}
        for number, held in enumerate(lists):
            for item in held.phrases:
                phrases.setdefault(listed_form(item.text), []).append((number, item))
        self._automaton: Any = None
        if phrases:
            automaton = ahocorasick.Automaton()
            for form, entries in phrases.items():
                automaton.add_word(form, (len(form), entries))
            automaton.make_automaton()
            self._automaton = automaton

    def whole(self, e_ms: int) -> bool:
        """Whether every list that the pack asks for is here and current at e."""
        return e_ms < self._first_end_ms and not self.missing

    def expired(self, e_ms: int) -> tuple[str, ...]:
        """Names of the lists that have run out at e."""
        return tuple(held.name for held in self._lists if held.expires_ms <= e_ms)

    def find(self, text: str, e_ms: int) -> list[Found]:
        """Every list that is current at e and holds something of the text, in the pack's order."""
        plain = plain_form(text)
        found: dict[int, str] = {}
        if self._automaton is not None:
            form = _closed(plain)
            for end, (length, entries) in self._automaton.iter(form):
                if _whole(form, end + 1 - length, end + 1):
                    for number, item in entries:
                        found.setdefault(number, item.id)
        for places, search in self._searches:
            for hit in search.all(plain):
                number, entry = places[hit]
                found.setdefault(number, entry)
        return [
            Found(self._lists[n].name, self._lists[n].category, found[n])
            for n in sorted(found)
            if e_ms < self._lists[n].expires_ms
        ]


def _whole(form: str, begin: int, end: int) -> bool:
    """Whether a phrase that begins or ends with a Latin letter or digit is no part of a longer such word."""
    cut = begin > 0 and _latin(form[begin]) and _latin(form[begin - 1])
    return not cut and not (end < len(form) and _latin(form[end - 1]) and _latin(form[end]))


def _latin(char: str) -> bool:
    return char.isascii() and char.isalnum()


NOTHING = Compiled((), ())


class Lists:
    """Finds the lists that a pack names; compiles each set of them once."""

    def __init__(self, jurisdiction: str) -> None:
        self._jurisdiction = jurisdiction
        self._asked: tuple[Pack | None, tuple[ListRow | None, ...]] = (None, ())
        self._compiled = NOTHING

    def at(self, view: View, pack: Pack) -> Compiled:
        """The pack's lists as far as the view holds them."""
        if not pack.lists:
            return NOTHING
        rows = tuple([view.content_list(key_of_list(self._jurisdiction, name)) for name in pack.lists])
        asked, held = self._asked
        if asked is not pack or len(held) != len(rows) or not all(map(_same, held, rows)):
            self._compiled = compiled(pack, rows)
            self._asked = (pack, rows)
        return self._compiled


def _same(one: object, other: object) -> bool:
    return one is other


def compiled(pack: Pack, rows: tuple[ListRow | None, ...]) -> Compiled:
    """The lists of a pack out of their rows; a list that can't be read counts as missing."""
    lists: list[ContentList] = []
    missing: list[str] = []
    for (name, wanted), row in zip(pack.lists.items(), rows, strict=True):
        part = part_of(row, wanted)
        try:
            if part is None:
                raise ListRefused(f"list {name} is not here")
            content = unpack_list(part)
        except ListRefused:
            missing.append(name)
        else:
            lists.append(content)
    return Compiled(tuple(lists), tuple(missing))


def part_of(row: ListRow | None, wanted: str) -> ListPart | None:
    """The version of a list that has this hash."""
    parts = () if row is None else (row.current, row.previous)
    return next((part for part in parts if part is not None and part.hash == wanted), None)


def missing_lists(view: View, policies: Policies) -> tuple[str, ...]:
    """Names of lists that the two newest policies of each jurisdiction name and that are not here: the one in force and
    the one to come. Until they are, a gate would let through what it was told to label."""
    found: dict[str, None] = {}
    for place in map(policies.place, policies.shipped_places()):
        row = view.policy(place.jurisdiction)
        for entry in sorted(row.timeline if row is not None else (), key=lambda e: -e.version)[:2]:
            try:
                pack = place.of(entry).pack
            except ValueError:
                continue  # refused before it is published; if it stands there all the same, the last good one counts
            held = tuple(view.content_list(key_of_list(pack.jurisdiction, name)) for name in pack.lists)
            found |= dict.fromkeys(compiled(pack, held).missing)
    return tuple(found)
