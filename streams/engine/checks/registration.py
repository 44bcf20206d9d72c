"""registration: is an application's sender on the register? Asked where the pack requires it for kind and leg."""

from __future__ import annotations

from streams.contracts.decisions import Evidence
from streams.engine.case import Case
from streams.engine.outcome import Check, fail, unknown

NAME = "registration"
PASS = Check(NAME, "PASS")


def check(case: Case) -> Check | None:
    """FAIL SENDER_NOT_REGISTERED, SENDER_REGISTRATION_EXPIRED or SENDER_REGISTRATION_SUSPENDED; a2p only."""
    message = case.message
    if message.traffic_class != "a2p" or case.sender.kind == "malformed":
        return None
    if case.sender.kind not in case.pack.registration.get(message.leg, ()):
        return None
    read = case.sender_row()
    if read.entry is not None:
        if message.leg not in read.entry.legs:
            return unknown(NAME, f"the row does not speak about the {message.leg} leg")
        if read.entry.state == "suspended":
            return fail(NAME, "SENDER_REGISTRATION_SUSPENDED", {}, read.since_ms)
        return PASS
    if read.expired:
        dropped = case.dropped_row()
        if dropped is None:
            return fail(NAME, "SENDER_REGISTRATION_EXPIRED", {}, read.since_ms)
        evidence: dict[str, Evidence] = {"dropped_by": dropped.dropped_by}
        return fail(NAME, "SENDER_REGISTRATION_EXPIRED", evidence, read.since_ms, "generation")
    absence = case.absence(case.country_word("sender"))
    if not absence.proved:
        return unknown(NAME, absence.why)
    return fail(NAME, "SENDER_NOT_REGISTERED", {"feed": absence.why}, absence.since_ms, "absence")
