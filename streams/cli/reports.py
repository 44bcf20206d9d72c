"""`dualblock reports`: take reports in, from files and over HTTP, and erase what is held of a reporter."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from streams.cli.rejects import Reject, imported
from streams.cli.shell import Json, answer, app_of, iso, say, shell_of
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.contracts.reports import Report
    from streams.intake.base import Intake

app = app_of("reports", "Take reports in, from files and over HTTP, and erase what is held of a reporter.")
FORMATS = ("korea", "trai", "arf", "portal", "7726")


@app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV or XLSX for korea and trai; else a JSON object a line.")],
    format: Annotated[str, typer.Option(help=f"One of {', '.join(FORMATS)}.")],
    source: Annotated[
        str, typer.Option(help="Name of the source, kept in every report.", show_default="the format's")
    ] = "",
    relays: Annotated[
        Path | None,
        typer.Option(help="CSV with the columns name,relay: the file's name, our id."),
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Where rows go that are no reports.", show_default="rejects-<file>.ndjson")
    ] = None,
    json: Json = False,
) -> None:
    """Import a file of reports. A report's id follows from the source's own, so importing a file again doubles nothing.

    Rows that are no reports are written to the rejects file with their number and the reason; the others are imported,
    and the command ends with 1. A file of another shape is refused whole, with 2, and nothing of it is sent.
    """
    from streams.pipeline.reporting import ReportSink
    from streams.pipeline.step import InvalidRecord

    shell = shell_of(ctx)
    if format not in FORMATS:
        raise InputError(f"There is no format {format!r}: choose {', '.join(FORMATS)}.")
    intake = _intake(format, source, relays)
    path = rejects or Path(f"rejects-{file.name}.ndjson")
    keys, pack, connection = shell.keys(), shell.policies().default.pack, shell.connection()
    sink, taken, bad = ReportSink(connection, pack, keys, "dualblock-reports"), 0, list[Reject]()
    with ExitStack() as stack:
        for found in _reports(stack.enter_context(_open(file)), file, format, intake):
            if isinstance(found, Reject):
                bad.append(found)
                continue
            number, report = found
            try:
                sink.send(report)
                taken += 1
            except InvalidRecord as large:
                bad.append(Reject(number, large.reason, large.detail, report.report_id))
    sink.flush()
    imported(file, path, taken, bad, json, "reports")


def _intake(format: str, source: str, relays: Path | None) -> Intake:
    from streams.intake import arf, forwards, korean, portal, trai
    from streams.intake.base import Intake
    from streams.intake.tables import csv_rows

    own = {
        "korea": korean.SOURCE, "trai": trai.SOURCE, "arf": arf.SOURCE, "portal": portal.SOURCE,
        "7726": forwards.SOURCE,
    }  # fmt: skip
    named: dict[str, str] = {}
    if relays is not None:
        with _open(relays) as stream:
            named = {str(r.cells["name"]): str(r.cells["relay"]) for r in csv_rows(stream, ("name", "relay"))}
    if len(source) > 64:
        raise InputError("The source's name is too long: at most 64 characters.")
    return Intake(source or own[format], time.time_ns() // 1_000_000, named)


def _reports(stream: BinaryIO, file: Path, format: str, intake: Intake) -> Iterator[tuple[int, Report] | Reject]:
    from streams.intake import korean, trai
    from streams.intake.tables import csv_rows, xlsx_rows

    if format not in ("korea", "trai"):
        yield from _objects(stream, format, intake)
        return
    form = korean if format == "korea" else trai
    rows = xlsx_rows if file.suffix.lower() in (".xlsx", ".xlsm") else csv_rows
    for row in rows(stream, form.COLUMNS):
        if row.broken:
            yield Reject(row.number, "ROW_BROKEN", row.broken, "")
        else:
            yield _each(row.number, lambda cells=row.cells: form.report_of(cells, intake), str(dict(row.cells)))  # type: ignore[misc]  # a default binds the row


def _objects(stream: BinaryIO, format: str, intake: Intake) -> Iterator[tuple[int, Report] | Reject]:
    import msgspec

    from streams.intake import arf, portal
    from streams.intake.base import RowRefused
    from streams.intake.forwards import lost
    from streams.intake.halves import Halves

    halves = Halves(intake)
    for number, line in enumerate(stream, 1):
        raw, shown = line.strip(), line[:2000].decode("utf-8", "replace").strip()
        if not raw:
            continue
        if format == "arf":

            def read(raw: bytes = raw) -> Report:
                try:
                    data = msgspec.json.decode(raw, type=dict[str, object])
                except (ValueError, RecursionError) as error:
                    raise RowRefused("NOT_JSON", str(error)[:300]) from error
                return arf.report_of(data, intake)

            yield _each(number, read, shown)
        elif format == "portal":
            yield _each(number, lambda raw=raw: portal.report_of(raw, intake), shown)  # type: ignore[misc]  # as above
        else:
            try:
                found = halves.take(raw)
            except RowRefused as refused:
                yield Reject(number, refused.reason, refused.detail, shown)
                continue
            if found.dead is not None:
                yield Reject(
                    number, found.dead[0], "the other half is missing", found.dead[1].decode("utf-8", "replace")
                )
            if found.report is not None:
                yield number, found.report
    for half in halves.waiting():
        reason, body = lost(half)
        yield Reject(0, reason, "the file ends without the sender's number", body.decode("utf-8", "replace"))


def _each(number: int, read: Callable[[], Report], shown: str) -> tuple[int, Report] | Reject:
    from streams.intake.base import RowRefused

    try:
        return number, read()
    except RowRefused as refused:
        return Reject(number, refused.reason, refused.detail, shown[:2000])


def _open(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise InputError(f"{file} can't be read ({error.strerror}): name a readable file.") from error


@app.command()
def erase(
    ctx: typer.Context,
    reporter: Annotated[str, typer.Option(help="The reporter's number in any spelling, or a portal's id.")],
) -> None:
    """Forget how a reporter's reports fared. From the next epoch on the weight starts again at the floor.

    It is written to outcomes under the reporter's pseudonym. What stands there before leaves Kafka with its retention.
    """
    from streams.cli.kafka import send
    from streams.contracts.appeals import Outcome
    from streams.engine.recipient import recipient_key

    shell = shell_of(ctx)
    if not reporter.strip():
        raise InputError("--reporter is empty: give the reporter's number, or the id that the portal gave.")
    keys, pack, connection = shell.keys(), shell.policies().default.pack, shell.connection()
    key, now_ms = recipient_key(reporter, pack.grammar, keys), time.time_ns() // 1_000_000
    record = Outcome(
        outcome_id=f"erased-{now_ms}", reporter=key, subject="-", sanction_id="-", overturned=False,
        recorded_at_ms=now_ms, erased=True,
    )  # fmt: skip
    send(connection, "outcomes", [(key, record)])
    answer(f"{key}: erased as of {iso(now_ms)}; the weight starts again at the floor.")


@app.command()
def listen(
    ctx: typer.Context,
    host: Annotated[
        str, typer.Option(help="Address to listen on. Put a proxy before it that knows who may post.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = 8730,
    max_body_bytes: Annotated[int, typer.Option(help="Largest request.", min=1024, max=900_000)] = 65_536,
    timeout_hours: Annotated[int, typer.Option(help="How long a 7726 forward waits for the number.", min=1)] = 24,
) -> None:
    """Take reports over HTTP until Ctrl-C: portals (POST /v1/reports, /v1/arf) and 7726 (POST /v1/forwards).

    202 is answered when Kafka has the report, never before. One listener takes forwards: a second takes over.
    """
    from streams.service.listening import Limits, serve

    shell = shell_of(ctx)
    keys, connection = shell.keys(), shell.connection()
    limits = Limits(max_body_bytes=max_body_bytes, timeout_ms=timeout_hours * 3_600_000)
    pack = shell.policies().default.pack
    serve(connection, pack, keys, host, port, limits, lambda at: say(f"Listening on http://{host}:{at}; Ctrl-C stops."))
    say("Stopped.")
