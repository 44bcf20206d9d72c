"""`dualblock topics`: create what the contract names, list what stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, get_args

import typer

from streams.cli.shell import answer, app_of, no, out, shell_of

if TYPE_CHECKING:
    from streams.config import Settings
    from streams.contracts.topics import Group

app = app_of("topics", "Create and list the topics.")

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be created.")]


@app.command()
def create(ctx: typer.Context, dry_run: DryRun = False) -> None:
    """Create the topics that are missing, with their settings; doing it twice changes nothing.

    Partition counts, replication and prefix come from the settings. A topic that stands with another partition count
    is an error: keys would no longer lie side by side.
    """
    from streams.pipeline.topics import create_topics

    shell = shell_of(ctx)
    settings = shell.settings
    made = create_topics(shell.connection(), partitions_of(settings), replication=settings.replication, dry_run=dry_run)
    for topic in made:
        config = " ".join(f"{name}={value}" for name, value in sorted(topic.config.items()))
        answer(f"{topic.name}  {topic.partitions} partitions  {config}")
    answer(f"{len(made)} topics {'to create' if dry_run else 'created'}" if made else "All topics are there.")


@app.command("list")
def show(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Don't ask Kafka: print the contract alone.")] = False,
) -> None:
    """List every topic of the contract: key, cleanup, who writes it, who reads it, and whether it stands.

    Ends with 1 when one is missing.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from streams.contracts.topics import TOPICS, topic_name

    shell = shell_of(ctx)
    counts = partitions_of(shell.settings)
    missing = set() if dry_run else _missing(ctx)
    table = Table(box=SIMPLE_HEAD)
    for name in ("topic", "key", "cleanup", "partitions", "one writer", "read by", "stands"):
        table.add_column(name, no_wrap=name == "topic")  # a name that is cut can't be copied
    for topic in TOPICS:
        name = topic_name(topic.entity, shell.settings.prefix)
        stands = "-" if dry_run else "no" if name in missing else "yes"
        readers = ", ".join(topic.readers)
        table.add_row(name, topic.key, topic.cleanup, str(counts[topic.group]), topic.writer, readers, stands)
    out().print(table)
    if missing:
        no(f"{len(missing)} topics are missing: run `dualblock topics create`.")


def _missing(ctx: typer.Context) -> set[str]:
    from streams.pipeline.topics import create_topics

    shell = shell_of(ctx)
    planned = create_topics(shell.connection(), partitions_of(shell.settings), dry_run=True)
    return {topic.name for topic in planned}


def partitions_of(settings: Settings) -> dict[Group, int]:
    """Partition counts by group."""
    from streams.contracts.topics import Group

    groups: tuple[Group, ...] = get_args(Group)
    return {group: getattr(settings.partitions, group) for group in groups}
