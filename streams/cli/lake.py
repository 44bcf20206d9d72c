"""`dualblock lake`: topics as Parquet files for analysts, and questions to them."""

from __future__ import annotations

import importlib
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.shell import answer, app_of, jurisdiction_of, no, say, shell_of

if TYPE_CHECKING:
    from streams.lake.hide import Hide

app = app_of("lake", "Keep decisions, reports and sanctions as Parquet files for analysts, and ask them.")

Where = Annotated[Path, typer.Option("--lake", help="The lake's directory.", metavar="DIR", file_okay=False)]
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
        str | None, typer.Option(help="Whose days and number grammar: kr or generic.", metavar="WORD")
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
            intake = Intake(held, connection.base(), topics, limits=limits, accept_gaps=accept_gaps)
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


def _country(ctx: typer.Context, jurisdiction: str | None) -> tuple[str, Hide]:
    """The time zone of a jurisdiction, and what takes people out of its reports."""
    from streams.engine.policy import Policies
    from streams.lake.hide import Hide
    from streams.packs import shipped

    shell = shell_of(ctx)
    pack = Policies(shipped(), jurisdiction_of(shell, jurisdiction)).default.pack
    return pack.time_zone, Hide(shell.keys(), pack.grammar)
