"""abroad: a home number on an international trunk. Lines and service numbers cannot roam; a mobile can.

An empty HLR answer once got a real roamer blocked by a vendor's firewall, so only a fresh `roaming=false` fails one.
"""

from __future__ import annotations

from streams.engine.case import Case
from streams.engine.outcome import LONG_AGO, Check, fail, unknown

NAME = "abroad"
PASS = Check(NAME, "PASS")


def check(case: Case) -> Check | None:
    """FAIL NATIONAL_SENDER_FROM_ABROAD."""
    if not case.message.route.international or case.sender.word is None:
        return None
    kind = case.sender.kind
    if kind in case.pack.cannot_roam:
        return fail(NAME, "NATIONAL_SENDER_FROM_ABROAD", {"kind": kind}, LONG_AGO)
    if kind != "mobile":
        return unknown(NAME, f"whether a {kind} number may come from abroad is not settled")
    signalling = case.message.signalling
    if signalling.roaming:
        return PASS
    if signalling.roaming is None:
        return unknown(NAME, "no HLR answer")
    at = signalling.hlr_at_ms
    if at is None or not 0 <= case.e_ms - at <= case.pack.hlr_max_age_ms:
        return unknown(NAME, "the HLR answer is not fresh")
    return fail(NAME, "NATIONAL_SENDER_FROM_ABROAD", {"kind": kind, "roaming": False}, at)
