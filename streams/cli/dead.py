"""`dualblock dead`: look at dead letters; the original bytes are in them."""

from __future__ import annotations

import json as stdlib_json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.shell import Json, answer, app_of, iso, no, out, shell_of
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.cli.kafka import Letter

app = app_of("dead", "Look at dead letters: what could not be read, why, and its bytes.")


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
    held = letter.headers.get(header, "")
    return int(held) if held.isdigit() else 0


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
