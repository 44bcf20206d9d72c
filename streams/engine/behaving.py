"""Behaviour: a subject's shapes, epoch by epoch, and what follows from them. Pure steps over one subject's state.

A subject's two newest epochs are open: deltas of them may still come, and what they come to is withdrawn when it no
longer follows. Older ones are settled; what comes late for them is added to the day and judged with the newest. What
follows from epoch n counts from n + 2.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from streams.contracts.messages import Leg
from streams.contracts.reports import Scope
from streams.contracts.reputation import Finding
from streams.contracts.shapes import Shape, Shapes
from streams.engine.deltas import Applied, note
from streams.engine.epochs import effect_of, start_of
from streams.engine.ladder import NEVER, sanction_id
from streams.engine.local import end_of_day
from streams.engine.policy import Policy
from streams.engine.shape_rules import DAILY_CAP, RULES, TAKEOVER, Conclusion, Habits, Look, grown
from streams.engine.shaping import merged
from streams.engine.tally import bucket_of
from streams.engine.telling import TOLD, told_anew

SOURCE = "behaviour"


class Facts(msgspec.Struct, frozen=True):
    """What is known from settled epochs. today: what local day `day` (a number) holds. acted: reason and leg → until
    when what followed stands, in ms. habits: how it used to send."""

    day: int = NEVER
    today: dict[Leg, Shape] = {}
    acted: dict[str, int] = {}
    habits: dict[Leg, Habits] = {}


class Subject(msgspec.Struct, kw_only=True):
    """The state of one subject; a value of the behaviour agent's table (JSON). Epochs are numbers in epochs of
    `epoch_ms`. open: the two newest. told: the last findings, for redeliveries. Bounded: see docs/behaviour.md."""

    subject: str
    epoch_ms: int
    facts: Facts = Facts()
    open: dict[int, dict[Leg, Shape]] = {}
    applied: Applied = {}
    told: list[Finding] = []


class _At(NamedTuple):
    subject: str
    epoch_ms: int
    policy: Policy


def on_shapes(state: Subject | None, delta: Shapes, policy: Policy) -> tuple[Subject, list[Finding]]:
    """Count a delta (state in place). Returns the state and what it says that was not said before; a redelivery says
    everything again."""
    if state is None:
        state = Subject(subject=delta.subject, epoch_ms=delta.epoch_ms)
    if not note(state.applied, delta):
        return state, list(state.told)
    if delta.epoch_ms != state.epoch_ms:
        for epoch in sorted(state.open):
            _settle(state, epoch, policy)
        state.epoch_ms = delta.epoch_ms
    at = _At(state.subject, state.epoch_ms, policy)
    newest = max((*state.open, delta.epoch))
    if delta.epoch < newest - 1:
        state.facts = _added(state.facts, delta.epoch, delta.legs, at)
    else:
        state.open[delta.epoch] = merged(state.open.get(delta.epoch, {}), delta.legs)
    for epoch in sorted(n for n in state.open if n < newest - 1):
        _settle(state, epoch, policy)
    facts, follows = state.facts, dict[str, Finding]()
    for epoch in sorted(state.open):
        facts, found = _fold(facts, epoch, state.open[epoch], at)
        follows |= {finding.finding_id: finding for finding in found}
    first_ms = start_of(min(state.open) + 1, state.epoch_ms)
    state.told, told = told_anew(state.told, follows, first_ms, policy)
    told += _overshot(state, delta.epoch, facts)
    names = {finding.finding_id for finding in told}
    state.told = [*(f for f in state.told if f.finding_id not in names), *told][-TOLD:]
    return state, told


def _settle(state: Subject, epoch: int, policy: Policy) -> None:
    """An epoch of which nothing more is taken."""
    state.facts, _ = _fold(state.facts, epoch, state.open.pop(epoch), _At(state.subject, state.epoch_ms, policy))


def _added(facts: Facts, epoch: int, legs: dict[Leg, Shape], at: _At) -> Facts:
    """The day with an epoch's shapes; nothing is said of a day that is over."""
    day = bucket_of(start_of(epoch, at.epoch_ms), "d", at.policy.pack.time_zone)
    if day < facts.day:
        return facts
    today = merged(facts.today if day == facts.day else {}, legs)
    return msgspec.structs.replace(facts, day=day, today=today)


def _fold(facts: Facts, epoch: int, legs: dict[Leg, Shape], at: _At) -> tuple[Facts, list[Finding]]:
    """What is known after an epoch, and what follows from it."""
    pack, effect_ms = at.policy.pack, effect_of(epoch, at.epoch_ms)
    facts = _added(facts, epoch, legs, at)
    acted = {name: to_ms for name, to_ms in facts.acted.items() if to_ms > effect_ms}
    found: list[Finding] = []
    habits = dict(facts.habits)
    for leg in sorted(legs):
        look = _look(facts, epoch, leg, legs[leg], acted, at)
        for rule in RULES:
            conclusion = rule(look, pack.behaviour)
            if conclusion is None or f"{conclusion.reason}/{leg}" in acted:
                continue
            to_ms = effect_ms + pack.behaviour.throttle_ms
            if conclusion.to_end_of_day:
                to_ms = end_of_day(facts.day, pack.time_zone)
            if to_ms > effect_ms:
                acted[f"{conclusion.reason}/{leg}"] = to_ms
                found.append(_finding(conclusion, leg, epoch, to_ms, at))
        # What a thief sends must not become usual while it is put off.
        if f"{TAKEOVER}/{leg}" not in acted:
            habits[leg] = grown(look, facts.day, pack.behaviour)
    return msgspec.structs.replace(facts, acted=acted, habits=habits), found


def _look(facts: Facts, epoch: int, leg: Leg, shape: Shape, acted: dict[str, int], at: _At) -> Look:
    said = frozenset(name.partition("/")[0] for name in acted if name.endswith(f"/{leg}"))
    day, habits = facts.today.get(leg, Shape()), facts.habits.get(leg, Habits())
    return Look(at.subject, leg, shape, day, habits, start_of(epoch, at.epoch_ms), at.epoch_ms, said)


def _finding(said: Conclusion, leg: Leg, epoch: int, to_ms: int, at: _At) -> Finding:
    share = at.policy.pack.behaviour.share_permille if said.share_permille is None else said.share_permille
    return Finding(
        subject=at.subject,
        finding_id=sanction_id(at.subject, f"{said.reason}/{leg}", epoch + 2),
        source="behaviour",
        step=said.step,
        from_ms=effect_of(epoch, at.epoch_ms),
        to_ms=to_ms,
        recorded_at_ms=start_of(epoch + 1, at.epoch_ms),
        reason=said.reason,
        counts=said.counts,
        policy=at.policy.version,
        scope=Scope(legs=(leg,)),
        share_permille=share,
        version=epoch + 2,
    )


def _overshot(state: Subject, epoch: int, facts: Facts) -> list[Finding]:
    """Caps that have taken effect, once more, with what was sent over them before: it can't be known earlier."""
    found: list[Finding] = []
    for finding in state.told:
        if finding.reason != DAILY_CAP or finding.version > epoch or "over" in finding.counts:
            continue
        (leg,) = finding.scope.legs
        held = facts.today.get(leg, Shape()).sent - sum(
            shapes[leg].sent for n, shapes in state.open.items() if n >= finding.version and leg in shapes
        )
        counts = {**finding.counts, "sent": held, "over": held - finding.counts["cap"]}
        found.append(msgspec.structs.replace(finding, counts=counts))
    return found
