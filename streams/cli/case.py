"""`dualblock case`: everything that is known about a subject, in order and in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from streams.cli.shell import Json, Shell, answer, iso, no, out, shell_of
from streams.cli.subjects import Subject, standing_of

if TYPE_CHECKING:
    from streams.replay.casefile import CaseFile, Sources


def case(ctx: typer.Context, subject: Subject, json: Json = False) -> None:
    """Show the whole history of a subject: reports, findings, sanctions, notices, appeals and what became of them.

    From the topics, as far as their retention goes. Reporters are counted, never shown. Ends with 1 when nothing is
    known.
    """
    import msgspec

    from streams.replay.casefile import case_file

    shell = shell_of(ctx)
    held = standing_of(shell, subject)
    found = case_file(held.subject, held.row, _sources(shell, held.subject), held.now_ms)
    if not found.events and held.row is None:
        no(f"Nothing is known about {held.subject}.")
    if json:
        answer(msgspec.json.encode(found).decode())
    else:
        _show(found)


def _sources(shell: Shell, subject: str) -> Sources:
    """All records about the subject. Raises TopicError."""
    import msgspec

    from streams.cli.kafka import read_to_end
    from streams.contracts.topics import RECORDS
    from streams.replay.casefile import Sources

    entities = {
        "votes": "votes", "findings": "findings", "sanctions.history": "history", "notices": "notices",
        "appeals": "appeals", "reviews": "reviews", "outcomes": "outcomes",
        "releases.reviews": "released",
    }  # fmt: skip
    types: dict[str, Any] = RECORDS | {"sanctions.history": RECORDS["sanctions"]}
    decoders = {entity: msgspec.json.Decoder(types[entity]) for entity in entities}
    found: dict[str, list[Any]] = {name: [] for name in entities.values()}
    key = subject.encode("utf-8", "replace")
    for letter in read_to_end(shell.connection(), tuple(entities)):
        if letter.entity != "outcomes" and letter.key != key:
            continue
        try:
            record = decoders[letter.entity].decode(letter.value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # the agent that reads it says so, with a dead letter
        if record.subject == subject:
            found[entities[letter.entity]].append(record)
    return Sources(**found)


def _show(found: CaseFile) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    answer(f"{found.subject}, as of {iso(found.as_of_ms)}")
    for basis, counts in found.votes.items():
        answer(f"Reports counted by {basis}: {counts['reports']}, by {counts['reporters']} reporters.")
    table = Table(box=SIMPLE_HEAD)
    for name in ("recorded", "what", "in plain words", "reference"):
        table.add_column(name, overflow="fold")
    for event in found.events:
        table.add_row(iso(event.at_ms), event.what, escape(event.sentence), escape(event.ref))
    out().print(table)
    for sentence in found.now or ("No sanction stands now.",):
        answer(sentence)
