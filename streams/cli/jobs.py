"""`dualblock jobs`: bulk sends, as an account signs for them and a portal announces them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.shell import Json, answer, app_of, iso, no, shell_of
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.contracts.jobs import JobEntry, JobRow
    from streams.pipeline.settings import Connection

app = app_of("jobs", "Bulk sends: who signed for one, and what became of it.")

_WAIT_S = 0.5
Recipients = Annotated[
    Path, typer.Argument(help="One recipient in a line: E.164, with or without the plus.", metavar="FILE")
]
Account = Annotated[str, typer.Argument(help="The account, as in its row.", metavar="ACCOUNT")]
Job = Annotated[str, typer.Argument(help="The job's id, once for each job.", metavar="JOB")]


@app.command()
def bind(recipients: Recipients) -> None:
    """Print the claim `recipients` that an assertion for this list must hold: how many, and the hash of the list."""
    import msgspec

    from streams.engine.jobs.assertion import bound

    answer(msgspec.json.encode(bound(_listed(recipients))).decode())


@app.command()
def submit(
    ctx: typer.Context,
    account: Account,
    job: Job,
    recipients: Recipients,
    assertion: Annotated[Path, typer.Option(help="The signed assertion, a compact JWS.", metavar="FILE")],
    wait: Annotated[float, typer.Option(help="Seconds to wait for what becomes of it; 0: don't.", min=0)] = 30.0,
) -> None:
    """Announce a bulk send and wait until gates can know it: send no message of the job before. Ends with 1 when the
    assertion was not accepted, or nobody has said so in time."""
    import msgspec

    from streams.cli.kafka import send
    from streams.contracts.jobs import JobSubmission
    from streams.engine.jobs.assertion import digest_of

    fields = {
        "account_id": account, "job_id": job, "recorded_at_ms": time.time_ns() // 1_000_000,
        "assertion": _read(assertion).strip(), "recipients": _listed(recipients),
    }  # fmt: skip
    try:
        made = msgspec.convert(fields, JobSubmission)
    except msgspec.ValidationError as error:
        raise InputError(f"This is no job: {error}.") from error
    connection = shell_of(ctx).connection()
    send(connection, "jobs.submitted", [(made.key(), made)])
    until = time.monotonic() + wait
    while time.monotonic() < until:
        row = _row(connection, made.key())
        named = digest_of(made.assertion)
        if row is not None and (mine := [entry for entry in row.timeline if entry.assertion == named]):
            _said(made.key(), mine[-1])
            return
        if row is not None and any(entry.reused_at_ms is not None for entry in row.timeline):
            no(f"{made.key()}: another assertion was accepted before; a job has one.")
        time.sleep(_WAIT_S)
    if wait:
        no(f"{made.key()}: nobody has said within {wait:g} s what becomes of it; is the job agent running?")
    answer(f"{made.key()}: announced.")


@app.command()
def show(ctx: typer.Context, account: Account, job: Job, json: Json = False) -> None:
    """Show what became of a bulk send, as gates see it. Ends with 1 when nobody announced it."""
    import msgspec

    from streams.contracts.base import encoder
    from streams.contracts.jobs import job_key

    row = _row(shell_of(ctx).connection(), job_key(account, job))
    if row is None:
        no(f"{job_key(account, job)}: nobody announced it.")
    if json:
        bare = [msgspec.structs.replace(entry, filter=b"") for entry in row.timeline]
        answer(encoder().encode(msgspec.structs.replace(row, timeline=tuple(bare))).decode())
        return
    for entry in row.timeline:
        what = entry.code or f"accepted, {entry.recipients} recipients, until {iso(entry.expires_ms)}"
        again = "" if entry.reused_at_ms is None else f", used again {iso(entry.reused_at_ms)}"
        answer(f"from {iso(entry.from_ms)}: {what}{again}")


def _said(name: str, entry: JobEntry) -> None:
    if entry.code is not None:
        no(f"{name}: {entry.code}")
    answer(f"{name}: accepted, {entry.recipients} recipients, until {iso(entry.expires_ms)}.")


def _row(connection: Connection, key: str) -> JobRow | None:
    from streams.cli.kafka import view_of

    return view_of(connection, ("jobs",), only=(key,)).job(key)


def _listed(file: Path) -> tuple[str, ...]:
    """The list as it is bound. Raises InputError."""
    from streams.contracts.jobs import MAX_RECIPIENTS

    digits = {line.strip().removeprefix("+") for line in _read(file).splitlines() if line.strip()}
    wrong = next((one for one in digits if not (one.isascii() and one.isdigit() and 7 <= len(one) <= 15)), None)
    if wrong is not None or not digits:
        raise InputError(f"{file}: one recipient in a line, as E.164 such as +821055501234; {wrong!r} is none.")
    if len(digits) > MAX_RECIPIENTS:
        raise InputError(
            f"{file} names {len(digits)} recipients, and a job binds {MAX_RECIPIENTS} at most: split the list into "
            f"{-(-len(digits) // MAX_RECIPIENTS)} jobs, each with an id and an assertion of its own."
        )
    return tuple(sorted(digits))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} can't be read ({error}): name a file of plain digits or a JWS.") from error
