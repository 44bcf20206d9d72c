"""One line of a verification."""

from __future__ import annotations

from typing import Literal, NamedTuple

Result = Literal["PASS", "FAIL", "NOT JUDGEABLE"]


class Judged(NamedTuple):
    """What was looked at, what came of it, and why in one sentence."""

    what: str
    result: Result
    sentence: str


def passed(what: str, sentence: str) -> Judged:
    """It holds."""
    return Judged(what, "PASS", sentence)


def failed(what: str, sentence: str) -> Judged:
    """It does not: the bundle is no evidence."""
    return Judged(what, "FAIL", sentence)


def unjudged(what: str, sentence: str) -> Judged:
    """It can't be told from what a third party may see."""
    return Judged(what, "NOT JUDGEABLE", sentence)


def holds(what: str, right: bool, yes: str, otherwise: str) -> Judged:
    """PASS or FAIL."""
    return passed(what, yes) if right else failed(what, otherwise)
