"""Subjects: what reports are counted against and sanctions are imposed on.

`sender:<key>#<owner epoch>` (a reissued number does not inherit), `account:…`, `campaign:<relay or ->×<fingerprint>`
(a template's, or one of a text's band keys), `relay:…`, `reseller:…`,
`carrier:…` (whose network a relay connects, by the relay's row). Senders who are people stand there
under the state key. `pair:sender:<key>>relay` is what the breaker relieves: business senders only.
"""

from __future__ import annotations

from streams.contracts.decisions import Decision
from streams.contracts.registry import RelayEntry
from streams.engine.case import Case
from streams.engine.fingerprint import bands, fingerprint
from streams.engine.pseudonym import Keys, state_pseudonym

MAX_SUBJECT = 512


def is_business(case: Case) -> bool:
    """Whether the sender may be published in clear: registered to a business, or no person's line by its kind.

    A business that a list has lost stays one for as long as the breaker remembers it.
    """
    if not case.sender.personal:
        return True
    entry = case.sender_row().entry or case.dropped_row()
    return entry is not None and entry.class_ == "business"


def sender_subject(case: Case, keys: Keys) -> str:
    """The sender's subject at the case's time."""
    key = case.sender.key if is_business(case) else state_pseudonym(keys, case.sender.key)
    return f"sender:{key}#{case.number().owner_epoch}"


def pair_subject(sender_key: str, relay_id: str | None) -> str | None:
    """The pair of a sender in clear and its relay; None where there is none, or no record could hold it."""
    subject = f"pair:sender:{sender_key}>{relay_id}"
    if relay_id is None or sender_key.startswith("~") or len(subject) > MAX_SUBJECT:
        return None
    return subject


def campaign_subject(relay_id: str | None, fingerprint: str) -> str:
    """The campaign of a text over a relay (`-` where the relay is not known)."""
    return f"campaign:{relay_id or '-'}×{fingerprint}"


def listed_subjects(case: Case) -> tuple[str, ...]:
    """The subjects that a decision lists: those that name no person and stand nowhere else in it."""
    return (*_customers(case), *_carrier(case))


def carrier_subjects(entry: RelayEntry | None) -> tuple[str, ...]:
    """The carrier whose network a relay connects, by the relay's entry; empty where it is none's."""
    return () if entry is None or entry.carrier is None else (f"carrier:{entry.carrier}",)


def _customers(case: Case) -> list[str]:
    """The account and the resellers."""
    route = case.message.route
    found = [] if route.account_id is None else [f"account:{route.account_id}"]
    found.extend(f"reseller:{name}" for name in route.chain)
    return found


def _carrier(case: Case) -> tuple[str, ...]:
    relay = case.message.route.relay_id
    return () if relay is None else carrier_subjects(case.relay_row(relay).entry)


def campaign_subjects(relay_id: str | None, text: str) -> tuple[str, ...]:
    """What a report of a text is charged to: its template, and each of its bands."""
    exact = fingerprint(text)
    return () if exact is None else (campaign_subject(relay_id, exact), *band_subjects(relay_id, text))


def band_subjects(relay_id: str | None, text: str) -> tuple[str, ...]:
    """The campaigns that a text belongs to by its bands; several of them together make one."""
    over = campaign_subject(relay_id, "")
    return tuple([over + key for key in bands(text)])


def clear_subjects(decision: Decision) -> tuple[str, ...]:
    """Every subject of a decision that names no person: its sender, what it lists, and its relay."""
    sender, relay = decision.sender, decision.route.relay_id
    own = () if sender.key.startswith("~") else (f"sender:{sender.key}#{sender.owner_epoch}",)
    return (*own, *decision.subjects) if relay is None else (*own, *decision.subjects, f"relay:{relay}")


def sender_subjects(case: Case, keys: Keys) -> tuple[str, ...]:
    """The sender's subject, and the one it had as a person: registering a number must not shake off what was imposed on
    it before."""
    sender = sender_subject(case, keys)
    if not case.sender.personal or sender.startswith("sender:~"):
        return (sender,)
    return (sender, f"sender:{state_pseudonym(keys, case.sender.key)}#{case.number().owner_epoch}")


def hands(case: Case) -> tuple[str, ...]:
    """Who carried the message, as subjects in a fixed order: account, resellers, relay, carrier."""
    relay = case.message.route.relay_id
    return (*_customers(case), *(() if relay is None else (f"relay:{relay}",)), *_carrier(case))
