"""What a scenario has shown: one record, as JSON and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
from rich.table import Table

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
    worst_recovery_s: at the reader, from a kill to the next decision of the dead worker's partitions that was fed after
    it. figures: whatever else was measured, by name with its unit (`late_p99_ms`, `rss_mib`). problems: sentences; one
    is enough for the scenario not to hold.
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
    problems: list[str] = field(default_factory=list)

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
        self.expect(
            seconds <= within_s, f"{what}: the next decision was readable after {seconds:.1f} s, not {within_s:g}"
        )


def vacuous(kills: int, in_transaction: int, raw: int, committed: int) -> list[str]:
    """Why a run with kills proves nothing, as sentences; empty when it does prove something. Pure.

    A run that never tore a transaction shows only that nothing breaks when nothing happens.
    """
    found: list[str] = []
    if not kills:
        found.append("vacuous: nothing was killed")
    elif in_transaction < IN_TRANSACTION * kills:
        found.append(f"vacuous: only {in_transaction} of {kills} kills fell inside an open transaction")
    if raw <= committed:
        found.append(f"vacuous: the raw log holds {raw} records, its committed view {committed}: nothing was torn")
    return found


def to_json(reports: Mapping[str, ScenarioReport]) -> bytes:
    """`{scenario: {inputs, committed, raw, …}}`, with `holds`, `seconds`, `figures` and `problems` beside them."""
    return orjson.dumps({name: _plain(report) for name, report in reports.items()}, option=orjson.OPT_INDENT_2)


def _plain(report: ScenarioReport) -> dict[str, Any]:
    found = asdict(report)
    del found["scenario"]
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
