"""`dualblock dead`: look at dead letters, the original bytes are in them; and put repaired ones back."""

from __future__ import annotations

import json as stdlib_json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.shell import NO, Json, answer, app_of, iso, no, out, say, shell_of
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.cli.kafka import Letter
    from streams.pipeline.retry import DeadLetter
    from streams.pipeline.settings import Connection

app = app_of("dead", "Look at dead letters: what could not be read, why, and its bytes. Put repaired ones back.")
Place = tuple[int, int]


@app.command("list")
def show_all(
    ctx: typer.Context,
    entity: Annotated[
        str | None, typer.Option(help="Of one input only, e.g. messages, feeds, reports.", metavar="WORD")
    ] = None,
    limit: Annotated[int, typer.Option(help="The last so many.", min=1)] = 50,
    json: Json = False,
) -> None:
    """List dead letters: where each lies, what was wrong with it, and where it came from."""
    from streams.cli.kafka import read_to_end

    entities = [_dead(entity)] if entity else _all_dead()
    found = [letter for letter in read_to_end(shell_of(ctx).connection(), entities)]
    found.sort(key=lambda letter: (_number(letter, "at_ms"), letter.entity, letter.partition, letter.offset))
    if json:
        for letter in found[-limit:]:
            answer(stdlib_json.dumps({**_place(letter), **letter.headers}, ensure_ascii=False))
        return
    _table(found[-limit:])
    answer(f"{len(found):,} dead letters" + (f", the last {limit} shown" if len(found) > limit else ""))


