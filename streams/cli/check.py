"""`dualblock config`: what is in force, and what is wrong with it."""

from __future__ import annotations

import typer

from streams.cli.shell import BAD, answer, app_of, say, shell_of
from streams.errors import ConfigError

app = app_of("config", "Look at the settings.")


@app.callback()
def group() -> None:
    """Look at the settings."""


@app.command()
def check(ctx: typer.Context) -> None:
    """Print the effective settings, secrets masked; end with 2 and a sentence for each problem."""
    from streams.config import problems_of, shown

    shell = shell_of(ctx)
    try:
        settings = shell.settings
    except ConfigError as error:
        for line in str(error).splitlines():
            say(f"error: {line}")
        raise typer.Exit(BAD) from error
    values = shown(settings)
    width = max(len(name) for name in values)
    for name, value in values.items():
        answer(f"{name:<{width}}  {value}")
    problems = problems_of(settings)
    for problem in problems:
        say(f"error: {problem}")
    if problems:
        raise typer.Exit(BAD)
