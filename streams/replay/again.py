"""Ask a registration again for a recorded decision: the two checks that need nothing but what decisions show in clear.

Sender, leg, relay, resellers and account stand there for a business sender; that it was an application's message, in
which checks spoke. What a changed answer would lead to elsewhere (a sanctioned campaign, a protected sender) does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from streams.contracts.decisions import Decision
from streams.contracts.messages import Message, Route, Sender
from streams.contracts.registry import Row, SenderRow
from streams.engine.case import Case
from streams.engine.checks import registration, route
from streams.engine.decide import objections_of
from streams.engine.grounds import RELIEF
from streams.engine.policy import Policy
from streams.engine.precedence import Objection
from streams.replay.proposed import Lens, Rules
from streams.replay.touched import address_of
from streams.replica.memory import MemoryReplica

#: The codes of the two checks that are asked again.
CODES = frozenset(
    {"SENDER_NOT_REGISTERED", "SENDER_REGISTRATION_EXPIRED", "SENDER_REGISTRATION_SUSPENDED", "SENDER_WRONG_ROUTE"}
)
_ASKED = (registration, route)


class Asked(NamedTuple):
    """What the new registration objects to; whether the route binding passed by the decision, and passes now; whether
    the sender is registered now."""

    objections: list[Objection]
    passed: bool
    passes: bool
    registered: bool


class Again:
    """Asks by new rows and a policy. `rows`: dated back, so that any time will do."""

    def __init__(self, rows: Mapping[str, Row], policy: Policy) -> None:
        senders = {key: row for key, row in rows.items() if isinstance(row, SenderRow)}
        self._view, self._policy = Lens(MemoryReplica(), Rules(None, senders)), policy

    def ask(self, decision: Decision) -> Asked | None:
        """The answers for a decision on a sender of whom a row is new; None where the decision shows too little."""
        spoke = {*decision.passed, *(check.check for check in decision.checks)}
        if not spoke & {check.NAME for check in _ASKED} or any(r.code == RELIEF for r in decision.reasons):
            return None
        case = Case(self._message(decision), self._view, self._policy)
        if (case.sender.key, case.sender.kind) != (decision.sender.key, decision.sender.kind):
            return None
        answers = [answer for check in _ASKED if (answer := check.check(case)) is not None]
        passes = any(a.name == route.NAME and a.outcome == "PASS" for a in answers)
        registered = case.sender_row().entry is not None
        return Asked(objections_of(answers, self._policy), route.NAME in decision.passed, passes, registered)

    def _message(self, decision: Decision) -> Message:
        subjects = [subject.partition(":") for subject in decision.subjects]
        accounts = [name for kind, _, name in subjects if kind == "account"]
        return Message(
            event_id=decision.event_id,
            producer="backtest",
            event_time_ms=decision.event_time_ms,
            ingested_at_ms=decision.event_time_ms,
            leg=decision.leg,
            channel="mt",
            traffic_class="a2p",
            sender=Sender(address=address_of(decision.sender.key, self._policy.pack.grammar)),
            recipient="-",
            route=Route(
                relay_id=decision.route.relay_id,
                chain=tuple(name for kind, _, name in subjects if kind == "reseller"),
                account_id=next(iter(accounts), None),
            ),
        )
