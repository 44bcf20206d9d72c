"""A recipient's own rules at the message: whom they block, whom they allow, which texts they don't want.

Their own block outranks the protected allowlist, never an emergency; their own allow beats content rules only. Evidence
names the rule that applied, never a keyword and never a list.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import NamedTuple

from streams.contracts.decisions import Action
from streams.contracts.settings import Wishes
from streams.engine.accounts import written
from streams.engine.case import Case
from streams.engine.outcome import Check
from streams.engine.pack import Grammar
from streams.engine.people import person
from streams.engine.pseudonym import Keys, person_key, state_pseudonym

NAME = "recipient"
PASS = Check(NAME, "PASS", gate="recipient")
BLOCKED, ALLOW_ONLY, KEYWORD, UNKNOWN = (
    "RECIPIENT_BLOCKED", "RECIPIENT_ALLOW_ONLY", "RECIPIENT_KEYWORD", "RECIPIENT_UNKNOWN_SENDER",
)  # fmt: skip


class Wanted(NamedTuple):
    """What a recipient's rules say of a message.

    check: None where nothing was set. allowed: the sender is on the recipient's own allow list. action: of a FAIL.
    """

    check: Check | None
    allowed: bool = False
    action: Action = "DROP"


NOTHING_SET = Wanted(None)


@lru_cache(maxsize=1)  # asked for a message's rules and for its delivery; the next message has another recipient
def recipient_key(number: str, grammar: Grammar, keys: Keys) -> str:
    """The pseudonym under which a person's settings, consents, deliveries and reports stand: one, however the number is
    written."""
    return person_key(keys, person(number, grammar))


def listed_key(address: str, grammar: Grammar, keys: Keys) -> str:
    """How a sender stands in a recipient's lists: people as a pseudonym, everybody else in clear."""
    sender = written(address, grammar)
    return state_pseudonym(keys, sender.key) if sender.personal else sender.key


def wanted(case: Case, keys: Keys) -> Wanted:
    """Judge a message by its recipient's rules; on the termination leg only, where the recipient is ours."""
    if case.message.leg != "termination" or not case.message.recipient:
        return NOTHING_SET
    entry = case.settings(recipient_key(case.message.recipient, case.pack.grammar, keys))
    if entry is None:
        return NOTHING_SET
    wishes = entry.wishes
    own = (case.sender.key, state_pseudonym(keys, case.sender.key))
    if any(name in wishes.block for name in own):
        return Wanted(_fail(BLOCKED, "block"), False, wishes.block_action)
    if any(name in wishes.allow for name in own):
        return Wanted(PASS, True)
    return Wanted(_filtered(case, wishes), False, wishes.filter_action)


def _filtered(case: Case, wishes: Wishes) -> Check:
    if wishes.mode == "allow_only":
        return _fail(ALLOW_ONLY, "allow_only")
    if wishes.keywords and _holds(case.message.content.text, wishes.keywords):
        return _fail(KEYWORD, "keywords")
    if wishes.unknown and case.sender_row().entry is None:
        absence = case.absence(case.country_word("sender"))
        if not (absence.proved or case.sender_row().expired):
            return Check(NAME, "UNKNOWN", (), {"why": absence.why}, gate="recipient")
        return _fail(UNKNOWN, "unknown")
    return PASS


def _fail(code: str, rule: str) -> Check:
    return Check(NAME, "FAIL", (code,), {"rule": rule}, gate="recipient")


def _holds(text: str, keywords: tuple[str, ...]) -> bool:
    folded = _fold(text)
    return any(word and word in folded for word in map(_folded_keyword, keywords))


def _fold(text: str) -> str:
    """NFKC, casefold, whitespace as one blank: how keyword and text are compared."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


_folded_keyword = lru_cache(maxsize=1 << 12)(_fold)
