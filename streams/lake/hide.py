"""Reports without people: numbers as pseudonyms under the state key, texts as fingerprints, nothing unknown let in.

The same pseudonyms stand in votes, findings and sanctions, so a report is joined to what came of it.
"""

from __future__ import annotations

import hmac
import re
from typing import Any

import msgspec

from streams.contracts.reports import Report
from streams.engine.accounts import ACCOUNTS, sender_of
from streams.engine.fingerprint import fingerprint
from streams.engine.pack import Grammar
from streams.engine.pseudonym import Keys, state_pseudonym
from streams.engine.senders import SenderId, classify

#: Fields of a report that name nobody and stand in the lake as they came.
CLEAR = frozenset(
    {
        "report_id", "message_at_ms", "reported_at_ms", "ingested_at_ms", "report_type", "category", "channel", "leg",
        "traffic_class", "reporter_group", "event_id", "group_chat", "source", "message_from_ms", "received",
        "weight_permille", "jurisdiction",
    }
)  # fmt: skip
#: Fields that stand there changed: numbers as pseudonyms, the route without the peer's address, the fingerprint of the
#: reported text where that of the delivered one is not known.
CHANGED = frozenset({"displayed_sender", "origin_number", "origin_id", "reporter", "route", "fingerprint"})
#: Fields that never get there. What none of the three names does not either, until somebody has thought about it.
LEFT_OUT = frozenset({"text"})
_A_NUMBER = re.compile(r"(?:\D?\d){7}")


class HiddenReport(Report, frozen=True, kw_only=True):
    """A report as the lake keeps it. sender_kind: by the sender grammar."""

    sender_kind: str = ""


class Hide:
    """Takes people out of reports. `grammar`: that of the jurisdiction, to know one number in every spelling."""

    def __init__(self, keys: Keys, grammar: Grammar) -> None:
        self._keys, self._grammar = keys, grammar
        #: Tells one state key from another without giving it away.
        self.key_check = state_pseudonym(keys, "dualblock lake")

    def report(self, report: Report) -> HiddenReport:
        """The report without numbers and text; the number on the display stays where it is no person's."""
        sender = sender_of(report.channel, report.displayed_sender, None, report.origin_id, self._grammar)
        kept: dict[str, Any] = {name: getattr(report, name) for name in CLEAR}
        return HiddenReport(
            **kept,
            displayed_sender=self._shown(report, sender),
            origin_id=None if report.origin_id is None else self._hidden(sender),
            origin_number=None if report.origin_number is None else self._sender(report.origin_number),
            reporter=self._person(report.reporter),
            route=msgspec.structs.replace(report.route, peer_ip=None),
            sender_kind=sender.kind,
            fingerprint=report.fingerprint or (fingerprint(report.text) if report.text else None),
        )

    def digest(self, raw: bytes) -> str:
        """20 hex digits that prove which bytes those were, without showing them."""
        return hmac.digest(self._keys.state, raw, "sha256").hex()[:20]

    def _sender(self, address: str) -> str:
        return self._hidden(classify(address, None, self._grammar), address)

    def _shown(self, report: Report, sender: SenderId) -> str:
        """What the phone showed. A name beside an account is whatever its owner wrote: only the account is kept."""
        return self._hidden(sender, "" if sender.kind in ACCOUNTS else report.displayed_sender)

    def _hidden(self, found: SenderId, address: str = "") -> str:
        spelled = found.kind in ("alphanumeric", "service_code") and _A_NUMBER.search(address)
        return state_pseudonym(self._keys, found.key) if found.personal or spelled else found.key

    def _person(self, who: str) -> str:
        return state_pseudonym(self._keys, classify(who, None, self._grammar).key)
