"""Behaviour: what a subject sends, epoch by epoch, and what follows from it. Pure steps over one subject's state.

Facts wait, unread, until so many have come that a rule could say something (`ahead`), or `WAITING` of them: most
subjects never send that much in a day, and to look at each epoch of each would be nearly all the work. Looked at, they
come to the same, however they came.

A subject's two newest epochs are open: more of them may still come, and what they come to is withdrawn when it no
longer follows. Older ones are settled; what comes late for them is added to the day and judged with the newest. What
follows from epoch n counts from n + 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from streams.contracts.messages import Leg
from streams.contracts.reports import Scope
from streams.contracts.reputation import Finding
from streams.contracts.shapes import Fact, Habits, Shape, Shapes
from streams.engine.epochs import effect_of, start_of
from streams.engine.ladder import sanction_id
from streams.engine.local import end_of_day
from streams.engine.pack import Behaviour, Pack
from streams.engine.policy import Policy
from streams.engine.shape_rules import DAILY_CAP, NEVER, RULES, TAKEOVER, Conclusion, Look, ahead, grown
from streams.engine.shaping import merged, summed_up
from streams.engine.tally import bucket_of
from streams.engine.telling import TOLD, told_anew

#: Facts that wait at most: a state stays small, and most lines are looked at a few times a month.
WAITING = 32
#: The policy at a time, in ms.
PolicyAt = Callable[[int], Policy]


class _At(NamedTuple):
    subject: str
    epoch_ms: int
    policy: Policy


def take(
    state: Shapes | None, subject: str, epoch_ms: int, facts: Sequence[Fact], policy_at: PolicyAt
) -> tuple[Shapes, list[Finding]]:
    """The state with facts (at least one) of epochs of this length, and what it says that was not said before."""
    if state is None:
        state = begun(subject, epoch_ms, policy_at(start_of(facts[0].epoch, epoch_ms)).pack)
    found: list[Finding] = []
    if epoch_ms != state.epoch_ms:
        state, found = _settled(*look(state, policy_at), policy_at)
        state = msgspec.structs.replace(state, epoch_ms=epoch_ms)
    left = state.ahead - sum([fact.size for fact in facts])
    ways = {fact.route for fact in facts if fact.route is not None}.difference(state.ways)
    waiting = (*state.waiting, *facts)
    held = Shapes(
        subject=subject, epoch_ms=epoch_ms, ahead=left, ways=(*state.ways, *sorted(ways)) if ways else state.ways,
        ways_ahead=state.ways_ahead - len(ways), waiting=waiting, open=state.open, day=state.day, today=state.today,
        acted=state.acted, habits=state.habits, told=state.told,
    )  # fmt: skip
    if left > 0 and held.ways_ahead > 0 and len(waiting) <= WAITING:
        return held, found
    held, more = look(held, policy_at)
    return held, [*found, *more]


@lru_cache(maxsize=64)
def _least(kind: str, rules: Behaviour) -> int:
    """`shape_rules.ahead` of who has sent nothing yet."""
    return ahead(kind, Shape(), Shape(), Habits(), rules)


def begun(subject: str, epoch_ms: int, pack: Pack) -> Shapes:
    """The state of who has sent nothing yet."""
    rules = pack.behaviour
    kind = "sender:~" if subject.startswith("sender:~") else ""
    return Shapes(subject=subject, epoch_ms=epoch_ms, ahead=_least(kind, rules), ways_ahead=_many(subject, rules))


def _many(subject: str, rules: Behaviour) -> int:
    """How many routes are many."""
    return rules.routes if rules.routes and subject.startswith("sender:") else NEVER


def _settled(state: Shapes, found: list[Finding], policy_at: PolicyAt) -> tuple[Shapes, list[Finding]]:
    """With no epoch open."""
    for epoch, _ in state.open:
        state = _settle(state, epoch, policy_at)
    return state, found


def look(state: Shapes, policy_at: PolicyAt) -> tuple[Shapes, list[Finding]]:
    """The state with nothing waiting, and what it says that was not said before."""
    found: list[Finding] = []
    left, ways_left = state.ahead + sum([fact.size for fact in state.waiting]), state.ways_ahead
    for epoch, legs in summed_up(state.waiting).items():
        left -= sum([shape.sent for shape in legs.values()])
        state, told = on_epoch(state, epoch, legs, policy_at, judged=left <= 0 or ways_left <= 0)
        found += told
    return msgspec.structs.replace(state, waiting=()), found


def on_epoch(
    state: Shapes, epoch: int, legs: dict[Leg, Shape], policy_at: PolicyAt, *, judged: bool = True
) -> tuple[Shapes, list[Finding]]:
    """The state with what was sent in an epoch, and what it says that was not said before. judged: False where no rule
    can say anything yet."""
    policy = policy_at(start_of(epoch, state.epoch_ms))
    at = _At(state.subject, state.epoch_ms, policy)
    opened = dict(state.open)
    newest = max((*opened, epoch))
    if epoch < newest - 1:
        state = _added(state, epoch, legs, at)
    else:
        opened[epoch] = merged(opened.get(epoch, {}), legs)
        state = msgspec.structs.replace(state, open=tuple(sorted(opened.items())))
    for settled in sorted(n for n in opened if n < newest - 1):
        state = _settle(state, settled, policy_at)
    if not judged:
        return state, []
    so_far, follows = state, dict[str, Finding]()
    for number, shapes in state.open:
        so_far, said = _fold(so_far, number, shapes, at)
        follows |= {finding.finding_id: finding for finding in said}
    first_ms = start_of(state.open[0][0] + 1, state.epoch_ms)
    kept, told = told_anew(list(state.told), follows, first_ms, policy)
    told += _overshot(state, kept, epoch, so_far)
    names = {finding.finding_id for finding in told}
    remembered = (*(f for f in kept if f.finding_id not in names), *told)[-TOLD:]
    ways = tuple(sorted({route for shape in so_far.today.values() for route in shape.routes}))
    state = msgspec.structs.replace(
        state, told=remembered, ahead=_ahead(so_far, policy), ways=ways,
        ways_ahead=_many(state.subject, policy.pack.behaviour) - len(ways),
    )  # fmt: skip
    return state, told


def _ahead(so_far: Shapes, policy: Policy) -> int:
    """See `shape_rules.ahead`, over both legs."""
    opened = [shapes for _, shapes in so_far.open]
    legs = {leg for shapes in (so_far.today, *opened) for leg in shapes}
    return min(
        ahead(
            so_far.subject,
            so_far.today.get(leg, Shape()),
            max((shapes.get(leg, Shape()) for shapes in opened), key=lambda shape: shape.sent, default=Shape()),
            so_far.habits.get(leg, Habits()),
            policy.pack.behaviour,
        )
        for leg in legs
    )


def _settle(state: Shapes, epoch: int, policy_at: PolicyAt) -> Shapes:
    """An epoch of which nothing more is taken."""
    at = _At(state.subject, state.epoch_ms, policy_at(start_of(epoch, state.epoch_ms)))
    state, _ = _fold(state, epoch, dict(state.open)[epoch], at)
    return msgspec.structs.replace(state, open=tuple([(n, legs) for n, legs in state.open if n != epoch]))


def _added(state: Shapes, epoch: int, legs: dict[Leg, Shape], at: _At) -> Shapes:
    """The day with an epoch's shapes; nothing is said of a day that is over."""
    day = bucket_of(start_of(epoch, at.epoch_ms), "d", at.policy.pack.time_zone)
    if state.day is not None and day < state.day:
        return state
    today = merged(state.today if day == state.day else {}, legs)
    return msgspec.structs.replace(state, day=day, today=today)


