"""certification: may these hands carry mass traffic? Relay, every reseller in the chain, and the account.

A relay's or reseller's row may name its mass-sender certificate, a row of its own with holder, scope and validity.
Where that row isn't here and nobody vouches for a complete list of certificates, the naming row's word stands.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from streams.contracts.decisions import Evidence
from streams.engine.case import Case, Read
from streams.engine.outcome import LONG_AGO, Check

NAME = "certification"
PASS = Check(NAME, "PASS", gate="standing")


class _Findings:
    __slots__ = ("codes", "evidence", "known", "since_ms", "why")

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.evidence: dict[str, Evidence] = {}
        self.since_ms = LONG_AGO
        self.why = ""
        self.known = False

    def failed(self, code: str, what: str, since_ms: int) -> None:
        if code not in self.codes:
            self.codes.append(code)
        self.evidence[what] = code
        self.since_ms = max(self.since_ms, since_ms)


def check(case: Case) -> Check | None:
    """FAIL RELAY_UNKNOWN, RELAY_UNCERTIFIED, RESELLER_UNCERTIFIED, ACCOUNT_UNKNOWN, ACCOUNT_SUSPENDED; each that holds
    is named."""
    route = case.message.route
    if route.relay_id is None and not route.chain and route.account_id is None:
        return None
    if _all_active(case):
        return PASS
    found = _Findings()
    if route.relay_id is not None:
        relay = case.relay_row(route.relay_id)
        suspended = relay.entry is not None and relay.entry.state != "active"
        _judge(case, found, "relay", route.relay_id, relay, suspended, "RELAY_UNKNOWN", "RELAY_UNKNOWN")
        if relay.entry is not None:
            _certificate(case, found, f"relay:{route.relay_id}", relay.entry.certificate, "RELAY_UNCERTIFIED")
    for name in route.chain:
        reseller = case.reseller_row(name)
        barred = reseller.entry is not None and reseller.entry.state != "active"
        _judge(case, found, "reseller", name, reseller, barred, "RESELLER_UNCERTIFIED", "RESELLER_UNCERTIFIED")
        if reseller.entry is not None:
            _certificate(case, found, f"reseller:{name}", reseller.entry.certificate, "RESELLER_UNCERTIFIED")
    if route.account_id is not None:
        account = case.account_row(route.account_id)
        held = account.entry is not None and account.entry.state != "active"
        _judge(case, found, "account", route.account_id, account, held, "ACCOUNT_UNKNOWN", "ACCOUNT_SUSPENDED")
    if found.codes:
        return Check(NAME, "FAIL", tuple(found.codes), found.evidence, found.since_ms, "BLOCK", "standing")
    if found.why:
        return Check(NAME, "UNKNOWN", (), {"why": found.why}, gate="standing")
    return PASS


def _all_active(case: Case) -> bool:
    """The usual case, without building findings."""
    route = case.message.route
    reads: list[Read[Any]] = [] if route.relay_id is None else [case.relay_row(route.relay_id)]
    for name in route.chain:
        reads.append(case.reseller_row(name))
    if route.account_id is not None:
        reads.append(case.account_row(route.account_id))
    if not all([read.entry is not None and read.entry.state == "active" for read in reads]):
        return False
    held: list[tuple[str, str | None]] = []
    if route.relay_id is not None:
        held.append((f"relay:{route.relay_id}", reads[0].entry.certificate))  # type: ignore[union-attr]  # asked above
    held += [(f"reseller:{name}", case.reseller_row(name).entry.certificate) for name in route.chain]  # type: ignore[union-attr]  # asked above
    return not any([number is not None and _fault(case, holder, number) for holder, number in held])


def _certificate(case: Case, found: _Findings, holder: str, number: str | None, code: str) -> None:
    fault = None if number is None else _fault(case, holder, number)
    if fault is not None:
        found.failed(code, holder, fault.since_ms)
        found.evidence[f"certificate:{number}"] = fault.why


class _Fault(NamedTuple):
    why: str
    since_ms: int


def _fault(case: Case, holder: str, number: str) -> _Fault | None:
    """What is wrong with a certificate for this message; None where nothing is, or nobody can say."""
    read = case.certificate_row(number)
    if read.absent:
        absence = case.absence(case.country_word("certificate"))
        return _Fault("not issued", absence.since_ms) if absence.proved else None
    entry, message = read.entry, case.message
    if entry is None:
        return _Fault("lapsed", read.since_ms)
    if entry.state != "active":
        return _Fault("suspended", read.since_ms)
    if entry.holder != holder:
        return _Fault("another's", read.since_ms)
    if entry.channels and message.channel not in entry.channels:
        return _Fault("for other channels", read.since_ms)
    if entry.purposes and message.purpose is not None and message.purpose not in entry.purposes:
        return _Fault("for other purposes", read.since_ms)
    return None


def _judge(
    case: Case, found: _Findings, word: str, name: str, read: Read[Any], barred: bool, missing: str, bad: str
) -> None:  # fmt: skip
    what = f"{word}:{name}"
    if barred:
        found.failed(bad, what, read.since_ms)
    elif read.expired:
        found.failed(missing, what, read.since_ms)
    elif read.entry is None:
        absence = case.absence(case.country_word(word))
        if absence.proved:
            found.failed(missing, what, absence.since_ms)
        else:
            found.why = absence.why
