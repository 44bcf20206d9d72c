"""Directive agent: a regulator's order → a finding. Keeps nothing: the finding is a function of the order."""

from __future__ import annotations

import msgspec

from streams.agents.agent import agent
from streams.agents.codec import decoded, output
from streams.agents.context import Context
from streams.agents.deadletter import Delivery
from streams.agents.errors import Refused
from streams.contracts.reports import Directive
from streams.engine.directing import direct

_DECODER = msgspec.json.Decoder(Directive)


def directive_agent(context: Context) -> None:
    """Declare the agent."""
    app, findings = context.app, context.topic("findings")

    @agent(app, "directives", topics=[context.topic("directives")], dead_letters=context.topic("directives.dead"))
    async def handle(delivery: Delivery) -> int:
        directive = decoded(delivery, _DECODER, "NOT_A_DIRECTIVE")
        view = await context.rows()
        try:
            finding = direct(directive, view, context.policies, context.keys)
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            raise Refused(reason, detail) from error
        await app.emitter.emit(output(findings, finding.subject, finding))
        return directive.recorded_at_ms
