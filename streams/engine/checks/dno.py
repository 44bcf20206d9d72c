"""do-not-originate: the subscriber asked that nothing under this number come this way (leg, channel, class)."""

from __future__ import annotations

from streams.engine.case import Case
from streams.engine.outcome import Check, fail

NAME = "do-not-originate"
PASS = Check(NAME, "PASS")


def check(case: Case) -> Check | None:
    """FAIL NUMBER_DO_NOT_ORIGINATE. A handset may still send what the web may not: the row says which."""
    if case.sender.number is None:
        return None
    read = case.dno_row()
    entry = read.entry
    if entry is None:
        return None
    message = case.message
    if (
        message.leg in entry.legs
        and message.channel in entry.channels
        and message.traffic_class in entry.classes
    ):  # fmt: skip
        return fail(NAME, "NUMBER_DO_NOT_ORIGINATE", {"channel": message.channel}, read.since_ms)
    return PASS
