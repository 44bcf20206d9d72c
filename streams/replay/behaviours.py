"""Behaviour in memory: the gate's facts and their step, for an embedded run. It judges when an epoch has ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.contracts.messages import Message
from streams.contracts.reputation import Finding
from streams.contracts.shapes import Fact, Shapes
from streams.engine.behaving import WAITING, begun, take
from streams.engine.decide import Decided
from streams.engine.policy import Policies, Policy
from streams.engine.pseudonym import Keys
from streams.engine.shaping import Shaper
from streams.engine.view import View


@dataclass(slots=True)
class _Held:
    """facts: what the state does not hold yet, by length of an epoch. left: of messages, before it has to."""

    state: Shapes
    left: int
    facts: list[tuple[int, list[Fact]]] = field(default_factory=list)


class Behaviours:
    """Keeps messages by subject, and hands out what follows once an epoch's messages are all in."""

    def __init__(self, policies: Policies, keys: Keys) -> None:
        self._policies, self._shaper = policies, Shaper(keys)
        self._subjects: dict[str, _Held] = {}
        self._due: set[str] = set()

    def note(self, message: Message, decided: Decided) -> None:
        """A message was decided."""
        found = self._shaper.fact(message, decided)
        if found is None:
            return
        subjects, fact = found
        length = decided.pack.epoch_ms
        for subject in subjects:
            held = self._subjects.get(subject)
            if held is None:
                state = begun(subject, length, decided.pack)
                held = self._subjects[subject] = _Held(state, _left(state))
            if held.facts and held.facts[-1][0] == length:
                held.facts[-1][1].append(fact)
            else:
                held.facts.append((length, [fact]))
            held.left -= fact.size
            if held.left <= 0:
                self._due.add(subject)

    def close(self, view: View) -> list[Finding]:
        """What follows from what was noted since the last call."""

        def policy_at(at_ms: int) -> Policy:
            return self._policies.at(view, at_ms)

        due, self._due = sorted(self._due), set()
        found: list[Finding] = []
        for subject in due:
            held = self._subjects[subject]
            for length, facts in held.facts:
                held.state, said = take(held.state, subject, length, facts, policy_at)
                found += said
            held.facts.clear()
            held.left = _left(held.state)
        return found


def _left(state: Shapes) -> int:
    """How many messages need not be taken at once: `take` comes to the same in batches of any size."""
    return min(state.ahead, state.ways_ahead, WAITING)
