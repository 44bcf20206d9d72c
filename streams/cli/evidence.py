"""`dualblock evidence`: a decision with all that it rests on, signed, and its verification without Kafka."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from streams.cli.shell import Json, Manual, answer, app_of, err, jurisdiction_of, no, out, say, shell_of
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.pipeline.settings import Connection
    from streams.replay.evidence.judged import Judged
    from streams.replay.history import Record
    from streams.replica.changes import Entity


class _ByCase(Manual):
    otherwise: ClassVar[str | None] = "make"


app = app_of(
    "evidence",
    "Hand a decision to somebody who must not take your word: `evidence CASE`, `evidence verify`, `evidence keygen`.",
    _ByCase,
)


@app.command()
def make(
    ctx: typer.Context,
    case: Annotated[str, typer.Argument(help="The event_id or decision_id.", metavar="CASE")],
    sign_with: Annotated[Path, typer.Option(help="Your Ed25519 private key, PEM.", metavar="FILE")],
    to: Annotated[
        Path | None, typer.Option("--out", help="The bundle.", metavar="FILE", show_default="CASE.evidence")
    ] = None,
    jurisdiction: Annotated[str | None, typer.Option(help="Whose pack: e.g. kr or generic.", metavar="WORD")] = None,
) -> None:
    """Pack a decision, or a leak, as a signed bundle that anybody can verify: `dualblock evidence CASE` for short.

    It holds the decision as it stands on the topic, the rows that it read, from the history topics, the rules, and the
    message without text and people's numbers. Ends with 1 when there is no such decision.
    """
    from streams.contracts.base import encoder
    from streams.contracts.evidence import FORMAT
    from streams.replay.evidence.make import found, make
    from streams.signing import private_key, sign

    key, shell = private_key(sign_with), shell_of(ctx)
    keys, connection, word = shell.keys(), shell.connection(), jurisdiction_of(shell, jurisdiction)
    with err().status("Reading the decision, its message and the histories of its rows …"):
        record = _decision(connection, case)
        held = found(record, _raw(connection, record), keys)
        bundle = make(held, lambda entity: _history(connection, entity), keys, word, int(time.time() * 1000))
    file = to or Path(f"{_file_name(case)}.evidence")
    try:
        file.write_bytes(sign(FORMAT, encoder().encode(bundle), key))
    except OSError as error:
        raise InputError(f"{file} can't be written ({error.strerror}): name another --out.") from error
    if not bundle.statement.input:
        say("warning: the message's bytes are no longer held, so its rows could not be named.")
    elif not bundle.statement.recomputes:
        say(f"warning: the decision does not come out again with engine {bundle.made_by}: look at `dualblock explain`.")
    answer(f"{file}: {bundle.case} {held.decision.event_id}, {len(bundle.reads)} rows read.")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="A bundle.", metavar="FILE")],
    key: Annotated[Path, typer.Option(help="The carrier's Ed25519 public key, PEM.", metavar="FILE")],
    json: Json = False,
) -> None:
    """Judge a bundle with nothing but the file and the carrier's public key; no Kafka, no network, no settings.

    Every line is PASS, FAIL or NOT JUDGEABLE. Ends with 1 when one is FAIL.
    """
    import msgspec

    from streams.replay.evidence.verify import verify
    from streams.signing import public_key

    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} can't be read ({error.strerror}): name a bundle.") from error
    lines = verify(data, public_key(key))
    failed = [line.what for line in lines if line.result == "FAIL"]
    if json:
        rows = [line._asdict() for line in lines]
        answer(msgspec.json.encode({"file": str(file), "verified": not failed, "lines": rows}).decode())
    else:
        _table(lines)
    if failed:
        no(f"Not verified: {', '.join(failed)}.")


@app.command()
def keygen(
    file: Annotated[Path, typer.Argument(help="Where the private key goes, PEM.", metavar="FILE")],
    public: Annotated[
        Path | None, typer.Option(help="Where the public key goes.", metavar="FILE", show_default="FILE as .pub.pem")
    ] = None,
) -> None:
    """Make an Ed25519 key to sign bundles with, and the public half to hand out. Never overwrites a file.

    The private file can be read by you alone (0600). Keep it: who has it can speak in your name.
    """
    from streams.signing import key_id, make_pair

    other = public or file.with_name(file.name.removesuffix(".pem") + ".pub.pem")
    made = make_pair(file, other)
    answer(f"{file}: private key, yours alone. {other}: public key {key_id(made)}, hand it out.")


def _table(lines: list[Judged]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for name in ("what", "result", "why"):
        table.add_column(name, overflow="fold")
    for line in lines:
        table.add_row(escape(line.what), line.result, escape(line.sentence))
    out().print(table)


def _decision(connection: Connection, case: str) -> Record:
    """The first decision under an event_id or decision_id."""
    import msgspec

    from streams.cli.kafka import read_to_end
    from streams.contracts.decisions import Decision

    decode, mark = msgspec.json.Decoder(Decision).decode, case.encode("utf-8", "replace")
    found: dict[str, Record] = {}
    for letter in read_to_end(connection, ("decisions",)):
        if letter.value is None or mark not in letter.value:
            continue
        try:
            decision = decode(letter.value)
        except (ValueError, RecursionError):
            continue
        if case in (decision.event_id, decision.decision_id):
            found.setdefault(decision.decision_id, _record(letter))
    if not found:
        no(f"No decision on {case} is on the topic.")
    if len(found) > 1:
        raise InputError(f"{case} was decided more than once ({', '.join(found)}): name one of these instead.")
    return next(iter(found.values()))


def _raw(connection: Connection, record: Record) -> bytes | None:
    """The message's bytes, if the topic still has that offset."""
    import msgspec

    from streams.cli.kafka import read_one
    from streams.contracts.decisions import Decision

    observed = msgspec.json.decode(record.value, type=Decision).observed
    if observed is None:
        return None
    letter = read_one(connection, connection.topic("messages"), *observed.source)
    return None if letter is None else letter.value


def _history(connection: Connection, entity: Entity) -> Iterator[Record]:
    from streams.cli.kafka import read_to_end

    return (_record(letter) for letter in read_to_end(connection, (f"{entity}.history",)) if letter.value is not None)


def _record(letter: Any) -> Record:
    from streams.replay.history import Record

    return Record(letter.partition, letter.offset, letter.key or b"", letter.value or b"", letter.append_ms)


def _file_name(case: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in case)[:100].lstrip(".") or "case"
