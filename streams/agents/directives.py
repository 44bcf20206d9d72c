"""Directive agent: a regulator's order → a finding. Keeps which versions of a reference it has carried out."""

from __future__ import annotations

import msgspec

from streams.agents.codec import decoded, encoded, keyed, output
from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.errors import Refused
from streams.agents.steps import Effect, Handled, Names, TableSpec
from streams.contracts.reports import Directive
from streams.engine.directing import Orders, direct, payload_of, take, verify
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.view import View
from streams.signing import fits

_DECODER = msgspec.json.Decoder(Directive)
_ORDERS = msgspec.json.Decoder(Orders)


class DirectiveAgent:
    """Reads orders, keyed by reference number; its table holds `engine.directing.Orders` by reference."""

    name = "directives"
    inputs = ("directives",)
    dead = "directives.dead"
    table = TableSpec("directives", _ORDERS.decode, encoded)

    def __init__(self, names: Names, policies: Policies, keys: Keys) -> None:
        self._findings, self._policies, self._keys = names.topic("findings"), policies, keys

    def handle(self, entity: str, delivery: Delivery, view: View) -> Handled:
        """The finding that carries the order out."""
        directive = decoded(delivery, _DECODER, "NOT_A_DIRECTIVE")
        key = keyed(
            delivery, directive.reference, "orders are keyed by reference, or a replayed one would not be known"
        )
        try:
            finding = direct(directive, view, self._policies, self._keys)
            payload = payload_of(delivery.value or b"")
            verify(directive, payload, view, self._policies, fits)
        except ValueError as error:
            raise _refused(error) from error
        findings = [output(self._findings, finding.subject, finding)]

        def step(held: Orders | None, directive: Directive) -> tuple[Orders, list[Output]]:
            try:
                return take(held, directive, payload, delivery.offset), findings
            except ValueError as error:
                raise _refused(error) from error

        return Handled(directive.recorded_at_ms, [Effect(key, directive, step)])


def _refused(error: ValueError) -> Refused:
    reason, _, detail = str(error).partition(": ")
    return Refused(reason, detail) if reason.isupper() else Refused("NOT_A_DIRECTIVE", str(error))
