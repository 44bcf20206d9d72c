"""Whose rules hold: on the termination leg those of the recipient's country, on the origination leg the relay's.

What is spam in one country is not in another. A relay's row says whose rules its senders keep; the SMSC adapter stamps
where the recipient is. Where nobody says, it is the carrier's own country.
"""

from __future__ import annotations

from streams.engine.case import Case
from streams.engine.policy import Policies


def jurisdiction_of(case: Case) -> str | None:
    """The jurisdiction that judges a message; None: the carrier's own."""
    message = case.message
    if message.leg == "origination" and message.route.relay_id is not None:
        entry = case.relay_row(message.route.relay_id).entry
        if entry is not None and entry.jurisdiction is not None:
            return entry.jurisdiction
    return message.jurisdiction


def placed(case: Case, policies: Policies) -> tuple[Case, Policies]:
    """The case under the policies of its jurisdiction, and those; as it came where that is the carrier's own.

    The carrier's own skew has told its time. What told the jurisdiction stays the first row read.
    """
    named = jurisdiction_of(case)
    if named is None or named == policies.jurisdiction:
        return case, policies
    place = policies.place(named)
    found = Case(case.message, case.view, place.at(case.view, case.e_ms), case.when)
    jurisdiction_of(found)
    if place.jurisdiction != named:
        found.flags.append("jurisdiction_without_pack")
    return found, place
