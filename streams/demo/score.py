"""What the decisions were worth: attacks caught by their own code, twins blocked by mistake, leaks of relays."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from streams.contracts.decisions import Decision
from streams.contracts.reputation import SanctionRow
from streams.demo.companies import NAME as BACKGROUND
from streams.demo.pairs.base import Pair
from streams.demo.world import World
from streams.engine.reputation import LABELLED

_LEAST_PERCENT = 80  # of a report-driven attack, overall
_DONE: dict[str, tuple[str, ...]] = {"BLOCK": ("REJECT", "DROP", "THROTTLE"), "LABEL": ("LABEL", "SPAM_BOX")}


class AttackScore(msgspec.Struct, frozen=True):
    """passed_before_effect: messages that got through before the sanction's from_ms; 0 where no reports are needed."""

    name: str
    injected: int
    caught: int
    passed_before_effect: int


class TwinScore(msgspec.Struct, frozen=True):
    name: str
    messages: int
    falsely_blocked: int


class LeakScore(msgspec.Struct, frozen=True):
    """Messages that the relay's own gate should have stopped, or that came from a relay without one."""

    relay: str
    reason: str
    messages: int


class Summary(msgspec.Struct, frozen=True):
    """The object that `--json` prints. messages, decisions and sanctions are counts."""

    messages: int
    decisions: int
    seconds: float
    seed: int
    attacks: tuple[AttackScore, ...]
    twins: tuple[TwinScore, ...]
    sanctions: int
    late_enforcement: int
    leaks: tuple[LeakScore, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """actions: (action, first reason or `-`) → messages. problems: what was not as it must be, one sentence each."""

    summary: Summary
    actions: Counter[tuple[str, str]]
    effects: dict[str, int]
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every attack was caught, every twin passed and every message got its one decision."""
        return not self.problems


@dataclass(slots=True)
class _Side:
    injected: int = 0
    blocked: int = 0
    caught: int = 0
    named: int = 0  # messages with the pair's own code among their reasons
    passed_at_ms: list[int] = field(default_factory=list)
    sanctions: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)


_Sides = defaultdict[tuple[str, str], _Side]  # by label


def score(
    world: World,
    decisions: Iterable[Decision],
    sanctions: Iterable[SanctionRow] = (),
    *,
    seconds: float = 0.0,
    late_enforcement: int = 0,
) -> Result:
    """Hold decisions (any order) and the sanctions they rest on against the world's labels.

    An attack's message counts as caught only when its own code is among the reasons that blocked it (or, of a pair on
    the leak column, is what it was booked for). The effect of a
    report-driven attack is the earliest from_ms of the sanctions named in the evidence of its blocked messages.
    """
    count = _Count(world)
    for decision in decisions:
        count.take(decision)
    sides = count.sides
    # Rows on labelled texts stand among the sanctions but sanction nobody.
    sanctioned = [row for row in sanctions if not row.subject.startswith(LABELLED)]
    starts = {entry.sanction_id: entry.from_ms for row in sanctioned for entry in row.timeline}
    effects = _effects(world.pairs, sides, starts)
    summary = Summary(
        messages=len(world.messages),
        decisions=count.seen.total(),
        seconds=round(seconds, 3),
        seed=world.seed,
        attacks=tuple(_attack(pair, sides[pair.name, "attack"], effects) for pair in world.pairs),
        twins=(
            *(_twin(pair.twin, sides[pair.name, "twin"]) for pair in world.pairs),
            _twin(BACKGROUND, sides[BACKGROUND, "twin"]),
        ),
        sanctions=len(starts),
        late_enforcement=late_enforcement,
        leaks=tuple(LeakScore(*key, messages) for key, messages in sorted(count.leaks.items())),
    )
    problems = (*_problems(world, summary, count.seen, effects), *_misnamed(world.pairs, sides))
    return Result(summary, count.actions, effects, problems)


class _Count:
    """What the decisions add up to."""

    def __init__(self, world: World) -> None:
        self._labels = world.labels
        self._pairs = {pair.name: pair for pair in world.pairs}
        self.sides: _Sides = defaultdict(_Side)
        self.actions: Counter[tuple[str, str]] = Counter()
        self.leaks: Counter[tuple[str, str]] = Counter()
        self.seen: Counter[str] = Counter()
        for label in world.labels.values():
            self.sides[label].injected += 1

    def take(self, decision: Decision) -> None:
        """Count one decision."""
        self.seen[decision.event_id] += 1
        self.actions[decision.action, decision.reasons[0].code if decision.reasons else "-"] += 1
        if decision.leak is not None and decision.route.relay_id is not None:
            self.leaks[decision.route.relay_id, decision.leak] += 1
        label = self._labels.get(decision.event_id)
        if label is not None:
            _book(self.sides[label], decision, self._pairs.get(label[0]))


def _book(side: _Side, decision: Decision, pair: Pair | None) -> None:
    if pair is not None and pair.leak:
        _book_leak(side, decision, pair)
        return
    own = [] if pair is None else [reason for reason in decision.reasons if pair.names(reason.code)]
    side.named += bool(own)
    side.codes.update([reason.code for reason in decision.reasons])
    side.blocked += decision.verdict == "BLOCK"
    mode = "BLOCK" if pair is None else pair.mode
    if decision.action not in _DONE[mode] or not any(reason.mode == mode for reason in own):
        side.passed_at_ms.append(decision.event_time_ms)  # let through, or stopped for something else
        return
    side.caught += 1
    for check in decision.checks:
        if isinstance(held := check.evidence.get("sanction_id"), str):
            side.sanctions.add(held)


def _book_leak(side: _Side, decision: Decision, pair: Pair) -> None:
    """Of a pair on the leak column: caught is what is booked under its code, at fault whatever is booked at all."""
    side.named += decision.leak == pair.code
    side.codes.update([reason.code for reason in decision.reasons])
    side.blocked += decision.leak is not None
    if decision.leak == pair.code and decision.verdict == "BLOCK":
        side.caught += 1
    else:
        side.passed_at_ms.append(decision.event_time_ms)


def _effects(pairs: Iterable[Pair], sides: _Sides, starts: dict[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for pair in pairs:
        known = [starts[name] for name in sides[pair.name, "attack"].sanctions if name in starts]
        if pair.by_reports and known:
            found[pair.name] = min(known)
    return found


def _attack(pair: Pair, side: _Side, effects: dict[str, int]) -> AttackScore:
    effect_ms = effects.get(pair.name)
    before = 0 if effect_ms is None else sum(at_ms < effect_ms for at_ms in side.passed_at_ms)
    return AttackScore(pair.name, side.injected, side.caught, before)


def _twin(name: str, side: _Side) -> TwinScore:
    return TwinScore(name, side.injected, side.blocked)


def _misnamed(pairs: Iterable[Pair], sides: _Sides) -> Iterable[str]:
    for pair in pairs:
        side = sides[pair.name, "twin"]
        if named := max(0, side.named - side.blocked):  # those that were blocked are told already
            yield f"{pair.twin}: {named} messages have {pair.code} among their reasons, which only {pair.name} may have"
        if pair.twin_reason is not None and pair.twin_reason not in side.codes:
            yield f"{pair.twin}: no message says {pair.twin_reason}"


def _problems(
    world: World,
    summary: Summary,
    seen: Counter[str],
    effects: dict[str, int],
) -> Iterable[str]:
    undecided = sum(event_id not in seen for event_id in world.labels)
    twice = sum(count > 1 for count in seen.values())
    foreign = sum(event_id not in world.labels for event_id in seen)
    if undecided or twice or foreign:
        yield f"{undecided} messages have no decision, {twice} have several, {foreign} decisions are on no message"
    for pair, attack in zip(world.pairs, summary.attacks, strict=True):
        missed = attack.injected - attack.caught - attack.passed_before_effect
        if pair.by_reports and pair.name not in effects:
            yield f"{pair.name}: no sanction took effect"
        elif missed:
            yield f"{pair.name}: {missed} of {attack.injected} messages were not caught by {pair.code}"
        elif pair.by_reports and attack.caught * 100 < attack.injected * _LEAST_PERCENT:
            yield f"{pair.name}: only {attack.caught} of {attack.injected} messages were caught"
    for twin in summary.twins:
        if twin.falsely_blocked:
            yield f"{twin.name}: {twin.falsely_blocked} of {twin.messages} honest messages were blocked"
    if summary.late_enforcement:
        yield f"{summary.late_enforcement} sanctions arrived after messages that they should have met"
    if any(pair.by_reports for pair in world.pairs) and not summary.sanctions:
        yield "no sanction was imposed"
