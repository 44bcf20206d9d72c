"""`dualblock notices`: what has to be told to whom, with people's numbers where the carrier knows them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from streams.cli.shell import Shell, answer, app_of, instant, iso, no, say, shell_of
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.contracts.appeals import Notice

app = app_of("notices", "What customers are told: clauses for contracts, and notices to the subjects of sanctions.")

Tongue = Literal["ko", "en"]
Name = Annotated[str, typer.Option("--carrier", help="The carrier's name, as customers know it.", metavar="NAME")]
SpamBox = Annotated[str, typer.Option(help="Where recipients see what is held for them.", metavar="WHERE")]
Contact = Annotated[str, typer.Option(help="Whom customers may ask.", metavar="WHO")]

_COLUMNS = (
    "notice_id", "to", "subject", "kind", "sanction_id", "step", "from", "until", "reason", "authority", "why_after",
    "reference", "appeal_id", "appeal_until", "decide_by", "recorded_at",
)  # fmt: skip


@app.command()
def clauses(
    for_: Annotated[
        Literal["sender", "recipient"], typer.Option("--for", help="Whose contract: who sends, or who receives.")
    ],
    carrier: Name,
    spam_box: SpamBox,
    contact: Contact,
    language: Annotated[Tongue, typer.Option(help="ko or en.")] = "ko",
) -> None:
    """Print clauses for a contract, in our own words: have a lawyer read them.

    They say that lawful messages may be filtered, where recipients see what is held, and how it is released.
    """
    from streams.packs.customers import Carrier, clause

    answer(clause(for_, language, Carrier(carrier, spam_box, contact)))


@app.command()
def resolve(
    ctx: typer.Context,
    subscribers: Annotated[
        Path, typer.Option(help="CSV of the carrier's own numbers, one a line, in the first column.", metavar="FILE")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write the CSV there, readable by its owner only; standard output else.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only notices recorded from this time on.", metavar="ISO")] = None,
    letters: Annotated[
        Tongue | None, typer.Option(help="Write a letter for each in this language, ko or en, as a last column.")
    ] = None,
    carrier: Name = "",
    spam_box: SpamBox = "",
    contact: Contact = "",
) -> None:
    """List the notices with the numbers of the people they are for.

    People stand in the topics under the state key only. Here each number of FILE is put under that key and compared;
    nothing is written to Kafka, and numbers of other carriers stay pseudonyms. Ends with 1 when one stays.
    """
    if letters is not None and not (carrier and spam_box and contact):
        raise InputError("--letters name --carrier, --spam-box and --contact: give all three.")
    shell = shell_of(ctx)
    found = _notices(shell, None if since is None else instant(since))
    wanted = {p for p in map(_person, found) if p is not None}
    numbers = numbers_of(shell, subscribers, wanted)
    rows = [_row(notice, numbers) for notice in found]
    if letters is not None:
        from streams.packs.customers import Carrier, letter

        zone, who = shell.policies().default.pack.time_zone, Carrier(carrier, spam_box, contact)
        for notice, row in zip(found, rows, strict=True):
            row["letter"] = letter(notice, row["to"], letters, who, zone)
    if out is None:
        answer("\n".join(_csv(rows)))
    else:
        _write(out, rows)
    left = len(wanted) - len(numbers)
    say(f"{len(rows)} notices to {len({r['to'] for r in rows})} subjects; {left} people are not in {subscribers}.")
    if left:
        no(f"{left} people are not subscribers of the file: their own carrier has to tell them.")


def _notices(shell: Shell, since_ms: int | None) -> list[Notice]:
    """Each notice once, as it was said last, in the order of recording."""
    from streams.cli.kafka import records
    from streams.contracts.appeals import Notice

    held = dict[str, Notice]()
    for notice in records(shell.connection(), "notices", Notice):
        if since_ms is None or notice.recorded_at_ms >= since_ms:
            held[notice.notice_id] = notice
    return sorted(held.values(), key=lambda n: (n.recorded_at_ms, n.notice_id))


def _person(notice: Notice) -> str | None:
    """`~9f…` of `sender:~9f…#0`."""
    kind, _, name = notice.subject.partition(":")
    return name.rpartition("#")[0] if kind == "sender" and name.startswith("~") else None


def numbers_of(shell: Shell, file: Path, wanted: set[str]) -> dict[str, str]:
    """Pseudonym → number, for those wanted. Raises InputError."""
    from streams.engine.pseudonym import state_pseudonym
    from streams.engine.senders import classify

    grammar = shell.policies().default.pack.grammar
    keys, found = shell.keys(), dict[str, str]()
    for number, text in _first_column(file):
        if len(found) == len(wanted):
            break
        sender = classify(text, None, grammar)
        if sender.kind == "malformed" or sender.number is None:
            if number == 1:
                continue  # the header
            raise InputError(f"{file}:{number} holds no number in its first column: {text[:4]!r}….")
        name = state_pseudonym.__wrapped__(keys, sender.key)  # not cached: nobody asks for a subscriber twice
        if name in wanted:
            found[name] = text
    return found


def _first_column(file: Path) -> Iterator[tuple[int, str]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            for number, row in enumerate(csv.reader(stream), 1):
                if row and row[0].strip():
                    yield number, row[0].strip()
    except OSError as error:
        raise InputError(f"{file} can't be read ({error.strerror}): name an existing file.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file} is no CSV in UTF-8: {error}.") from error


def _row(notice: Notice, numbers: dict[str, str]) -> dict[str, str]:
    def time(at_ms: int | None) -> str:
        return "" if at_ms is None else iso(at_ms)

    cells = (
        notice.notice_id, numbers.get(_person(notice) or "", notice.subject), notice.subject, notice.kind,
        notice.sanction_id, notice.step, time(notice.from_ms), time(notice.to_ms), notice.reason, notice.authority,
        notice.why_after, notice.reference, notice.appeal_id or "", time(notice.appeal_until_ms),
        time(notice.decide_by_ms), time(notice.recorded_at_ms),
    )  # fmt: skip
    return dict(zip(_COLUMNS, cells, strict=True))


def _csv(rows: list[dict[str, str]]) -> list[str]:
    import io

    from streams.lake.formula import guarded

    held = io.StringIO()
    columns = (*_COLUMNS, "letter") if any("letter" in row for row in rows) else _COLUMNS
    writer = csv.DictWriter(held, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows([{name: guarded(cell) for name, cell in row.items()} for row in rows])
    return held.getvalue().splitlines()


def _write(out: Path, rows: list[dict[str, str]]) -> None:
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), 0o600)
            stream.write("\n".join(_csv(rows)) + "\n")
    except OSError as error:
        raise InputError(f"{out} can't be written ({error.strerror}): name another --out.") from error
