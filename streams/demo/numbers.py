"""Numbers of the demo: valid by libphonenumber's plan for Korea, and nobody's.

* Mobile numbers are 010-0xxx (senders) and 010-1xxx (recipients), fixed ones have an exchange that begins with 1, VoIP
  ones are 070-0xxx: plan-valid as ranges go, but subscriber numbers there begin with 2 to 9 (0 and 1 lead to trunk and
  service codes), so no person has one.
* Representative numbers (1588-xxxx) have no such gap. They are companies' service lines, never a person's.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Literal

from streams.contracts.messages import Sender
from streams.contracts.registry import BlockRow, BlockStates, NumberStatus
from streams.engine import blocks

Kind = Literal["mobile", "fixed", "voip", "representative"]
GENERATION = "2025-12-06"
_AREAS = ("02", "031", "032", "033", "041", "042", "043", "051", "052", "053", "054", "055", "061", "062", "063", "064")
_REPRESENTATIVE = (
    "1522", "1533", "1544", "1566", "1577", "1588", "1599", "1600", "1644", "1660",
    "1661", "1666", "1668", "1670", "1688", "1800", "1833", "1855", "1877", "1899",
)  # fmt: skip
#: Recipients, and how far the next one is: prime to their number, so each comes once, and near its golden section, so
#: any few of them lie evenly.
_PEOPLE, _APART = 9_000_000, 5_562_307
_IDLE: tuple[NumberStatus, ...] = ("unallocated", "suspended", "terminated", "ported_out")


def e164(number: str) -> str:
    """`01001234567` → `+821001234567`; a representative number has no such form and is `kr:15881234`."""
    return "+82" + number[1:] if number.startswith("0") else "kr:" + number


def digits(number: str) -> str:
    """`01001234567` → `821001234567`, as recipients are written."""
    return "82" + number[1:]


def sender(number: str, style: int = 0) -> Sender:
    """A number as gear writes it: national (style 0), international without `+` (1), or with it (2)."""
    if not number.startswith("0") or style == 0:
        return Sender(address=number, ton=0 if not number.startswith("0") else 2, npi=1)
    return Sender(address=digits(number) if style == 1 else e164(number), ton=1, npi=1)


def displayed(sender: Sender) -> str:
    """What a handset shows, and so what people report: national for Korean numbers, `+` for foreign ones."""
    if sender.ton != 1:
        return sender.address
    number = sender.address.removeprefix("+")
    return "0" + number[2:] if number.startswith("82") else "+" + number


class Block:
    """10 000 numbers of one owner. Lines are handed out in an order that looks random; the rest are in use or idle."""

    def __init__(self, prefix: str, rng: Random, *, listed: bool = True) -> None:
        self.prefix, self.listed = prefix, listed
        self._states: dict[int, NumberStatus] = {rng.randrange(10_000): rng.choice(_IDLE) for _ in range(300)}
        self._factor, self._offset, self._taken = (
            rng.choice((3, 7, 9)) + 10 * rng.randrange(1000),
            rng.randrange(10_000),
            0,
        )

    def take(self, status: NumberStatus = "active") -> str:
        """The next line, in national form, in this state. A block runs out after 10 000."""
        if self._taken == 10_000:
            raise ValueError(f"block {self.prefix} has no number left")
        line = (self._factor * self._taken + self._offset) % 10_000
        self._taken += 1
        self._states[line] = status
        return f"{self.prefix}{line:04d}"

    def row(self, as_of_ms: int) -> BlockRow | None:
        """The authority's row for the block; None for a block that it does not list."""
        if not self.listed:
            return None
        states = blocks.encode(self._states, "active")
        return BlockRow(
            key="block:" + e164(self.prefix),
            current=BlockStates(generation=GENERATION, as_of_ms=as_of_ms, states=states),
        )


class NumberBook:
    """Hands out blocks; no two owners share one, so no two owners share a number."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._prefixes: dict[Kind, Iterator[str]] = {
            "mobile": iter([f"0100{i:03d}" for i in rng.sample(range(1000), 1000)]),
            # 15xx, 16xx and 18xx behind an area code would read as a representative number with one: malformed.
            "fixed": iter([f"{rng.choice(_AREAS)}1{i:03d}" for i in rng.sample(range(500), 500)]),
            "voip": iter([f"0700{i:03d}" for i in rng.sample(range(1000), 1000)]),
            "representative": iter(rng.sample(_REPRESENTATIVE, len(_REPRESENTATIVE))),
        }
        self._people, self._blocks = (
            rng.randrange(_PEOPLE),
            iter([f"01019{i:02d}" for i in rng.sample(range(100), 100)]),
        )
        self.blocks: list[tuple[Kind, Block]] = []

    def block(self, kind: Kind, *, listed: bool = True) -> Block:
        """A new block of a kind. listed=False: the authority's feed does not have it."""
        block = Block(next(self._prefixes[kind]), self._rng, listed=listed)
        self.blocks.append((kind, block))
        return block

    def person(self) -> str:
        """A new recipient, in national form: far from the last one, as anybody's customers are (no rows: nobody looks
        recipients up)."""
        self._people = (self._people + _APART) % _PEOPLE
        return f"0101{self._people:07d}"

    def neighbours(self) -> str:
        """The prefix of a new block of recipients that are nobody's customers."""
        return next(self._blocks)
