"""`dualblock settings`: what a recipient wants to receive, as the carrier's portal or its desk enters it."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from streams.cli.shell import Json, Shell, answer, app_of, instant, iso, no, shell_of
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.contracts.settings import SettingsRequest

app = app_of("settings", "Recipients' own rules: whom they block, whom they allow, which texts they don't want.")

Number = Annotated[str, typer.Argument(help="The recipient's number, in any spelling.", metavar="NUMBER")]
Senders = Annotated[list[str] | None, typer.Option(help="A sender as it is displayed; repeatable.", metavar="SENDER")]
Filtered = Literal["SPAM_BOX", "DROP"]


@app.command("set")
def set_(
    ctx: typer.Context,
    number: Number,
    block: Senders = None,
    allow: Senders = None,
    keyword: Annotated[
        list[str] | None, typer.Option(help="Filter texts that hold it; repeatable.", metavar="TEXT")
    ] = None,
    allow_only: Annotated[bool, typer.Option("--allow-only", help="Filter everybody but those allowed.")] = False,
    unknown: Annotated[
        bool, typer.Option("--filter-unknown", help="Filter senders neither registered nor allowed.")
    ] = False,
    block_action: Annotated[Filtered, typer.Option(help="What happens to messages of blocked senders.")] = "DROP",
    filter_action: Annotated[Filtered, typer.Option(help="What happens to messages that are filtered.")] = "SPAM_BOX",
    start: Annotated[
        str | None, typer.Option("--from", help="Counts from this time on; now, unless given.", metavar="ISO")
    ] = None,
) -> None:
    """Replace a recipient's rules. Without any option everything is delivered again.

    Neither the recipient's number nor a person's number on a list is written anywhere: they stand under the state key.
    """
    from streams.engine.recipient import listed_key

    shell = shell_of(ctx)
    grammar, keys = shell.policies().default.pack.grammar, shell.keys()
    listed = {
        name: tuple(sorted({listed_key(sender, grammar, keys) for sender in senders or ()}))
        for name, senders in (("block", block), ("allow", allow))
    }
    wishes = {
        **listed,
        "keywords": tuple(keyword or ()),
        "mode": "allow_only" if allow_only else "open",
        "unknown": unknown,
        "block_action": block_action,
        "filter_action": filter_action,
    }
    request = _ask(shell, number, wishes, None if start is None else instant(start))
    answer(f"{request.recipient}: set, counts from {iso(request.from_ms or request.recorded_at_ms)} on.")


@app.command()
def erase(ctx: typer.Context, number: Number) -> None:
    """Forget all that a recipient ever set. What `settings.history` and the requests hold ends with their retention."""
    request = _ask(shell_of(ctx), number, None)
    answer(f"{request.recipient}: erased.")


@app.command()
def show(ctx: typer.Context, number: Number, json: Json = False) -> None:
    """Show what a recipient has set, as gates see it. Ends with 1 when that is nothing."""
    from streams.cli.kafka import view_of
    from streams.contracts.base import encoder

    shell = shell_of(ctx)
    recipient = _recipient(shell, number)
    row = view_of(shell.connection(), ("settings",)).settings(recipient)
    if row is None or not row.timeline:
        no(f"{recipient} has set nothing.")
    if json:
        answer(encoder().encode(row).decode())
        return
    for entry in row.timeline:
        until = "" if entry.to_ms is None else f" until {iso(entry.to_ms)}"
        answer(f"from {iso(entry.from_ms)}{until}: {encoder().encode(entry.wishes).decode()}")


def _ask(shell: Shell, number: str, wishes: dict[str, Any] | None, from_ms: int | None = None) -> SettingsRequest:
    """Write a request. Raises InputError when the rules are no rules."""
    import msgspec

    from streams.cli.kafka import send
    from streams.contracts.settings import SettingsRequest, Wishes

    now_ms = time.time_ns() // 1_000_000
    if from_ms is not None and from_ms < now_ms:
        raise InputError("--from lies in the past: rules count from the time they are set on, or later.")
    try:
        request = SettingsRequest(
            request_id=uuid.uuid4().hex,
            recipient=_recipient(shell, number),
            recorded_at_ms=now_ms,
            from_ms=from_ms,
            wishes=None if wishes is None else msgspec.convert(wishes, Wishes),
        )
    except msgspec.ValidationError as error:
        raise InputError(f"These rules can't be set: {error}.") from error
    send(shell.connection(), "settings.requests", [(request.recipient, request)])
    return request


def _recipient(shell: Shell, number: str) -> str:
    """Raises InputError when it is no number."""
    from streams.engine.recipient import recipient_key
    from streams.engine.senders import classify

    grammar = shell.policies().default.pack.grammar
    if not classify(number, None, grammar).personal or classify(number, None, grammar).kind == "malformed":
        raise InputError(f"{number!r} is nobody's number: give a subscriber's, such as 010-5550-0000.")
    return recipient_key(number, grammar, shell.keys())
