"""Behaviour in memory: the gate's shapes and their agent, for an embedded run. It judges when an epoch has ended."""

from __future__ import annotations

from streams.contracts.messages import Message
from streams.contracts.reputation import Finding
from streams.engine.behaving import Subject, on_shapes
from streams.engine.decide import Decided
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.shaping import Open, Shaper, deltas
from streams.engine.view import View


class Behaviours:
    """Sums messages up by subject and epoch, and hands out what follows once an epoch's messages are all in."""

    def __init__(self, policies: Policies, keys: Keys) -> None:
        self._policies, self._shaper = policies, Shaper(keys)
        self._subjects: dict[str, Subject] = {}
        self._open: Open = {}
        self._shaped = 0

    def note(self, message: Message, decided: Decided) -> None:
        """A message was decided."""
        self._shaper.note(message, decided, self._open)

    def close(self, view: View) -> list[Finding]:
        """What follows from what was noted since the last call."""
        opened, self._open = dict(sorted(self._open.items())), {}
        first, self._shaped = self._shaped, self._shaped + 1
        found: list[Finding] = []
        for delta in deltas(opened, 0, first, self._shaped):
            policy = self._policies.at(view, delta.epoch * delta.epoch_ms)
            self._subjects[delta.subject], findings = on_shapes(self._subjects.get(delta.subject), delta, policy)
            found += findings
        return found
