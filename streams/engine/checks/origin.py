"""origin: is the number on the display the number that the network itself set? Channel mo only.

PASS proves the sender genuine. A permission row covers the pair where the law lets the numbers differ.
"""

from __future__ import annotations

from streams.engine.case import Case
from streams.engine.outcome import LONG_AGO, Check, fail, unknown
from streams.engine.senders import classify

NAME = "origin"
PASS = Check(NAME, "PASS")


def check(case: Case) -> Check | None:
    """FAIL ORIGIN_MISMATCH."""
    if case.message.channel != "mo" or case.sender.kind == "malformed":
        return None
    origin_number = case.message.origin_number
    if not origin_number:
        return unknown(NAME, "the network gave no origin number")
    origin = classify(origin_number, None, case.pack.grammar)
    if origin.kind == "malformed":
        return unknown(NAME, "the origin number cannot be read")
    if origin.key == case.sender.key:
        return PASS
    if case.permission_row(origin.key).entry is not None:
        return PASS
    return fail(NAME, "ORIGIN_MISMATCH", {"origin_kind": origin.kind}, LONG_AGO)