def _fold(state: Shapes, epoch: int, legs: dict[Leg, Shape], at: _At) -> tuple[Shapes, list[Finding]]:
    """What is known after an epoch, and what follows from it."""
    pack, effect_ms = at.policy.pack, effect_of(epoch, at.epoch_ms)
    state = _added(state, epoch, legs, at)
    day = state.day or 0
    acted = {name: to_ms for name, to_ms in state.acted.items() if to_ms > effect_ms}
    found: list[Finding] = []
    habits = dict(state.habits)
    for leg in sorted(legs):
        look = _look(state, epoch, leg, legs[leg], acted, at)
        for rule in RULES:
            conclusion = rule(look, pack.behaviour)
            if conclusion is None or f"{conclusion.reason}/{leg}" in acted:
                continue
            to_ms = effect_ms + pack.behaviour.throttle_ms
            if conclusion.to_end_of_day:
                to_ms = end_of_day(day, pack.time_zone)
            if to_ms > effect_ms:
                acted[f"{conclusion.reason}/{leg}"] = to_ms
                found.append(_finding(conclusion, leg, epoch, to_ms, at))
        # What a thief sends must not become usual while it is put off.
        if f"{TAKEOVER}/{leg}" not in acted:
            habits[leg] = grown(look, day, pack.behaviour)
    return msgspec.structs.replace(state, acted=acted, habits=habits), found


def _look(state: Shapes, epoch: int, leg: Leg, shape: Shape, acted: dict[str, int], at: _At) -> Look:
    said = frozenset(name.partition("/")[0] for name in acted if name.endswith(f"/{leg}"))
    day, habits = state.today.get(leg, Shape()), state.habits.get(leg, Habits())
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
        version=max(epoch + 2, 0),
    )


def _overshot(state: Shapes, told: list[Finding], epoch: int, so_far: Shapes) -> list[Finding]:
    """Caps that have taken effect, once more, with what was sent over them before: it can't be known earlier."""
    found: list[Finding] = []
    for finding in told:
        if finding.reason != DAILY_CAP or finding.version > epoch or "over" in finding.counts:
            continue
        (leg,) = finding.scope.legs
        held = so_far.today.get(leg, Shape()).sent - sum(
            shapes[leg].sent for n, shapes in state.open if n >= finding.version and leg in shapes
        )
        counts = {**finding.counts, "sent": held, "over": held - finding.counts["cap"]}
        found.append(msgspec.structs.replace(finding, counts=counts))
    return found
