"""`dualblock lake`: topics as Parquet files for analysts, and questions to them."""

from __future__ import annotations

import importlib
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.shell import Json, answer, app_of, instant, jurisdiction_of, no, out, say, shell_of
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.lake.hide import Hide
    from streams.lake.views import Answer

app = app_of("lake", "Keep decisions, reports and sanctions as Parquet files for analysts, and ask them.")

Where = Annotated[Path, typer.Option("--lake", help="The lake's directory.", metavar="DIR", file_okay=False)]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV, safe to open in a spreadsheet.")]
HERE = Path("dualblock-lake")
_MERGE_EVERY = 50  # commits


def need(*libraries: str) -> None:
    """Raises LakeNeedsMore when a library of the extra `lake` is missing: a gate does without them."""
    from streams.lake.errors import LakeNeedsMore

    for library in libraries:
        try:
            importlib.import_module(library)
        except ImportError as error:
            raise LakeNeedsMore(library) from error


@app.command()
def write(
    ctx: typer.Context,
    lake: Where = HERE,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until Ctrl-C or SIGTERM, instead of ending at the topics' ends.")
    ] = False,
    seconds: Annotated[
        float, typer.Option("--every", help="With --follow: commit at the latest after so many seconds.", min=0.1)
    ] = 60.0,
    accept_gaps: Annotated[
        bool, typer.Option("--accept-gaps", help="Go on where Kafka has deleted records that were never read.")
    ] = False,
    jurisdiction: Annotated[
        str | None, typer.Option(help="Whose days and number grammar: e.g. kr or generic.", metavar="WORD")
    ] = None,
) -> None:
    """Copy decisions, reports, votes, findings, and the histories of sanctions and policies into a lake.

    Each committed record is there once, by topic, partition and offset, whatever the writer dies of: the lake itself
    holds the offsets. Files lie by day (of the pack's time zone) and leg. Reports lose their text and stand under
    pseudonyms of the state key. A record that can't be read becomes a row of the table unreadable.
    """
    need("pyarrow")
    from streams.lake.errors import LakeError
    from streams.lake.intake import Intake, Limits, Topic, run
    from streams.lake.lake import Lake
    from streams.lake.merge import merge
    from streams.lake.tables import TABLES
    from streams.pipeline.orphan import LastingConsumer
    from streams.pipeline.topics import describe
    from streams.telemetry.metrics import count

    shell = shell_of(ctx)
    zone, hide = _country(ctx, jurisdiction)
    connection = shell.connection()
    topics = {e: Topic(connection.topic(e), *found) for e, found in describe(connection, TABLES).items()}
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if shell.settings.metrics_port and follow:
        from prometheus_client import start_http_server

        start_http_server(shell.settings.metrics_port, addr="127.0.0.1")
    total: Counter[str] = Counter()
    try:
        with Lake(lake, zone=zone, prefix=connection.prefix, hide=hide) as held:
            commits = 0

            def committed(added: Counter[str]) -> None:
                nonlocal commits
                commits += 1
                total.update(added)
                for table, rows in added.items():
                    count("lake_rows_total", rows, table=table)
                if commits % _MERGE_EVERY == 0:
                    merge(held)

            limits = Limits(seconds=seconds if follow else 600.0)
            intake = Intake(
                held, connection.base(), topics, limits=limits, accept_gaps=accept_gaps, make_consumer=LastingConsumer
            )
            try:
                run(intake, stop.is_set, committed, follow=follow)
            finally:
                intake.close()
            merge(held)
            files = len(held.manifest.parts)
    except OSError as error:
        raise LakeError(f"{lake} can't be written ({error.strerror or error}): what is there is whole.") from error
    for table, rows in sorted(total.items()):
        answer(f"{table}: {rows:,} rows")
    answer(f"{total.total():,} rows added; {files:,} files in {lake}")
    if total["unreadable"]:
        say(f"{total['unreadable']:,} records can't be read: `dualblock lake sql 'FROM unreadable'` shows them.")


@app.command()
def check(lake: Where = HERE) -> None:
    """Look whether a lake is whole: every file there, every offset once, as many rows as were committed."""
    need("pyarrow")
    from streams.lake.manifest import require
    from streams.lake.verify import faults

    manifest = require(lake)
    found = list(faults(lake, manifest))
    for sentence in found:
        answer(sentence)
    for gap in manifest.gaps:
        answer(f"Accepted gap: {gap.entity}/{gap.partition}, offsets {gap.first}–{gap.next - 1}.")
    if found:
        no(f"{len(found)} faults in {lake}: write a new lake from the topics, or restore it from a backup.")
    rows = sum(part.rows for part in manifest.parts)
    answer(f"Whole: {rows:,} rows in {len(manifest.parts):,} files, days of {manifest.zone}.")


@app.command()
def questions(json: Json = False) -> None:
    """List the questions that `dualblock lake ask` answers, and what each takes."""
    need("pyarrow", "duckdb")
    from streams.lake.ask import questions as known

    if json:
        import msgspec

        answer(msgspec.json.encode([question._asdict() for question in known().values()]).decode())
        return
    for question in known().values():
        answer(f"{question.name:<11} {question.asks} ({', '.join(f'--{word}' for word in question.takes)})")


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="Its name: `dualblock lake questions` lists them.", metavar="NAME")],
    lake: Where = HERE,
    start: Annotated[str | None, typer.Option("--from", help="From this time on.", metavar="ISO")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Up to this time, exclusive.", metavar="ISO")] = None,
    at: Annotated[str | None, typer.Option(help="At this time.", metavar="ISO")] = None,
    sender: Annotated[str | None, typer.Option(help="A sender key as published.", metavar="KEY")] = None,
    csv: Csv = False,
    json: Json = False,
) -> None:
    """Answer one of the questions that analysts ask."""
    need("pyarrow", "duckdb")
    from streams.lake.ask import ask as answer_of
    from streams.lake.views import Views

    times = {"from": start, "to": end, "at": at}
    given: dict[str, Any] = {word: instant(text) for word, text in times.items() if text is not None}
    if sender is not None:
        given["sender"] = sender
    with Views(lake) as views:
        _show(answer_of(views, question, given), csv, json)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One query that only reads.", metavar="QUERY")],
    lake: Where = HERE,
    csv: Csv = False,
    json: Json = False,
) -> None:
    """Answer a query in DuckDB's SQL. There is a view for each table; SHOW TABLES and DESCRIBE tell more.

    A query reads the lake and nothing else: no other file, no network, no writing.
    """
    need("pyarrow", "duckdb")
    from streams.lake.views import Views

    with Views(lake) as views:
        _show(views.ask(query), csv, json)


def _show(found: Answer, csv: bool, json: bool) -> None:
    from streams.lake import cells

    if csv and json:
        raise InputError("--csv and --json are two forms of one answer: take one of them.")
    if csv:
        typer.echo(cells.to_csv(found), nl=False)
        return
    if json:
        answer(cells.to_json(found))
        return
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for name in found.columns:
        table.add_column(escape(name), overflow="fold")
    for row in found.rows:
        table.add_row(*(escape(cells.shown(value)) for value in row))
    out().print(table)


def _country(ctx: typer.Context, jurisdiction: str | None) -> tuple[str, Hide]:
    """The time zone of a jurisdiction, and what takes people out of its reports."""
    from streams.engine.policy import Policies
    from streams.lake.hide import Hide
    from streams.packs import shipped

    shell = shell_of(ctx)
    pack = Policies(shipped(), jurisdiction_of(shell, jurisdiction)).default.pack
    return pack.time_zone, Hide(shell.keys(), pack.grammar)
