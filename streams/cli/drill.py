"""`dualblock drill`: kill, stop and starve the real workers on a real broker, and count what went wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.shell import Json, answer, no, out, say


def drill(
    scenarios: Annotated[
        list[str] | None, typer.Argument(help="Only these scenarios; without any, all.", metavar="[NAME]...")
    ] = None,
    seed: Annotated[int, typer.Option(help="Chooses traffic, changes and where workers die.")] = 1,
    scenario: Annotated[
        list[str] | None,
        typer.Option(help="Like NAME: only this scenario; may be given several times.", metavar="NAME"),
    ] = None,
    long: Annotated[bool, typer.Option("--long/--short", help="More kills and longer runs, or a few minutes.")] = False,
    minutes: Annotated[
        float | None, typer.Option(help="How long the soak goes on: 1 in the short form, 20 in the long one.", min=0.5)
    ] = None,
    slack: Annotated[
        float, typer.Option(help="Stretches the limits of time, for a machine that does other work.", min=1.0)
    ] = 1.0,
    jobs: Annotated[
        int, typer.Option(help="So many scenarios side by side, but for those that measure time.", min=1, max=8)
    ] = 3,
    json: Json = False,
    bootstrap: Annotated[
        str | None,
        typer.Option(
            help="A broker that runs; topics get a prefix of their own. Without it one is started.", metavar="HOST:PORT"
        ),
    ] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Where logs and state of the workers stay.", metavar="DIR")
    ] = None,
) -> None:
    """Show that each message gets one decision, whatever is killed.

    Starts registrar, gates, meter and agents on Kafka, kills them at random and named points, and reads what a
    consumer of committed records sees: nothing lost, doubled, out of order, stale, or different from what the rules say
    at the versions that a decision names. A run whose kills tore no transaction fails as vacuous.

    Ends with 0 when every scenario holds, else with 1.
    """
    from streams.drill.report import table, to_json
    from streams.drill.run import run_drill

    def begun(name: str) -> None:
        say(f"{name} …")

    reports = run_drill(
        [*(scenarios or ()), *(scenario or ())], seed=seed, long=long, bootstrap=bootstrap, directory=out_dir,
        slack=slack, minutes=minutes, jobs=jobs, begun=begun,
    )  # fmt: skip
    if json:
        answer(to_json(reports).decode())
    else:
        out().print(table(reports))
        for name, report in reports.items():
            figures = ", ".join(f"{figure} {value:g}" for figure, value in report.figures.items())
            out().print(f"{name}: {'; '.join([*report.notes, figures])}", highlight=False, soft_wrap=True)
            for problem in report.problems:
                say(f"{name}: {problem}")
    if broken := [name for name, report in reports.items() if not report.holds]:
        no(f"The drill did not hold: {', '.join(broken)}.")
