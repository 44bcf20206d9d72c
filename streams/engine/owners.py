"""Who comes back: rows whose owner is known by the same keys as somebody who was expelled. A warning, never a block:
a shared address or a number that was issued again proves nobody."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable

from streams.contracts.registry import (
    AccountEntry,
    RelayEntry,
    ResellerEntry,
    SenderEntry,
)
from streams.contracts.reputation import Finding, SanctionEntry, SanctionRow
from streams.engine.accounts import kind_of
from streams.engine.epochs import effect_of, epoch_of
from streams.engine.pseudonym import Keys, state_pseudonym
from streams.engine.sanctioning import REGULATOR
from streams.engine.skeleton import ACCOUNT, OWNED, OWNER
from streams.engine.timeline import current
from streams.engine.view import View

EXPELLED, OWNER_EXPELLED, OWNER_BANNED = "DIRECTIVE_EXPEL", "OWNER_EXPELLED", "OWNER_BANNED"


def ever_expelled(row: SanctionRow) -> bool:
    """Whether the subject was ever expelled or banned; if not, there is nothing to look for."""
    return any(map(_out(row.subject), row.timeline))


def _account(subject: str) -> str | None:
    """The row's key of a sending account's subject; None for another subject, and for a person's: a pseudonym."""
    key = subject.rpartition("#")[0]
    return key if key.startswith("sender:") and ACCOUNT in key else None


def _out(subject: str) -> Callable[[SanctionEntry], bool]:
    """What puts a subject out: the regulator's expulsion; of a sending account any BLOCK, for that is a ban."""
    if _account(subject) is not None:
        return lambda entry: entry.step == "BLOCK"
    return lambda entry: (entry.reason, entry.authority) == (EXPELLED, REGULATOR)


def _expulsions(row: SanctionRow, at_ms: int) -> list[SanctionEntry]:
    """The expulsions or bans of a subject that were recorded by then and are not over."""
    out = _out(row.subject)
    return [
        entry
        for entry in row.timeline
        if out(entry) and entry.recorded_at_ms <= at_ms and (entry.to_ms is None or at_ms < entry.to_ms)
    ]


def returned(row: SanctionRow, view: View, at_ms: int, epoch_ms: int, keys: Keys) -> list[Finding]:
    """A finding WARN on each relay, reseller, account and sending account that counts at `at_ms` and shares owner keys
    with the expelled or banned subject, by subject; `counts` names the kinds that match. Whatever the subject's own row
    ever said of it counts. keys: to name a person's account as sanctions do."""
    found: list[Finding] = []
    account = _account(row.subject)
    own = view.row(row.subject if account is None else account)
    if not isinstance(own, OWNED):
        return found
    matched: dict[str, Counter[str]] = {}
    for key in sorted({key for entry in own.timeline for key in entry.owner_keys}):
        for other in view.lookalikes(OWNER + key):
            back = None if other == own.key else _back(view, other, key, at_ms, keys)
            if back is not None:
                matched.setdefault(back, Counter())[key.partition(":")[0]] += 1
    for entry in _expulsions(row, at_ms):
        for subject, kinds in sorted(matched.items()):
            named = f"owner/{entry.sanction_id}/{subject}"
            found.append(
                Finding(
                    subject=subject,
                    finding_id=hashlib.sha256(named.encode("utf-8", "replace")).hexdigest()[:20],
                    source="owner",
                    step="WARN",
                    from_ms=effect_of(epoch_of(at_ms, epoch_ms), epoch_ms),
                    recorded_at_ms=at_ms,
                    reason=OWNER_EXPELLED if account is None else OWNER_BANNED,
                    counts=dict(sorted(kinds.items())),
                    reference=f"{entry.reference} {'+'.join(sorted(kinds))}"[:256],
                    version=1,
                )
            )
    return found


def _back(view: View, key: str, owner_key: str, at_ms: int, keys: Keys) -> str | None:
    """The subject of a row that counts at `at_ms` and has this owner key then; None if it has not."""
    row = view.row(key)
    if not isinstance(row, OWNED):
        return None
    timeline: tuple[RelayEntry | ResellerEntry | AccountEntry | SenderEntry, ...] = row.timeline
    entry = current(timeline, at_ms)
    if entry is None or owner_key not in entry.owner_keys:
        return None
    if not isinstance(entry, SenderEntry):
        return key
    sender = key.partition(":")[2]  # e.g. kr:ott:talk:duru, and as in `sender_subject`
    if entry.class_ == "personal" and kind_of(sender.split(":", 3)[-1]) != "app":
        sender = state_pseudonym(keys, sender)
    return f"sender:{sender}#0"
