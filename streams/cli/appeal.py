"""`dualblock appeal`: what the subject of a sanction hands in, and the answer of whoever imposed it."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from streams.cli.shell import Shell, answer, app_of, iso, shell_of
from streams.cli.subjects import Standing, Subject, standing_of
from streams.errors import InputError

app = app_of("appeal", "Appeals against sanctions: filed with evidence, decided by who imposed the sanction.")

Number = Annotated[str, typer.Option("--appeal-id", help="The appeal's own number.", metavar="ID")]


@app.command()
def file(
    ctx: typer.Context,
    subject: Subject,
    sanction_id: Annotated[str, typer.Argument(help="As the notice names it.", metavar="SANCTION")],
    appeal_id: Number,
    evidence: Annotated[str, typer.Option(help="Where the evidence lies; never the evidence itself.", metavar="REF")],
) -> None:
    """File an appeal. The time for its decision begins; a policy may suspend the sanction meanwhile."""
    shell = shell_of(ctx)
    held = standing_of(shell, subject)
    _carried(shell, held, appeal_id, "file", sanction_id, evidence, "carrier")


@app.command()
def decide(
    ctx: typer.Context,
    subject: Subject,
    appeal_id: Number,
    outcome: Annotated[Literal["uphold", "refuse"], typer.Option(help="uphold ends the sanction.")],
    grounds: Annotated[str, typer.Option(help="Where the grounds are written down.", metavar="REF")],
    authority: Annotated[str, typer.Option(help="Who decides: who imposed it.", metavar="NAME")] = "carrier",
) -> None:
    """Decide an appeal. Upheld: the sanction ends, its votes don't count again, and their reporters weigh less."""
    shell = shell_of(ctx)
    held = standing_of(shell, subject)
    timeline = held.row.timeline if held.row is not None else ()
    about = next((e.sanction_id for e in timeline for a in e.appeals if a.appeal_id == appeal_id), None)
    if about is None:
        raise InputError(f"No appeal {appeal_id} of {held.subject} is known: see `dualblock case`.")
    _carried(shell, held, appeal_id, outcome, about, grounds, authority)


def _carried(
    shell: Shell, held: Standing, appeal_id: str, act: Literal["file", "uphold", "refuse"], sanction_id: str,
    evidence: str, authority: str,
) -> None:  # fmt: skip
    """Write what the sanction agent will not refuse. Raises InputError."""
    from streams.cli.kafka import send
    from streams.contracts.appeals import Appeal
    from streams.engine.appealing import finding_of
    from streams.engine.consequences import act_on
    from streams.engine.sanctioning import FindingRefused

    if not evidence.strip():
        raise InputError("An appeal and a decision name what they rest on: give the reference of a file.")
    appeal = Appeal(
        appeal_id=appeal_id, act=act, subject=held.subject, sanction_id=sanction_id, evidence=evidence,
        authority=authority, recorded_at_ms=held.now_ms,
    )  # fmt: skip
    try:
        found = act_on(held.row, finding_of(appeal, held.pack.epoch_ms), held.pack)
    except FindingRefused as refused:
        raise InputError(f"This is refused ({refused.reason}): {refused.detail}.") from refused
    send(shell.connection(), "appeals", [(held.subject, appeal)])
    state = next(a for e in found.row.timeline for a in e.appeals if a.appeal_id == appeal_id)
    if state.outcome is None:
        meanwhile = "is suspended" if state.paused_from_ms is not None else "stands"
        answer(f"{appeal_id}: filed; to be decided by {iso(state.decide_by_ms)}, meanwhile the sanction {meanwhile}.")
    else:
        answer(f"{appeal_id}: {state.outcome}, counts from {iso(found.finding.from_ms)}.")
