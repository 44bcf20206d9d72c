"""The drill's figures in docs/reliability.md, made of what `--json` says:

    dualblock drill --seed 7 --json > drill.json
    .venv/bin/python scripts/drill_table.py drill.json "dualblock drill --seed 7" --write

The machine is this one; run it where the drill ran. Without --write the table is printed. The long form has a
place of its own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # so that it runs as a script, too

from bench.machine import commit, machine  # noqa: E402  # after the path

PAGE = ROOT / "docs" / "reliability.md"
_COUNTS = ("inputs", "committed", "raw", "lost", "doubled", "wrong", "stale", "late", "out_of_order", "kills")
Reports = Mapping[str, Mapping[str, Any]]


def table(reports: Reports) -> str:
    """One line each scenario, as Markdown; a scenario that did not hold says so in the last column."""
    names = [*(name.replace("_", " ") for name in _COUNTS), "in a transaction", "worst recovery s", "seconds", "holds"]
    lines = [f"| scenario | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
    for scenario, report in reports.items():
        recovery = report["worst_recovery_s"]
        cells = [
            *(_number(report[name]) for name in _COUNTS),
            _number(report["kills_in_transaction"]),
            f"{recovery:.1f}" if recovery else "–",
            f"{report['seconds']:.0f}",
            "yes" if report["holds"] else "**no**",
        ]
        lines.append(f"| {scenario} | {' | '.join(cells)} |")
    return "\n".join(lines)


def beside(reports: Reports) -> str:
    """What else each scenario measured, noted or found, one line each."""
    lines = []
    for scenario, report in reports.items():
        figures = [f"{name} {_number(value)}" for name, value in report["figures"].items()]
        said = "; ".join([", ".join(figures), *report["notes"], *(f"**{p}**" for p in report["problems"])]).strip("; ")
        if said:
            lines.append(f"* `{scenario}`: {said}.")
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:,}".replace(",", "\N{NO-BREAK SPACE}")


def figures(reports: Reports, command: str) -> str:
    """Everything between the marks."""
    held = sum(bool(report["holds"]) for report in reports.values())
    seconds = sum(report["seconds"] for report in reports.values())
    facts = [
        f"    command  {command}",
        f"    machine  {machine()}, Kafka on the same machine",
        f"    commit   {commit()}, {time.strftime('%Y-%m-%d', time.gmtime())}",
        f"    held     {held} of {len(reports)} scenarios; {seconds:.0f} s in all, less where they ran side by side",
    ]
    return "\n\n".join(["\n".join(facts), table(reports), beside(reports)])


def marks(command: str) -> tuple[str, str]:
    """Where the figures of this command begin and end."""
    name = "long" if "--long" in command.split() else "figures"
    return f"<!-- {name}: written by scripts/drill_table.py --write -->", f"<!-- end of {name} -->"


def replaced(page: str, reports: Reports, command: str) -> str:
    """The page with the figures between their marks. Raises ValueError when the marks are not there."""
    begin, end = marks(command)
    head, begun, rest = page.partition(begin)
    _, ended, tail = rest.partition(end)
    if not begun or not ended:
        raise ValueError(f"{PAGE.name} has no place for the figures: put back the lines {begin} and {end}.")
    return f"{head}{begin}\n{figures(reports, command)}\n{end}{tail}"


def main(arguments: list[str]) -> int:
    """Exit code: 2 for a wrong command line."""
    given = [argument for argument in arguments if argument != "--write"]
    if len(given) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    reports = orjson.loads(Path(given[0]).read_bytes())
    if "--write" in arguments:
        PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), reports, given[1]), encoding="utf-8")
    else:
        print(figures(reports, given[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
