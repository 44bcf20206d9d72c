"""format: may a sender look like this on this channel at all? (sender grammar of the pack)"""

from __future__ import annotations

from streams.engine.case import Case
from streams.engine.outcome import LONG_AGO, Check, fail

NAME = "format"
PASS = Check(NAME, "PASS")


def check(case: Case) -> Check:
    """FAIL SENDER_MALFORMED or SENDER_KIND_NOT_ALLOWED. A TON mismatch alone is only a flag: real gear sends it."""
    kind = case.sender.kind
    if kind == "malformed":
        return fail(NAME, "SENDER_MALFORMED", {}, LONG_AGO)
    allowed = case.pack.grammar.allowed.get(case.message.channel)
    if allowed is not None and kind not in allowed:
        return fail(NAME, "SENDER_KIND_NOT_ALLOWED", {"kind": kind, "channel": case.message.channel}, LONG_AGO)
    return PASS
