"""Which recorded decisions a new row could change. Decisions name few things in clear; the rest is hidden for good."""

from __future__ import annotations

from collections.abc import Iterable

from streams.contracts.decisions import Decision
from streams.contracts.registry import (
    AccountRow,
    AllowRow,
    BlockRow,
    CertificateRow,
    ConsentRow,
    DnoRow,
    NetworkRow,
    NumberRow,
    PermissionRow,
    RelayRow,
    ResellerRow,
    Row,
    SenderRow,
)
from streams.engine.accounts import ACCOUNTS, written
from streams.engine.numberplan import block_key
from streams.engine.pack import Grammar
from streams.engine.senders import SenderId
from streams.engine.skeleton import skeleton, skeletons_of

#: Why a recorded decision can't be judged.
SENDER_HIDDEN = "its sender is a pseudonym, and a new row speaks of numbers of its kind"
RECIPIENT_HIDDEN = "its recipient is a pseudonym, and a new row speaks of recipients"
NEEDS_MESSAGE = "a new row speaks of it, and the message itself would have to be asked"
#: Of new rows only the sender's own registration speaks of it, and that may be asked again (`again.py`).
SENDER_ROW = "its sender's registration is new"


def address_of(key: str, grammar: Grammar) -> str:
    """What a sender with this key would write: `kr:15881234` → `15881234`, `kr:alnum:my bank` → `my bank`."""
    return key.removeprefix(f"{grammar.country}:").removeprefix("alnum:").removeprefix("code:")


class Touched:
    """Knows the new rows by what decisions show of them."""

    def __init__(self, rows: Iterable[Row], grammar: Grammar) -> None:
        self._grammar = grammar
        self._senders: set[str] = set()  # keys with a new registration
        self._names: set[str] = set()  # sender keys of which other rows speak
        self._subjects: set[str] = set()  # relay:…, reseller:…, account:…
        self._numbers: set[str] = set()  # numbers, and keys of blocks
        self._hidden_kinds: set[str] = set()
        self._skeletons: set[str] = set()
        self._any_number = self._recipients = self._networks = False
        for row in rows:
            self._note(row)

    def why(self, decision: Decision) -> str | None:
        """Why the new rows could change the decision in a way that can't be told; None where they say nothing of it."""
        sender = decision.sender
        if sender.kind in ACCOUNTS and self._skeletons:
            return NEEDS_MESSAGE  # the name beside an account stands in the message alone
        if self._recipients:
            return RECIPIENT_HIDDEN
        if sender.key.startswith("~"):
            if sender.kind in self._hidden_kinds or self._any_number:
                return SENDER_HIDDEN
        elif self._speaks_of(written(address_of(sender.key, self._grammar), self._grammar), sender.key):
            return NEEDS_MESSAGE
        if self._networks and (
            "signalling" in decision.passed or any(c.check == "signalling" for c in decision.checks)
        ):
            return NEEDS_MESSAGE
        if {f"relay:{decision.route.relay_id}", *decision.subjects} & self._subjects:
            return NEEDS_MESSAGE
        return SENDER_ROW if sender.key in self._senders else None

    def _speaks_of(self, found: SenderId, key: str) -> bool:
        if key in self._names:
            return True
        if found.number is not None and {found.number, block_key(found.number)} & self._numbers:
            return True
        return found.kind == "alphanumeric" and skeleton(address_of(key, self._grammar)) in self._skeletons

    def _note(self, row: Row) -> None:
        name = row.key.partition(":")[2]
        if isinstance(row, SenderRow | DnoRow | AllowRow | PermissionRow):
            name = name.rpartition(">")[2]
            (self._senders if isinstance(row, SenderRow) else self._names).add(name)
            found = written(address_of(name, self._grammar), self._grammar)
            if found.personal:
                self._hidden_kinds.add(found.kind)
        elif isinstance(row, RelayRow | ResellerRow | AccountRow):
            self._subjects.add(row.key)
        elif isinstance(row, CertificateRow):
            self._subjects.update(entry.holder for entry in row.timeline)
        elif isinstance(row, NumberRow | BlockRow):
            self._numbers.add(row.key if isinstance(row, BlockRow) else name)
            # Service numbers stand under the country's own name and are no person's.
            self._any_number |= not name.startswith(f"{self._grammar.country}:")
        elif isinstance(row, NetworkRow):
            self._networks = True
        elif isinstance(row, ConsentRow):
            self._recipients = True
        self._skeletons.update(skeletons_of(row))
