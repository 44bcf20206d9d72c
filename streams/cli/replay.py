"""`dualblock replay`: files in, decisions out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.shell import Json, answer, err, jurisdiction_of, out, say, shell_of

_FILE = "FILE"


def replay(
    ctx: typer.Context,
    messages: Annotated[list[str], typer.Option(help="Message events.", metavar=_FILE)],
    out_dir: Annotated[Path, typer.Option("--out", help="Where the results are written.", metavar="DIR")],
    registry: Annotated[
        list[str] | None, typer.Option(help="Rows, heartbeats and manifests, as on the topic feeds.", metavar=_FILE)
    ] = None,
    reports: Annotated[list[str] | None, typer.Option(help="Reports of recipients.", metavar=_FILE)] = None,
    directives: Annotated[list[str] | None, typer.Option(help="Orders of a regulator.", metavar=_FILE)] = None,
    jobs: Annotated[list[str] | None, typer.Option(help="Bulk sends that accounts announced.", metavar=_FILE)] = None,
    settings: Annotated[list[str] | None, typer.Option(help="Requests of recipients.", metavar=_FILE)] = None,
    blacklists: Annotated[
        list[str] | None, typer.Option(help="Partners' lists, as on the topic blacklists.", metavar=_FILE)
    ] = None,
    orders: Annotated[
        list[str] | None, typer.Option(help="Orders of the carrier's people, as findings.", metavar=_FILE)
    ] = None,
    appeals: Annotated[list[str] | None, typer.Option(help="Appeals filed and decided.", metavar=_FILE)] = None,
    releases: Annotated[
        list[str] | None, typer.Option(help="What recipients released, and decisions on it.", metavar=_FILE)
    ] = None,
    policy: Annotated[
        list[str] | None, typer.Option(help="Policies. Without one all is allowed and observed.", metavar=_FILE)
    ] = None,
    jurisdiction: Annotated[str | None, typer.Option(help="Whose pack: e.g. kr or generic.", metavar="WORD")] = None,
    json: Json = False,
) -> None:
    """Decide recorded messages without a broker, with registry, reports, directives and policy from files.

    Files are NDJSON in the records of the contracts ([bold]dualblock schemas[/bold]), plain or gzipped; - is standard
    input; every option may be repeated. Records are taken in the order of their ingest times. Writes decisions.ndjson,
    sanctions.ndjson, dead.ndjson (broken lines, each with its number, reason and bytes) and summary.json. The same
    files give the same bytes.
    """
    from streams.replay.files import Inputs
    from streams.replay.files import replay as run

    shell = shell_of(ctx)
    given = {
        "registry": registry, "reports": reports, "directives": directives, "orders": orders, "appeals": appeals,
        "releases": releases, "settings": settings, "jobs": jobs, "blacklists": blacklists, "policy": policy,
    }  # fmt: skip
    inputs = Inputs(messages=tuple(messages), **{name: tuple(files or ()) for name, files in given.items()})
    place = jurisdiction_of(shell, jurisdiction)
    keys = shell.keys(demo=True)
    started = time.perf_counter()
    with err().status("Deciding …") as status:
        done = 0

        def each() -> None:
            nonlocal done
            done += 1
            if done % 2000 == 0:
                status.update(f"Deciding … {done:,} messages")

        summary = run(inputs, out_dir, jurisdiction=place, keys=keys, each=each)
    _show(summary, json)
    seconds = time.perf_counter() - started
    say(f"{summary['decisions']:,} decisions in {seconds:.1f} s. Results: {out_dir}")


def _show(summary: dict[str, object], json: bool) -> None:
    if json:
        import msgspec

        answer(msgspec.json.encode(summary).decode())
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    for title, name in (("Decisions", "actions"), ("Reasons", "reasons"), ("Leaks", "leaks"), ("Dead letters", "dead")):
        counts = summary[name]
        if not isinstance(counts, dict) or not counts:
            continue
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
        table.add_column(name)
        table.add_column("messages", justify="right")
        for what, count in counts.items():
            table.add_row(what, f"{count:,}")
        out().print(table)
