"""What the demonstration prints: decisions by action and reason, pairs, relays by leaks; or one JSON object."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from streams.demo.score import Result, TwinScore
from streams.demo.world import World

_SEOUL = timezone(timedelta(hours=9))
_RELAYS_SHOWN = 12
_PAIR_COLUMNS: tuple[tuple[str, JustifyMethod], ...] = (
    ("attack", "left"), ("caught", "right"), ("before effect", "right"), ("twin", "left"), ("blocked", "right"),
)  # fmt: skip


def to_json(result: Result, differences: int | None = None) -> bytes:
    """One object; `differences` is added by a run that was compared with another."""
    found = msgspec.to_builtins(result.summary)
    if differences is not None:
        found["differences"] = differences
    return msgspec.json.encode(found)


def render(world: World, result: Result) -> RenderableType:
    """All tables and the closing line, for a rich console."""
    return Group(actions(result), pairs(world, result), leaks(result), closing(result))


def actions(result: Result) -> Table:
    """Decisions by action and first reason."""
    table = _table("Decisions", "action", "reason", right=("messages",))
    for (action, reason), count in sorted(result.actions.items(), key=lambda item: (item[0][0], -item[1])):
        table.add_row(action, reason, f"{count:,}")
    return table


def pairs(world: World, result: Result) -> Table:
    """A row per pair: attack messages caught by their own code, those that passed before the sanction took effect (and
    when that was, in Seoul), and the twin's messages blocked by mistake."""
    table = Table(title="Attacks and their twins", title_justify="left", box=SIMPLE_HEAD)
    for name, justify in _PAIR_COLUMNS:
        table.add_column(name, justify=justify)
    for pair, attack, twin in zip(world.pairs, result.summary.attacks, result.summary.twins, strict=False):
        effect_ms = result.effects.get(pair.name)
        before = "" if effect_ms is None else f"{attack.passed_before_effect:,} ({_clock(effect_ms):%H:%M})"
        caught = f"{attack.caught:,} of {attack.injected:,}"
        table.add_row(attack.name, caught, before, twin.name, _blocked(twin))
    for twin in result.summary.twins[len(world.pairs) :]:
        table.add_row("", "", "", twin.name, _blocked(twin))
    return table


def _blocked(twin: TwinScore) -> Text:
    return Text(f"{twin.falsely_blocked:,} of {twin.messages:,}", style="bold red" if twin.falsely_blocked else "")


def leaks(result: Result) -> Table:
    """Relays by what they let through; `no_gate` came without a verdict of the relay."""
    table = _table("Leaks of relays", "relay", "reason", right=("messages",))
    ranked = sorted(result.summary.leaks, key=lambda leak: (-leak.messages, leak.relay, leak.reason))
    for leak in ranked[:_RELAYS_SHOWN]:
        table.add_row(leak.relay, leak.reason, f"{leak.messages:,}")
    if len(ranked) > _RELAYS_SHOWN:
        table.caption = f"and {len(ranked) - _RELAYS_SHOWN} more"
    return table


def closing(result: Result) -> Text:
    """One line with the verdict on the run, and one for each problem."""
    summary = result.summary
    rate = f", {summary.messages / summary.seconds:,.0f}/s" if summary.seconds else ""
    head = (
        f"{summary.decisions:,} decisions on {summary.messages:,} messages in {summary.seconds:.1f} s{rate}; "
        f"{summary.sanctions} sanctions, late enforcement {summary.late_enforcement}; seed {summary.seed}"
    )
    if result.ok:
        return Text(f"{head}\nAll attacks caught, no twin blocked.", style="green")
    return Text("\n".join((head, *result.problems)), style="red")


def _clock(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(_SEOUL)


def _table(title: str, *columns: str, right: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for name in columns:
        table.add_column(name)
    for name in right:
        table.add_column(name, justify="right")
    return table
