"""Plain words for every check and every code: what was asked, what a failure means, what would have helped.

The words are in `sentences.toml`.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import NamedTuple


class Asked(NamedTuple):
    """A check. question: what it asks; passed: what its PASS says."""

    question: str
    passed: str


class Said(NamedTuple):
    """A code. meaning: what was found; remedy: with what it would not have been found (follows "if")."""

    meaning: str
    remedy: str


_WORDS = tomllib.loads((resources.files(__package__) / "sentences.toml").read_text(encoding="utf-8"))
CHECKS = {name: Asked(**words) for name, words in _WORDS["checks"].items()}
CODES = {code: Said(**words) for code, words in _WORDS["codes"].items()}

_WINDOWS = {"1H": "an hour", "24H": "24 hours", "10D": "10 days"}
_LEVELS = {"WARN": "the warning threshold", "CRITICAL": "the critical threshold"}
_ORDERS = {
    "SUSPEND": "a regulator's order suspends it", "TERMINATE": "a regulator's order bars it for good",
    "BLOCK": "a regulator's order blocks it", "EXPEL": "it, or who stands above it in the registry, is expelled",
    "THROTTLE": "a regulator's order lets only a share of it through",
}  # fmt: skip
#: Codes that a pack's modes name for whole gates.
GATES = {
    "SANCTION": Said("reports have led to a sanction", "the sanction had ended or been cleared"),
    "DIRECTIVE": Said("a regulator's order stands against it", "the order were released"),
}


def said(code: str) -> Said | None:
    """The words for a code; codes of sanctions and directives are put together. None for a code that has none."""
    if code in CODES or code in GATES:
        return CODES.get(code) or GATES[code]
    if code.startswith("DIRECTIVE_"):
        order = _ORDERS.get(code.removeprefix("DIRECTIVE_"))
        return Said(order, GATES["DIRECTIVE"].remedy) if order else None
    head, *middle, level, window = code.split("_") if code.count("_") >= 2 else ("", "", "")
    if head != "REPORTS" or level not in _LEVELS or window not in _WINDOWS or middle not in ([], ["RATE"]):
        return None
    measured = "reports per delivered message" if middle else "distinct people who reported"
    return Said(
        f"{measured} reached {_LEVELS[level]} within {_WINDOWS[window]} (on its {{on}}, step {{step}})",
        "fewer people had reported it, or the sanction had ended or been cleared",
    )


RANKS: dict[str, str] = {
    "directive": "a regulator's order, which outranks everything",
    "emergency_allow": "an emergency allow rule for this sender on this route, which only an order outranks",
    "forgery": "a forged caller ID, which only an order or an emergency allow outranks",
    "recipient_block": "the recipient's own block",
    "protected_allow": "a protected sender on its proved route, which outranks standing, sanctions and content",
    "standing": "the standing of those who carried it",
    "sanction": "a sanction, which any forgery or allow rule outranks",
    "blacklist": "a partner's blacklist, which outranks only the recipient's own allow list and the content",
    "recipient_allow": "the recipient's own allow list, which outranks content only",
    "content": "the content, the last rank",
    "default": "nothing that blocks: what nobody objects to is allowed",
}
