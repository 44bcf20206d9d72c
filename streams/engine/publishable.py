"""What may go onto our own blacklist: confirmed sanctions, on our own evidence, in a form that partners can match.

Confirmed is what a person blocked, the regulator ordered, or the subject appealed against in vain or not in time. What
rests on a partner's list is never published: it would come back as somebody else's evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from ipaddress import ip_network
from typing import NamedTuple

from streams.contracts.blacklists import BlacklistItem, Grounds
from streams.contracts.registry import AccountEntry
from streams.contracts.reputation import SanctionEntry, SanctionRow
from streams.engine.blacklist import listed_name
from streams.engine.case import Case
from streams.engine.directing import case_of
from streams.engine.policy import Policies
from streams.engine.pseudonym import partner_pseudonym
from streams.engine.reputation import paused
from streams.engine.sanctioning import REGULATOR
from streams.engine.subjects import is_business
from streams.engine.view import View

#: A reference or reason that begins so says that the order rests on a partner's list.
IMPORTED = ("blacklist:", "BLACKLISTED")


class Ours(NamedTuple):
    """What the publisher knows beside the sanctions.

    counts: of our own reports, by subject and window. people: state pseudonym → number as typed, of our subscribers.
    partner_key: people are published under it; None: not at all. imported: subjects that are or were on a partner's
    list, as it names them → since when. keys: shared with partners, under which they name people. named: accounts and
    owners with a registered sender.
    """

    counts: Mapping[str, Mapping[str, int]]
    people: Mapping[str, str]
    partner_key: bytes | None
    imported: Mapping[str, int]
    keys: Collection[bytes]
    named: Collection[str]


class Published(NamedTuple):
    """The entries, by subject, and of sanctions that are not on it: why not → how many."""

    entries: tuple[BlacklistItem, ...]
    withheld: Counter[str]


class _Withheld(Exception):
    """Not published; the message is the reason."""


def publishable(
    rows: Iterable[SanctionRow], ours: Ours, view: View, policies: Policies, now_ms: int, lasts_ms: int
) -> Published:  # fmt: skip
    """The list of now. lasts_ms: how long an entry stands at the longest."""
    found: dict[str, BlacklistItem] = {}
    withheld: Counter[str] = Counter()
    for row in rows:
        for entry in row.timeline:
            if entry.step not in ("TEMP_BLOCK", "BLOCK") or not _stands(entry, now_ms):
                continue
            try:
                grounds = confirmed(entry, now_ms)
                for subject, names in _named(row.subject, ours, view, policies, now_ms):
                    _on_own_evidence(entry, names, ours.counts.get(row.subject, {}), ours.imported)
                    item = BlacklistItem(
                        subject=subject,
                        observed_at_ms=entry.recorded_at_ms,
                        expires_ms=_expires(entry, now_ms, lasts_ms),
                        reason=entry.reason,
                        grounds=grounds,
                        counts=dict(ours.counts.get(row.subject, {})),
                    )
                    held = found.get(subject)
                    if held is None or (item.expires_ms, item.reason) > (held.expires_ms, held.reason):
                        found[subject] = item
            except _Withheld as why:
                withheld[str(why)] += 1
    return Published(tuple(found[name] for name in sorted(found)), withheld)


def confirmed(entry: SanctionEntry, now_ms: int) -> Grounds:
    """Why a sanction that stands is more than an accusation. Raises _Withheld."""
    if entry.scope.purpose is not None or entry.scope.channels:
        raise _Withheld("part of the service only")
    if entry.authority == REGULATOR:
        return "regulator"
    if any(appeal.outcome is None for appeal in entry.appeals):
        raise _Withheld("appeal open")
    if any(appeal.outcome == "refused" for appeal in entry.appeals):
        return "appeal_refused"
    if entry.step == "BLOCK":
        return "person"
    if entry.appeal_until_ms is not None and entry.appeal_until_ms <= now_ms:
        return "unappealed"
    raise _Withheld("not confirmed")


def _stands(entry: SanctionEntry, now_ms: int) -> bool:
    begun = entry.recorded_at_ms <= now_ms and entry.from_ms <= now_ms
    return begun and (entry.to_ms is None or now_ms < entry.to_ms) and not paused(entry, now_ms)


def _expires(entry: SanctionEntry, now_ms: int, lasts_ms: int) -> int:
    """With the sanction, and half to a whole `lasts_ms` ahead. It moves in steps: an entry that moved with each list
    would be a change in every delta and a new row at every partner."""
    step_ms = max(lasts_ms // 2, 1)
    ahead_ms = entry.recorded_at_ms + ((now_ms - entry.recorded_at_ms) // step_ms + 2) * step_ms
    return ahead_ms if entry.to_ms is None else min(ahead_ms, entry.to_ms)


def _on_own_evidence(
    entry: SanctionEntry, names: Collection[str], counts: Mapping[str, int], imported: Mapping[str, int]
) -> None:  # fmt: skip
    if entry.reference.startswith(IMPORTED) or entry.reason.startswith(IMPORTED):
        raise _Withheld("rests on a partner's list")
    # Whoever was listed when we acted, and nobody has reported to us, was blocked because of the list.
    listed = any(imported.get(name, 2**53) <= entry.recorded_at_ms for name in names)
    if listed and entry.authority != REGULATOR and not counts:
        raise _Withheld("rests on a partner's list")


def _named(subject: str, ours: Ours, view: View, policies: Policies, now_ms: int) -> list[tuple[str, Collection[str]]]:
    """A subject as the list names it, and as partners' lists may. Raises _Withheld."""
    kind, _, name = subject.partition(":")
    if kind == "host":
        if name in policies.at(view, now_ms).pack.shared_hosts:
            raise _Withheld("host that strangers share")
        return [(subject, (subject,))]
    if kind == "account":
        return [(ip, (ip,)) for ip in _addresses(name, ours, view, policies, now_ms)]
    if kind != "sender":
        raise _Withheld(f"{kind}s mean nothing to partners")
    key, _, epoch = name.rpartition("#")
    personal = key.startswith("~")
    if personal and key not in ours.people:
        raise _Withheld("no subscriber of ours")
    case = case_of(ours.people[key] if personal else _address(key), now_ms, view, policies)
    if str(case.number().owner_epoch) != epoch:
        raise _Withheld("number has changed hands")
    entry = case.sender_row().entry
    if entry is not None and entry.shared:
        raise _Withheld("sender that several owners use")
    written = listed_name(case.sender)
    names = (f"sender:{written}", *(f"person:{partner_pseudonym(key, written)}" for key in ours.keys))
    if is_business(case):
        return [(names[0], names)]
    if ours.partner_key is None:
        raise _Withheld("person, and no partner to share a key with")
    return [(f"person:{partner_pseudonym(ours.partner_key, written)}", names)]


def _address(key: str) -> str:
    return key if key.startswith("+") else key.partition(":")[2].removeprefix("alnum:").removeprefix("code:")


def _addresses(account: str, ours: Ours, view: View, policies: Policies, now_ms: int) -> list[str]:
    """The addresses of an own bind behind which no sender can be found. A range may hold bystanders: only single ones.
    Raises _Withheld."""
    entry = _account(account, case_of("-", now_ms, view, policies))
    if entry is None:
        raise _Withheld("account that is no bind of ours")
    if account in ours.named or entry.owner in ours.named:
        raise _Withheld("account whose sender is known")
    networks = [ip_network(text, strict=False) for text in entry.networks]
    single = [f"ip:{network.network_address}" for network in networks if network.num_addresses == 1]
    if not single:
        raise _Withheld("account without a single address")
    return single


def _account(name: str, case: Case) -> AccountEntry | None:
    return case.account_row(name).entry
