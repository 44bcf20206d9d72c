"""What a scenario has shown: one record, as JSON and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
from rich.table import Table

from streams.drill.processes import Kill

#: What must be 0 for a scenario to hold.
FAULTS = ("lost", "doubled", "wrong", "stale", "out_of_order")
#: Least share of kills that must fall inside an open transaction (agents: between table write and acknowledgement).
IN_TRANSACTION = 0.30


@dataclass
class ScenarioReport:
    """The figures of one scenario.

    inputs: events fed. committed: decisions (or the scenario's outputs) that a read_committed reader sees. raw: what
    stands on the log, aborted attempts included. late: changes readable everywhere only after their from_ms.
    kills_in_transaction: for agents, kills between a table write and the changelog's acknowledgement.
    worst_recovery_s: at a read_committed reader, from a kill to the first result of an event that was fed after it, in
    every partition that the dead worker had; without kills, from the last fault on, or 0. seconds: how long it took.
    figures: whatever else was measured, by name with its unit (`late_p99_ms`, `rss_mib`). notes: what was run, where
    that is not always the same. problems: sentences; one is enough for the scenario not to hold. slack: by how much the
    limits of time are stretched.
    """

    scenario: str
    inputs: int = 0
    committed: int = 0
    raw: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    stale: int = 0
    late: int = 0
    out_of_order: int = 0
    kills: int = 0
    kills_in_transaction: int = 0
    worst_recovery_s: float = 0.0
    seconds: float = 0.0
    figures: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    slack: float = 1.0

    @property
    def holds(self) -> bool:
        """Nothing was found."""
        return not self.problems and not any(getattr(self, name) for name in FAULTS)

    def expect(self, condition: object, problem: str) -> None:
        """Note a problem unless the condition holds."""
        if not condition:
            self.problems.append(problem)

    def recovered(self, seconds: float, within_s: float, what: str) -> None:
        """Note a recovery; a problem when it took longer than `within_s`."""
        self.worst_recovery_s = max(self.worst_recovery_s, round(seconds, 3))
        within_s *= self.slack
        self.expect(
            seconds <= within_s, f"{what}: the next decision was readable after {seconds:.1f} s, not {within_s:g}"
        )


def vacuous(report: ScenarioReport, kills: Sequence[Kill]) -> list[str]:
    """Why a run with kills proves nothing, as sentences; empty when it does prove something. Pure.

    A run that never tore a transaction shows only that nothing breaks when nothing happens. Agents have none: theirs
    are the kills between a table write and its acknowledgement, counted by themselves.
    """
    found: list[str] = []
    if not kills:
        found.append("vacuous: nothing was killed")
    agents = [kill for kill in kills if kill.role == "agents"]
    others = [kill for kill in kills if kill.role != "agents"]
    for some, where in ((others, "inside an open transaction"), (agents, "between table write and acknowledgement")):
        inside = sum(kill.in_transaction for kill in some)
        if inside < IN_TRANSACTION * len(some):
            found.append(f"vacuous: only {inside} of {len(some)} kills fell {where}")
    if report.raw <= report.committed:
        found.append(
            f"vacuous: the raw log holds {report.raw} records, its committed view {report.committed}: nothing was torn"
        )
    return found


def to_json(reports: Mapping[str, ScenarioReport]) -> bytes:
    """`{scenario: {inputs, committed, raw, …}}`; beside them `holds`, `seconds`, `figures`, `notes` and `problems`."""
    return orjson.dumps({name: _plain(report) for name, report in reports.items()}, option=orjson.OPT_INDENT_2)


def _plain(report: ScenarioReport) -> dict[str, Any]:
    found = asdict(report)
    for name in ("scenario", "slack"):
        del found[name]
    return {**found, "holds": report.holds}


def table(reports: Mapping[str, ScenarioReport]) -> Table:
    """All scenarios, one row each; what must be 0 and isn't is red."""
    shown = Table(title="Fault drill")
    shown.add_column("scenario")
    names = (
        "inputs",
        "committed",
        "raw",
        *FAULTS,
        "late",
        "kills",
        "kills_in_transaction",
        "worst_recovery_s",
        "seconds",
    )
    for name in names:
        shown.add_column(name.replace("kills_in_transaction", "in tx").replace("_", " "), justify="right")
    shown.add_column("holds")
    for report in reports.values():
        cells = []
        for name in names:
            value = getattr(report, name)
            text = f"{value:.1f}" if isinstance(value, float) else f"{value:,}"
            cells.append(f"[red]{text}[/red]" if name in FAULTS and value else text)
        shown.add_row(report.scenario, *cells, "yes" if report.holds else "[red]NO[/red]")
    return shown
