"""Directive agent: a regulator's order → a finding. Keeps nothing: the finding is a function of the order."""

from __future__ import annotations

import msgspec

from streams.agents.codec import decoded, output
from streams.agents.deadletter import Delivery
from streams.agents.errors import Refused
from streams.agents.steps import Handled, Names
from streams.contracts.reports import Directive
from streams.engine.directing import direct
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.view import View

_DECODER = msgspec.json.Decoder(Directive)


class DirectiveAgent:
    """Reads orders, keyed by reference number."""

    name = "directives"
    inputs = ("directives",)
    dead = "directives.dead"
    table = None

    def __init__(self, names: Names, policies: Policies, keys: Keys) -> None:
        self._findings, self._policies, self._keys = names.topic("findings"), policies, keys

    def handle(self, entity: str, delivery: Delivery, view: View) -> Handled:
        """The finding that carries the order out."""
        directive = decoded(delivery, _DECODER, "NOT_A_DIRECTIVE")
        try:
            finding = direct(directive, view, self._policies, self._keys)
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            raise Refused(reason, detail) from error
        return Handled(directive.recorded_at_ms, (), [output(self._findings, finding.subject, finding)])
