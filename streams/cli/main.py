"""`dualblock`: the command line, in four parts: try it, run it, feed it, look at it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streams import __version__
from streams.build import compiled
from streams.cli import (
    api,
    appeal,
    backtest,
    blacklist,
    broker,
    case,
    check,
    dead,
    demo,
    directive,
    drill,
    evidence,
    explain,
    jobs,
    lake,
    ledger,
    notices,
    policy,
    registry,
    releases,
    replay,
    reports,
    run,
    sanction,
    schemas,
    settings,
    topics,
)
from streams.cli.shell import FEED, LOOK, RUN, TRY, Shell, answer, app_of, paragraphs

_HELP = """
Dual blocking of forged and reported text messages on Kafka: one ALLOW or BLOCK decision for each message event, \
with its evidence.

Start with [bold]dualblock demo[/bold]: it needs no broker and no settings. Settings come from a TOML file \
(--config, DUALBLOCK_CONFIG, or ./dualblock.toml) and from DUALBLOCK_* variables, which win; \
[bold]dualblock config check[/bold] shows what is in force.

Exit codes: 0 done; 1 the answer is no; 2 bad input or configuration, with a sentence that says what to change.
"""

app = app_of(None, _HELP)


def _version(asked: bool) -> None:
    if asked:
        answer(f"dualblock {__version__}{' (compiled engine)' if compiled() else ''}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="Settings file (TOML).", metavar="FILE", show_default="./dualblock.toml")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Remember where the settings are; they are read by who needs them."""
    ctx.obj = Shell(config)


root.__doc__ = _HELP

for panel, commands in (
    (TRY, (demo.demo, broker.broker, drill.drill)),
    (RUN, (run.run, run.registrar, run.gate, run.meter, run.recent, run.behaviour, run.agents)),
    (LOOK, (replay.replay, backtest.backtest, explain.explain, case.case, ledger.ledger, schemas.schemas)),
):
    for command in commands:
        app.command(rich_help_panel=panel)(command)
_GROUPS = (
    (RUN, (api, topics, check)),
    (FEED, (registry, policy, reports, settings, jobs, sanction, directive, appeal, releases, blacklist)),
    (LOOK, (dead, evidence, lake, notices)),
)
for panel, groups in _GROUPS:
    for group in groups:
        app.add_typer(group.app, rich_help_panel=panel)
for group in (group for _, groups in _GROUPS for group in groups):
    if group.app.registered_callback is not None:
        group.app.info.help = paragraphs(group.app.registered_callback.callback)
for one in (app, *(group.app for _, groups in _GROUPS for group in groups)):
    for info in one.registered_commands:
        info.help = paragraphs(info.callback)


def main() -> None:
    """The entry point of the distribution."""
    app(prog_name="dualblock")
