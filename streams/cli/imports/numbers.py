"""Number files (`number,status[,since]`): blocks of 10 000, and rows for numbers whose grace is still running."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from streams.cli.imports.rows import UNNUMBERED, Parsed
from streams.cli.imports.source import Cells, Csv, Reject, RowError, reject
from streams.cli.shell import instant
from streams.contracts.registry import BlockRow, BlockStates, NumberEntry, NumberRow, NumberStatus
from streams.engine.blocks import SIZE, STATES, encode, state_at
from streams.engine.numberplan import block_key
from streams.engine.pack import Pack
from streams.engine.senders import classify
from streams.engine.view import View
from streams.errors import InputError

_CODES: dict[str, int] = {name: code for code, name in enumerate(STATES)}
#: States of numbers that somebody has or had: what a shrink is counted in.
LISTED = frozenset(_CODES[s] for s in ("active", "suspended", "terminated", "ported_out"))


class Recent(NamedTuple):
    """A termination whose grace is not over."""

    number: str
    since_ms: int


@dataclass(slots=True)
class Numbers(Parsed):
    """Blocks under construction: block key → 10 000 state codes. words: block key → word, e.g. `kr:mobile`."""

    blocks: dict[str, bytearray] = field(default_factory=dict)
    words: dict[str, str | None] = field(default_factory=dict)
    recent: list[Recent] = field(default_factory=list)

    @property
    def listed(self) -> int:
        """How many numbers somebody has or had."""
        return sum(sum(block.count(code) for code in LISTED) for block in self.blocks.values()) + len(self.recent)


def parse_numbers(files: list[str], pack: Pack, view: View, as_of_ms: int, each: Callable[[], None]) -> Numbers:
    """Read all files. Raises InputError when a file can't be read or lacks a column.

    A terminated number goes into its block only when the pack's grace is over; before that it gets a row of its own,
    which says since when. Without `since`, the grace runs from this import, unless the registry knew it already.
    """
    parsed = Numbers()
    for name in files:
        source = Csv(name, parsed.digest, required=("number", "status"))
        if extra := set(source.columns) - {"number", "status", "since"}:
            raise InputError(f"{name} has columns that number files don't have ({', '.join(sorted(extra))}).")
        for found in source.rows():
            each()
            if isinstance(found, Reject):
                parsed.rejects.append(found)
                continue
            try:
                _take(parsed, found, pack, view, as_of_ms)
            except RowError as error:
                parsed.rejects.append(reject(found.place, error, found.text))
    return parsed


def _take(parsed: Numbers, found: Cells, pack: Pack, view: View, as_of_ms: int) -> None:
    number = _number(parsed, found.cells.get("number", ""), pack)
    status = found.cells.get("status", "")
    code = _CODES.get(status)
    if code is None:
        raise RowError("NO_SUCH_STATUS", f"{status!r} is none of {', '.join(STATES)}")
    key, at = block_key(number), int(number[-4:])
    parsed.places.setdefault(key, found.place)
    states = parsed.blocks.setdefault(key, bytearray(SIZE))
    if states[at]:
        raise RowError("TWICE", f"{number} stands above already")
    if status == "terminated":
        since = _since(found, number, view, as_of_ms)
        if since > as_of_ms:
            raise RowError("SINCE_THE_FUTURE", f"{number} is terminated since a time after the import's")
        if since + pack.terminated_grace_ms > as_of_ms:
            parsed.recent.append(Recent(number, since))
            code = _CODES["active"]  # what the block says until the grace is over; the row says the rest
    states[at] = code


def _number(parsed: Numbers, text: str, pack: Pack) -> str:
    """The canonical number. Ten thousand numbers of one prefix are of one kind: only the first is classified."""
    if (
        len(text) > 7
        and text[0] == "+"
        and text[1:].isascii()
        and text[1:].isdigit()
        and block_key(text) in parsed.words
    ):
        return text
    found = classify(text, None, pack.grammar)
    if found.number is None or found.word is None:
        raise RowError("NO_SUCH_NUMBER", f"{text!r} is no number of {pack.jurisdiction} that a status feed speaks of")
    parsed.words[block_key(found.number)] = found.word
    return found.number


def _since(found: Cells, number: str, view: View, as_of_ms: int) -> int:
    if given := found.cells.get("since"):
        try:
            return instant(given)
        except InputError as error:
            raise RowError("NO_TIME", str(error)) from error
    return known_since(view, number, as_of_ms)


def known_since(view: View, number: str, as_of_ms: int) -> int:
    """Since when the registry has held a number as terminated, in ms; `as_of_ms` when it does not."""
    row = view.row("number:" + number)
    if isinstance(row, NumberRow):
        for entry in row.timeline:
            if entry.status == "terminated" and (entry.to_ms is None or entry.to_ms > as_of_ms):
                return min(entry.from_ms, as_of_ms)
    block = view.row(block_key(number))
    if isinstance(block, BlockRow):
        for part in (block.current, block.previous):
            if part is not None and part.as_of_ms < as_of_ms:
                return -(2**53) if state_at(part.states, int(number[-4:])) == "terminated" else as_of_ms
    return as_of_ms


def build(parsed: Numbers, view: View, generation: str, as_of_ms: int, complete_for: tuple[str, ...]) -> None:
    """Turn what was read into rows (in place).

    A number that a complete file leaves out of a block is unallocated; of an incomplete file, unknown.
    """
    for key, states in parsed.blocks.items():
        rest: NumberStatus = "unallocated" if parsed.words.get(key) in complete_for else "unknown"
        packed = encode({i: STATES[code] for i, code in enumerate(states) if code}, rest)
        current = BlockStates(generation=generation, as_of_ms=as_of_ms, states=packed)
        parsed.rows[key] = BlockRow(key=key, current=current)
    for number, since_ms in parsed.recent:
        key = "number:" + number
        held = view.row(key)
        epoch = held.timeline[-1].owner_epoch if isinstance(held, NumberRow) else 0
        entry = NumberEntry(
            from_ms=since_ms, recorded_at_ms=as_of_ms, version=UNNUMBERED, status="terminated", owner_epoch=epoch
        )
        parsed.rows[key] = NumberRow(key=key, timeline=(entry,))
        parsed.places.setdefault(key, parsed.places[block_key(number)])
        parsed.unnumbered.add(key)
