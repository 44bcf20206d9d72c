"""Appeal agent: a filing or a decision → a finding. Keeps nothing: the finding is a function of the record.

The appeal itself is kept in the row of the sanction it is about, by the one agent that may end that sanction.
"""

from __future__ import annotations

import msgspec

from streams.agents.codec import decoded, keyed, output
from streams.agents.deadletter import Delivery
from streams.agents.steps import Handled, Names
from streams.contracts.appeals import Appeal
from streams.engine.appealing import finding_of
from streams.engine.policy import Policies
from streams.engine.view import View

_DECODER = msgspec.json.Decoder(Appeal)


class AppealAgent:
    """Reads appeals, keyed by the subject as its notice names it."""

    name = "appeals"
    inputs = ("appeals",)
    dead = "appeals.dead"
    table = None

    def __init__(self, names: Names, policies: Policies) -> None:
        self._findings, self._policies = names.topic("findings"), policies

    def handle(self, entity: str, delivery: Delivery, view: View) -> Handled:
        """The finding that carries it on."""
        appeal = decoded(delivery, _DECODER, "NOT_AN_APPEAL")
        keyed(delivery, appeal.subject, "appeals are keyed by subject, or a decision may overtake its filing")
        finding = finding_of(appeal, self._policies.at(view, appeal.recorded_at_ms).pack.epoch_ms)
        return Handled(appeal.recorded_at_ms, (), [output(self._findings, finding.subject, finding)])
