"""origin: is the number on the display the number that the network itself set? Of accounts: the platform's own id.

PASS proves the sender genuine. A permission row covers the pair where the law lets the numbers differ.
"""

from __future__ import annotations

from streams.engine.accounts import ACCOUNTS, account, same_account
from streams.engine.case import Case
from streams.engine.outcome import LONG_AGO, Check, fail, unknown
from streams.engine.senders import classify

NAME = "origin"
PASS = Check(NAME, "PASS")


def check(case: Case) -> Check | None:
    """FAIL ORIGIN_MISMATCH."""
    if case.sender.kind in ACCOUNTS:
        return _account(case)
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


def _account(case: Case) -> Check:
    """An account that the platform set. A name on display is a name; an `@` on display says which account it is."""
    if not case.message.origin_id:
        return unknown(NAME, "the platform gave no account")
    shown = case.message.sender.address
    if "@" in shown and not same_account(account(shown, case.pack.grammar), case.sender):
        return fail(NAME, "ORIGIN_MISMATCH", {"origin_kind": case.sender.kind}, LONG_AGO)
    return PASS
