"""`dualblock explain`: a decision in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.shell import Json, Shell, answer, err, jurisdiction_of, no, out, shell_of
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.contracts.decisions import Decision
    from streams.replay.explain import Explanation


def explain(
    ctx: typer.Context,
    decision: Annotated[
        str | None, typer.Option(help="Decisions as NDJSON; - is standard input.", metavar="FILE")
    ] = None,
    event_id: Annotated[str | None, typer.Option(help="Which one; the first, unless given.", metavar="ID")] = None,
    messages: Annotated[
        list[str] | None, typer.Option(help="Compute it again: the message events.", metavar="FILE")
    ] = None,
    registry: Annotated[list[str] | None, typer.Option(help="… with this registry.", metavar="FILE")] = None,
    reports: Annotated[list[str] | None, typer.Option(help="… with these reports.", metavar="FILE")] = None,
    directives: Annotated[list[str] | None, typer.Option(help="… with these orders.", metavar="FILE")] = None,
    policy: Annotated[list[str] | None, typer.Option(help="… under this policy.", metavar="FILE")] = None,
    jurisdiction: Annotated[
        str | None, typer.Option(help="Whose pack, e.g. kr; also whose codes to name.", metavar="WORD")
    ] = None,
    json: Json = False,
) -> None:
    """Say in plain words why a message was allowed or blocked: one sentence for each check, why this verdict won, and
    what would have changed it.

    With --decision it reads the record alone. With --messages it decides again, as `dualblock replay` would; with both
    it also says whether the decision recomputes, and ends with 1 when it differs.
    """
    from streams.replay.explain import explain as words_of

    if decision is None and not messages:
        raise InputError("Name a decision to explain: --decision FILE, or --messages FILE to decide again.")
    recorded = _find(decision, event_id) if decision is not None else None
    wanted = recorded.event_id if recorded is not None else event_id
    again: Decision | None = None
    if messages:
        again = _again(shell_of(ctx), wanted, jurisdiction, (messages, registry, reports, directives, policy))
        if again is None:
            no(f"No event {wanted or ''} was decided from {', '.join(messages)}.")
    found = recorded if recorded is not None else again
    assert found is not None  # one of the two was asked for, and a missing one has ended the command
    differs = _differences(recorded, again)
    _show(words_of(found, jurisdiction), differs, json)
    if differs:
        no(f"The decision does not recompute: {', '.join(differs)} differ.")


def _find(name: str, event_id: str | None) -> Decision:
    import msgspec

    from streams.contracts.decisions import Decision
    from streams.replay.lines import check_files, read_lines

    check_files([[name]])
    decode = msgspec.json.Decoder(Decision).decode
    for place, value in read_lines(name):
        try:
            found = decode(value)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{place} is no decision ({error}): name a decisions.ndjson.") from error
        if event_id is None or found.event_id == event_id:
            return found
    no(f"{name} holds no decision{f' on {event_id}' if event_id else ''}.")


def _again(
    shell: Shell, event_id: str | None, jurisdiction: str | None, files: tuple[list[str] | None, ...]
) -> Decision | None:
    """Decide again; all messages, because reports and rates need the others."""
    from streams.replay.files import Inputs, drive, gate

    messages, registry, reports, directives, policy = (tuple(names or ()) for names in files)
    inputs = Inputs(messages=messages, registry=registry, reports=reports, directives=directives, policy=policy)
    inputs.check()
    found: list[Decision] = []

    def decided(one: Decision) -> None:
        if not found and event_id in (None, one.event_id):
            found.append(one)

    embedded = gate(jurisdiction_of(shell, jurisdiction), shell.keys(demo=True))
    with err().status("Deciding again …"):
        drive(embedded, inputs, decided, lambda refused: None, lambda: None)
    return found[0] if found else None


def _differences(one: Decision | None, other: Decision | None) -> list[str]:
    """The fields in which two decisions differ; `observed` is no evidence."""
    if one is None or other is None:
        return []
    names = [name for name in one.__struct_fields__ if name != "observed"]
    return [name for name in names if getattr(one, name) != getattr(other, name)]


def _show(words: Explanation, differs: list[str], json: bool) -> None:
    import msgspec

    if json:
        answer(msgspec.json.encode({**msgspec.to_builtins(words), "differs": differs}).decode())
        return
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    answer(words.verdict)
    if words.checks:
        table = Table(box=SIMPLE_HEAD)
        for name in ("check", "asks", "outcome", "in plain words"):
            table.add_column(name, overflow="fold")
        for line in words.checks:
            table.add_row(escape(line.check), line.asks, line.outcome, escape(line.sentence))
        out().print(table)
    answer(f"Why: {words.why}")
    for sentence in words.changed:
        answer(f"What would have changed it: {sentence}")
    for sentence in words.notes:
        answer(sentence)
    answer(words.versions)
