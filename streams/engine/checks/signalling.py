"""signalling: does what the network itself saw fit the message? Asked where the SMSC or its firewall tells it.

Who is roaming, or whose HLR gave nothing, is never forged for that: a vendor's firewall once blocked such a roamer.
Sources: published taxonomies of SMS firewalls (MO spoofing, SMSC faking, forwards without a routing query), GSMA IR.71
(own address from abroad, wrong link set).
"""

from __future__ import annotations

from streams.contracts.decisions import Evidence
from streams.contracts.messages import UNTOLD, Signalling
from streams.contracts.registry import NetworkEntry
from streams.engine.case import Case, Read
from streams.engine.outcome import LONG_AGO, Check, unknown

NAME = "signalling"
PASS = Check(NAME, "PASS")
MO_SPOOFED, FAKED, UNSOLICITED, OWN_ADDRESS, LINK = (
    "MO_SPOOFED", "SMSC_FAKED", "FORWARD_UNSOLICITED", "OWN_ADDRESS_ABROAD", "LINK_WRONG",
)  # fmt: skip
#: Which two addresses must be one: routing query against forward, network layer against what it carries.
_PAIRS = (("sri_sccp", "fsm_sccp"), ("sri_map", "fsm_map"), ("sri_sccp", "sri_map"), ("fsm_sccp", "fsm_map"))


class _Found:
    """What was compared so far. compared: something fitted or did not."""

    def __init__(self) -> None:
        self.evidence: dict[str, Evidence] = {}
        self.codes: list[str] = []
        self.since_ms = LONG_AGO
        self.why = ""
        self.compared = False

    def failed(self, code: str, since_ms: int = LONG_AGO, **evidence: Evidence) -> None:
        self.codes.append(code)
        self.evidence |= evidence
        self.since_ms = max(self.since_ms, since_ms)


def check(case: Case) -> Check | None:
    """FAIL MO_SPOOFED, SMSC_FAKED, FORWARD_UNSOLICITED, OWN_ADDRESS_ABROAD, LINK_WRONG; each that holds is named."""
    told = case.message.signalling
    if told == UNTOLD:
        return None
    found = _Found()
    if case.message.channel == "mo":
        _handset(case, told, found)
    if told.fsm_sccp is not None or told.fsm_map is not None or told.sri_sccp is not None or told.sri_map is not None:
        _addresses(case, told, found)
    if told.sri_seen is not None:
        _asked(case, told.sri_seen, told, found)
    if found.codes:
        return Check(NAME, "FAIL", tuple(found.codes), found.evidence, found.since_ms)
    if found.why:
        return unknown(NAME, found.why)
    return PASS if found.compared else None


def _handset(case: Case, told: Signalling, found: _Found) -> None:
    """Does the message come from where its sender is? Home numbers; others' HLRs are others' business."""
    if told.imsi_match is None and told.sending_net is None:
        return
    if case.sender.number is None or case.sender.kind == "foreign":
        return
    at = told.hlr_at_ms
    if at is None or not 0 <= case.e_ms - at <= case.pack.hlr_max_age_ms:
        found.why = "the HLR answer is not fresh"
    elif told.imsi_match is False:
        found.failed(MO_SPOOFED, at, imsi_match=False)
    elif told.sending_net is None:
        found.compared = True
    elif told.serving_net is None:
        found.why = "no HLR answer"
    elif told.serving_net == told.sending_net:
        found.compared = True
    elif told.roaming is False:
        found.failed(MO_SPOOFED, at, serving_net=told.serving_net, sending_net=told.sending_net)
    else:
        found.why = "a roamer may have changed networks since the HLR answered"


def _addresses(case: Case, told: Signalling, found: _Found) -> None:
    """Are the addresses of routing query and forward one, and is none of them ours, or on another's link?"""
    pairs = [(one, other) for one, other in _PAIRS if getattr(told, one) and getattr(told, other)]
    differing = [p for p in pairs if getattr(told, p[0]) != getattr(told, p[1])]
    forged = [p for p in differing if not _one_house(case, getattr(told, p[0]), getattr(told, p[1]))]
    if forged:
        found.failed(FAKED, differ=tuple(f"{one} {other}" for one, other in forged))
    found.compared = found.compared or bool(pairs)
    if not pairs:
        found.why = found.why or "half of the addresses was told"
    if case.message.route.international:
        _ours(case, told, found)
    if told.link is not None and told.fsm_sccp is not None:
        read = case.network_of(told.fsm_sccp)
        if read.entry is not None and read.entry.links and told.link not in read.entry.links:
            found.failed(LINK, read.since_ms, network=read.entry.network, link=told.link)


def _ours(case: Case, told: Signalling, found: _Found) -> None:
    for name in ("fsm_sccp", "fsm_map", "sri_sccp", "sri_map"):
        address = getattr(told, name)
        read = None if address is None else case.network_of(address)
        if read is not None and read.entry is not None and read.entry.own:
            found.failed(OWN_ADDRESS, read.since_ms, own=name)
            return


def _one_house(case: Case, one: str, other: str) -> bool:
    """Both addresses are one network's, or both are trusted. One trusted address alone could itself be forged."""
    first, second = _entry(case.network_of(one)), _entry(case.network_of(other))
    if first is None or second is None:
        return False
    return first.network == second.network or (first.trusted and second.trusted)


def _entry(read: Read[NetworkEntry]) -> NetworkEntry | None:
    return read.entry


def _asked(case: Case, seen: bool, told: Signalling, found: _Found) -> None:
    """Was there a routing query before the forward?"""
    found.compared = True
    if seen:
        return
    known = [address for address in (told.fsm_sccp, told.fsm_map) if address is not None]
    trusted = bool(known)
    for address in known:
        entry = case.network_of(address).entry
        trusted = trusted and entry is not None and entry.trusted
    if not trusted:
        found.failed(UNSOLICITED, sri_seen=False)
