"""Partners' blacklists at the message: is the sender, a linked host or the peer's address on one that counts?

An entry does no more than the level of trust allows at which its list was taken. It is about whoever had the number
when it was observed: a number that has changed hands since is not hit.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from streams.contracts.blacklists import BlacklistEntry, Trust
from streams.contracts.decisions import Evidence, Mode
from streams.engine.case import Case
from streams.engine.outcome import Check
from streams.engine.pseudonym import Keys, partner_pseudonym
from streams.engine.senders import SenderId

NAME = "blacklist"
SENDER, HOST, ADDRESS = "BLACKLISTED_SENDER", "BLACKLISTED_HOST", "BLACKLISTED_ADDRESS"
CODES = (SENDER, HOST, ADDRESS)
CAPS: dict[Trust, Mode] = {"shadow": "OBSERVE", "label": "LABEL", "block": "BLOCK"}
_STRICTNESS: dict[Trust, int] = {"shadow": 0, "label": 1, "block": 2}


class Listing(NamedTuple):
    """An entry of an issuer's list that speaks of this message. `named` is what may be shown of its subject."""

    issuer: str
    code: str
    entry: BlacklistEntry
    named: str


def listed_name(sender: SenderId) -> str:
    """How lists name a sender, the same in every country: `+821055501111`, `kr:15881234`, `kr:alnum:my bank`."""
    return sender.number or sender.key


@lru_cache(maxsize=1 << 12)
def address(text: str) -> str | None:
    """An IP address as lists write it; None for what is none."""
    try:
        return str(ip_address(text))
    except ValueError:
        return None


class Listings(NamedTuple):
    """What lists say of a sender and where he comes from. moved: issuers that listed whoever had the number before."""

    found: tuple[Listing, ...] = ()
    moved: tuple[str, ...] = ()


UNLISTED = Listings()


def listings(case: Case, keys: Keys, route_passes: bool) -> Listings:
    """What is listed of the sender and of the peer's address.

    A sender whose route binding proves him answers for the address that he comes from himself.
    """
    issuers = case.blacklists()
    if not issuers:
        return UNLISTED
    peer = None if route_passes else address(case.message.route.peer_ip or "")
    partner = dict(keys.partners)
    found: list[Listing] = []
    moved: list[str] = []
    for issuer in (manifest.issuer for manifest in issuers):
        for subject in _sender_subjects(case.sender, partner.get(issuer)):
            entry = case.blacklisted(issuer, subject)
            if entry is None:
                continue
            if case.handed_on(entry.observed_at_ms):
                moved.append(issuer)
            else:
                found.append(Listing(issuer, SENDER, entry, ""))
        if peer is not None and (entry := case.blacklisted(issuer, f"ip:{peer}")) is not None:
            found.append(Listing(issuer, ADDRESS, entry, ""))
    return Listings(tuple(found), tuple(moved))


def listed(case: Case, held: Listings, hosts: tuple[str, ...] = ()) -> list[Check]:
    """A check for each code: FAIL by the entry with the most trust, or UNKNOWN where the number has a new owner.

    hosts: `host:` subjects of the text's links.
    """
    found, moved = [*held.found], held.moved
    issuers = [manifest.issuer for manifest in case.blacklists()] if hosts else []
    for subject in hosts:
        for issuer in issuers:
            if (entry := case.blacklisted(issuer, subject)) is not None:
                found.append(Listing(issuer, HOST, entry, subject.removeprefix("host:")))
    if not found and not moved:
        return []
    checks = [_fail(code, mine) for code in CODES if (mine := [one for one in found if one.code == code])]
    if moved and not any(one.code == SENDER for one in found):
        why = f"the number has changed hands since {', '.join(moved)} listed it"
        checks.append(Check(NAME, "UNKNOWN", (), {"why": why}, gate="blacklist"))
    return checks


def _sender_subjects(sender: SenderId, key: bytes | None) -> tuple[str, ...]:
    name = listed_name(sender)
    if not sender.personal or key is None:
        return (f"sender:{name}",)
    return (f"sender:{name}", f"person:{partner_pseudonym(key, name)}")


def _fail(code: str, listings: list[Listing]) -> Check:
    first = min(listings, key=lambda one: (-_STRICTNESS[one.entry.trust], one.issuer, one.named))
    entry = first.entry
    evidence: dict[str, Evidence] = {
        "issuer": first.issuer, "trust": entry.trust, "seq": entry.seq, "listed_for": entry.reason,
        "observed_at_ms": entry.observed_at_ms,
    }  # fmt: skip
    if first.named:
        evidence["host"] = first.named
    others = tuple(sorted({one.issuer for one in listings} - {first.issuer}))
    if others:
        evidence["also"] = others
    return Check(NAME, "FAIL", (code,), evidence, cap=CAPS[entry.trust], gate="blacklist")
