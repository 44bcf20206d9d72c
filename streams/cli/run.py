"""`dualblock run`, and its six parts apart: thin over `streams.service`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import typer

from streams.cli.shell import no, say, shell_of

if TYPE_CHECKING:
    from streams.service.workers import Role

_ROLES = ("registrar", "gate", "meter", "recent", "behaviour", "agents")
#: Longer than the workers take to finish a batch, commit and leave.
_GRACE_S = 30.0


def run(ctx: typer.Context) -> None:
    """Run registrar, gate, meter, recent, behaviour and agents together on this machine, until Ctrl-C or SIGTERM.

    Each is a process of its own. When one ends, the others are stopped and the command ends with 1: a supervisor
    (systemd, compose, Kubernetes) starts it again, and nothing is lost or doubled by that.
    """
    shell = shell_of(ctx)
    settings = shell.settings
    settings.keys()  # what is wrong is said once, here, and not by each of the six
    shell.connection()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    config = ["--config", str(shell.config)] if shell.config else []
    workers: dict[str, subprocess.Popen[bytes]] = {}
    for place, role in enumerate(_ROLES):
        port = {"DUALBLOCK_METRICS_PORT": str(settings.metrics_port + place)} if settings.metrics_port else {}
        workers[role] = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", *config, role],
            stdin=subprocess.DEVNULL,
            env={**os.environ, **port},
            start_new_session=True,  # Ctrl-C reaches us, and we stop them in order
        )
    say(f"{', '.join(_ROLES)} run against {settings.bootstrap}; Ctrl-C stops them.")
    ended = None
    while not stop.wait(0.2) and ended is None:
        ended = next((role for role, worker in workers.items() if worker.poll() is not None), None)
    code = None if ended is None else workers[ended].returncode
    _stop(workers)
    if ended is not None:
        no(f"The {ended} ended with {code}: the others were stopped. Its last lines above say why.")
    # Ended by the signal itself is who was still starting and had nothing open: later it stops, and ends with 0.
    failed = [role for role, worker in workers.items() if worker.returncode not in (0, -signal.SIGTERM)]
    if failed:
        no(f"Not stopped in order: {', '.join(failed)}.")
    say("Stopped.")


def _stop(workers: dict[str, subprocess.Popen[bytes]]) -> None:
    for worker in workers.values():
        if worker.poll() is None:
            worker.terminate()
    deadline = time.monotonic() + _GRACE_S
    for role, worker in workers.items():
        try:
            worker.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            say(f"The {role} did not stop within {_GRACE_S:g} s and is killed; its open transaction is undone.")
            worker.kill()
            worker.wait()


def registrar(ctx: typer.Context) -> None:
    """Run the registrar: validates what comes in through feeds and writes the registry. Exactly once."""
    _worker(ctx, "registrar")


def gate(ctx: typer.Context) -> None:
    """Run a gate: one decision for each message. Start as many as there are partitions; each needs its own instance.

    It decides from local replicas and goes on when the control plane is away.
    """
    _worker(ctx, "gate")


def meter(ctx: typer.Context) -> None:
    """Run the meter: counts what was delivered, so that reports can be held against it. Exactly once."""
    _worker(ctx, "meter")


def recent(ctx: typer.Context) -> None:
    """Run the step that joins reports to what was delivered, and weighs them. Exactly once."""
    _worker(ctx, "recent")


def behaviour(ctx: typer.Context) -> None:
    """Run the step that judges how accounts and lines send. Exactly once."""
    _worker(ctx, "behaviour")


def agents(ctx: typer.Context) -> None:
    """Run the agents: reports and directives become votes, tallies, findings and sanctions."""
    _worker(ctx, "agents")


def _worker(ctx: typer.Context, role: Role) -> None:
    settings = shell_of(ctx).settings
    from streams.service.workers import run_worker

    code = run_worker(role, settings)
    if code:
        raise typer.Exit(code)
