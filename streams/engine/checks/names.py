"""institution, lookalike: does a name pass itself off as an institution's or as a registered brand's?

By skeleton of the sender alone; the message text is not read.
"""

from __future__ import annotations

from typing import Literal

from streams.engine.accounts import ACCOUNTS
from streams.engine.case import Case
from streams.engine.outcome import Check, fail, unknown
from streams.engine.skeleton import skeleton

INSTITUTION = "institution"
LOOKALIKE = "lookalike"
_PASS = {INSTITUTION: Check(INSTITUTION, "PASS"), LOOKALIKE: Check(LOOKALIKE, "PASS")}
_WHOSE = "whose account it is, is not known here"
Ownership = Literal["own", "other", "unknown"]


def institution(case: Case) -> Check | None:
    """FAIL INSTITUTION_IMPERSONATED when the name is an institution's and the account is not its own."""
    answer: Check | None = None
    for key in _alike(case, "institution:"):
        read = case.institution_row(key)
        if read.entry is None:
            continue
        owned = _ownership(case, read.entry.accounts, read.entry.owner)
        if owned == "other":
            return fail(INSTITUTION, "INSTITUTION_IMPERSONATED", {"institution": key}, read.since_ms)
        answer = _PASS[INSTITUTION] if owned == "own" else unknown(INSTITUTION, _WHOSE)
    return answer


def lookalike(case: Case) -> Check | None:
    """FAIL SENDER_LOOKALIKE when a registered name looks the same but is another, and belongs to somebody else."""
    answer: Check | None = None
    for key in _alike(case, "sender:"):
        read = case.sender_row(key.removeprefix("sender:"))
        if read.entry is None:
            continue
        if key == "sender:" + case.sender.key:
            return _PASS[LOOKALIKE]
        owned = _ownership(case, read.entry.routes.accounts, read.entry.owner)
        if owned == "other":
            answer = fail(LOOKALIKE, "SENDER_LOOKALIKE", {"like": key}, read.since_ms)
        elif answer is None or answer.outcome == "PASS":
            answer = _PASS[LOOKALIKE] if owned == "own" else unknown(LOOKALIKE, _WHOSE)
    return answer


def _alike(case: Case, kind: str) -> tuple[str, ...]:
    if case.sender.kind != "alphanumeric" and case.sender.kind not in ACCOUNTS:
        return ()
    found = skeleton(case.message.sender.address)
    return tuple(key for key in case.lookalikes(found) if key.startswith(kind)) if found else ()


def _ownership(case: Case, accounts: tuple[str, ...], owner: str | None) -> Ownership:
    account = case.message.route.account_id
    if account is None:
        own = case.sender_row().entry if case.sender.kind in ACCOUNTS else None  # a platform's accounts have no other
        if own is None or own.owner is None:
            return "unknown"
        return "own" if own.owner == owner else "other"
    if account in accounts:
        return "own"
    row = case.account_row(account).entry
    if row is None:
        return "unknown"  # a row that isn't here: topics are not mutually consistent, so it proves nothing
    return "own" if owner is not None and row.owner == owner else "other"
