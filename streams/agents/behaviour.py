"""Behaviour agent: how accounts and lines send, from the gate → findings when the shape of it alone says enough."""

from __future__ import annotations

import msgspec

from streams.agents.codec import decoded, keyed, near, output
from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.errors import Refused
from streams.agents.steps import Effect, Handled, Names, TableSpec
from streams.contracts.shapes import Shapes
from streams.engine.behaving import Subject, on_shapes
from streams.engine.policy import Policies
from streams.engine.sanctioning import WITHDRAWN
from streams.engine.view import View
from streams.telemetry.metrics import count

_DELTA = msgspec.json.Decoder(Shapes)
_STATE = msgspec.json.Decoder(Subject)


class BehaviourAgent:
    """Its table holds `engine.behaving.Subject` by subject."""

    name = "behaviour"
    inputs = ("shapes",)
    dead = "shapes.dead"
    table = TableSpec("behaviour", _STATE.decode, msgspec.json.encode)

    def __init__(self, names: Names, policies: Policies) -> None:
        self._findings, self._policies = names.topic("findings"), policies

    def handle(self, entity: str, delivery: Delivery, view: View) -> Handled:
        """Add a delta, and judge the subject."""
        delta = decoded(delivery, _DELTA, "NOT_A_SHAPE")
        key = keyed(delivery, delta.subject, "shapes are keyed by subject")
        at_ms = near(delta.epoch * delta.epoch_ms, "its epoch")
        if delta.first_offset >= delta.next_offset:
            raise Refused("NO_OFFSETS", f"[{delta.first_offset}, {delta.next_offset}) could be added twice")
        policy = self._policies.at(view, at_ms)

        def step(state: Subject | None, delta: Shapes) -> tuple[Subject, list[Output]]:
            subject, findings = on_shapes(state, delta, policy)
            for finding in findings:
                if finding.reason != WITHDRAWN:
                    count("behaviour_findings_total", reason=finding.reason)
            return subject, [output(self._findings, finding.subject, finding) for finding in findings]

        return Handled(at_ms, [Effect(key, delta, step)])