def _table(letters: list[Letter]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    if not letters:
        return
    table = Table(box=SIMPLE_HEAD)
    for name in ("dead topic", "partition", "offset", "when", "reason", "from", "bytes", "what was wrong"):
        table.add_column(name, overflow="fold")
    for letter in letters:
        said, size = letter.headers, len(letter.value or b"")
        source = f"{said.get('topic', '-')}/{said.get('partition', '-')}/{said.get('offset', '-')}"
        cells = (
            letter.entity, str(letter.partition), str(letter.offset), iso(_number(letter, "at_ms")),
            said.get("reason", "-"), source, f"{size:,}", said.get("exception", "-")[:60],
        )  # fmt: skip
        table.add_row(*(escape(c) for c in cells))
    out().print(table)


@app.command()
def show(
    ctx: typer.Context,
    topic: Annotated[str, typer.Argument(help="As `dead list` says, e.g. messages.dead, or the topic's full name.")],
    partition: Annotated[int, typer.Argument(min=0)],
    offset: Annotated[int, typer.Argument(min=0)],
    raw: Annotated[bool, typer.Option("--raw", help="Only the bytes as they came, for a pipe.")] = False,
) -> None:
    """Show one dead letter: its headers and its bytes. Ends with 1 when there is none at that place."""
    from streams.cli.kafka import read_one

    connection = shell_of(ctx).connection()
    full = topic if topic.endswith(".v1") else connection.topic(_dead(topic))
    letter = read_one(connection, full, partition, offset)
    if letter is None:
        no(f"There is no dead letter at {full}/{partition}/{offset}.")
    value = letter.value or b""
    if raw:
        sys.stdout.buffer.write(value)
        sys.stdout.buffer.flush()
        return
    for name, held in letter.headers.items():
        answer(f"{name}: {held}")
    answer(f"key: {_text(letter.key)}")
    answer(f"bytes: {len(value)}")
    answer("")
    answer(_text(value))


@app.command()
def retry(
    ctx: typer.Context,
    entity: Annotated[str, typer.Option(help="Which input they go back to: messages.", metavar="WORD")] = "messages",
    partition: Annotated[int | None, typer.Option(help="Of the dead letter, as `dead list` says.", min=0)] = None,
    offset: Annotated[int | None, typer.Option(help="Of the dead letter.", min=0)] = None,
    every: Annotated[bool, typer.Option("--all", help="All that have not gone back yet.")] = False,
    fix: Annotated[
        list[Path] | None,
        typer.Option(help="Repaired bytes instead of those that came. With --all: named PARTITION-OFFSET.json."),
    ] = None,
) -> None:
    """Put dead letters back, each once, whatever crashes and however often this is called.

    An event goes back with a new event_id and with `retry_of`, the id of its first try. What still does not read is
    refused and stays: repair it and name the file with --fix. Ends with 1 if there was any.
    """
    from streams.pipeline.retry import PutBack
    from streams.pipeline.topics import describe

    if entity != "messages":
        raise InputError(f"{entity!r} can't be put back, only messages: send rows, reports and directives once more.")
    only = _wanted(partition, offset, every)
    fixes = _fixes(fix or [], only)
    connection, dead = shell_of(ctx).connection(), _dead(entity)
    partitions = range(describe(connection, [dead])[dead][1])
    back, seen, put, refused = PutBack(connection, entity), 0, 0, 0

    def letters() -> Iterator[DeadLetter]:
        nonlocal seen
        for letter in _letters(connection, dead, only, fixes):
            seen += 1
            yield letter

    try:
        back.start(partitions)
        for letter, why in back.run(letters()):
            where = f"{dead}/{letter.partition}/{letter.offset}"
            if why is None:
                put += 1
                answer(f"{where}: put back.")
            else:
                refused += 1
                say(f"{where} still does not read ({why}): repair it and name the file with --fix.")
    finally:
        back.close()
    answer(f"{put:,} put back, {seen - put - refused:,} went back before, {refused:,} still do not read")
    if refused:
        raise typer.Exit(NO)


def _wanted(partition: int | None, offset: int | None, every: bool) -> Place | None:
    """The one place asked for; None: all."""
    if every and partition is None and offset is None:
        return None
    if every or partition is None or offset is None:
        raise InputError("Say which: --partition and --offset of one dead letter, or --all.")
    return partition, offset


def _fixes(files: Sequence[Path], only: Place | None) -> dict[Place, bytes]:
    """Repaired bytes by the place of their dead letter. Raises InputError."""
    if only is not None and len(files) > 1:
        raise InputError("One dead letter takes one --fix: name one file, or use --all.")
    found: dict[Place, bytes] = {}
    for file in files:
        place = only
        if place is None:
            left, _, right = file.stem.partition("-")
            named = _digits(left), _digits(right)
            if named[0] is None or named[1] is None:
                raise InputError(f"{file.name} does not say which letter it repairs: name it PARTITION-OFFSET.json.")
            place = named[0], named[1]
        try:
            found[place] = file.read_bytes()
        except OSError as error:
            raise InputError(f"{file} can't be read ({error.strerror}): name an existing file with --fix.") from error
    return found


def _letters(
    connection: Connection, dead: str, only: Place | None, fixes: Mapping[Place, bytes]
) -> Iterator[DeadLetter]:
    """The letters asked for, repaired. Ends with 1 when one that is named is not there."""
    from streams.cli.kafka import read_one, read_to_end
    from streams.pipeline.retry import DeadLetter

    if only is None:
        found = read_to_end(connection, [dead])
    else:
        one = read_one(connection, connection.topic(dead), *only)
        found = iter(() if one is None else (one,))
    missing = {*fixes, *(() if only is None else (only,))}
    for letter in found:
        place, value = (letter.partition, letter.offset), letter.value or b""
        missing.discard(place)
        # Of what was cut only the beginning is here, and that may even read: it is not what was sent.
        kept = b"" if "sha256" in letter.headers else value
        yield DeadLetter(*place, letter.key, fixes.get(place, kept), value)
    if missing:
        no(f"There is no dead letter at {', '.join(f'{dead}/{p}/{o}' for p, o in sorted(missing))}.")


def _dead(entity: str) -> str:
    name = entity if entity.endswith(".dead") else f"{entity}.dead"
    if name not in _all_dead():
        raise InputError(f"{entity!r} has no dead letters: choose {', '.join(_all_dead())}.")
    return name


def _all_dead() -> list[str]:
    from streams.contracts.topics import TOPICS

    return [topic.entity for topic in TOPICS if topic.entity.endswith(".dead")]


def _place(letter: Letter) -> dict[str, object]:
    return {"dead": letter.entity, "at": [letter.partition, letter.offset], "bytes": len(letter.value or b"")}


def _number(letter: Letter, header: str) -> int:
    return _digits(letter.headers.get(header, "")) or 0


def _digits(text: str) -> int | None:
    """The number that some ASCII digits say; other digits (²) are none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _text(value: bytes | None) -> str:
    """Printable text as it is, anything else as hex, 32 bytes a line."""
    if value is None:
        return "-"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = ""
    if text and all(c.isprintable() or c in "\n\t" for c in text):
        return text
    return "\n".join(value[i : i + 32].hex(" ") for i in range(0, len(value), 32))
