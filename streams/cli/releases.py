"""`dualblock releases`: what recipients take out of the spam box, and the reviews that so many of them open."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from streams.cli.rejects import Reject, imported
from streams.cli.shell import Json, Shell, answer, app_of, instant, iso, out, shell_of
from streams.cli.subjects import senders_view, standing_of
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.cli.subjects import Standing
    from streams.contracts.releases import Release, ReleaseReview
    from streams.engine.policy import Policies
    from streams.engine.pseudonym import Keys
    from streams.engine.view import View
    from streams.intake.releases import Taken

app = app_of("releases", "Messages that recipients took out of the spam box, and the reviews that they open.")


@app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A JSON object a line: what the spam box let out.", metavar="FILE")],
    rejects: Annotated[
        Path | None, typer.Option(help="Where lines go that are none.", show_default="rejects-<file>.ndjson")
    ] = None,
    at: Annotated[str | None, typer.Option(help="When the file was made; now, unless given.", metavar="ISO")] = None,
    json: Json = False,
) -> None:
    """Import what recipients released. Their numbers and the texts go no further than this command.

    Each line counts for its sender and, where it brings a text, for the campaign of that text over its relay. The same
    line again is the same release.
    """
    from streams.cli.kafka import send

    shell = shell_of(ctx)
    now_ms = time.time_ns() // 1_000_000 if at is None else instant(at)
    rows: list[tuple[int, Taken]] = []
    bad: list[Reject] = []
    for number, found in _lines(file):
        if isinstance(found, Reject):
            bad.append(found)
        else:
            rows.append((number, found))
    policies, keys = shell.policies(), shell.keys()
    view = senders_view(shell, {taken.sender for _, taken in rows}, now_ms)
    records: list[tuple[str, Release]] = []
    for number, taken in rows:
        made = _releases(taken, now_ms, view, policies, keys)
        if isinstance(made, str):
            bad.append(Reject(number, "NOT_RELEASABLE", made, taken.id))
        else:
            records += [(release.subject, release) for release in made]
    send(shell.connection(), "releases", records)
    lines = len(rows) - sum(r.reason == "NOT_RELEASABLE" for r in bad)
    imported(file, rejects or Path(f"rejects-{file.name}.ndjson"), lines, sorted(bad), json, "releases")


@app.command("list")
def list_(
    ctx: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Those that are decided, too.")] = False,
    json: Json = False,
) -> None:
    """List the reviews that wait for a person, oldest first."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from streams.contracts.base import encoder

    found = [r for r in _reviews(shell_of(ctx)).values() if every or r.outcome is None]
    found.sort(key=lambda r: (r.opened_at_ms, r.review_id))
    if json:
        answer(encoder().encode(found).decode())
        return
    table = Table(box=SIMPLE_HEAD)
    for name in ("review", "subject", "released by", "opened", "outcome", "grounds"):
        table.add_column(name, overflow="fold")
    for r in found:
        table.add_row(r.review_id, r.subject, str(r.releasers), iso(r.opened_at_ms), r.outcome or "open", r.grounds)
    if found:
        out().print(table)
    answer(f"{sum(r.outcome is None for r in found)} reviews are open.")


@app.command()
def decide(
    ctx: typer.Context,
    review_id: Annotated[str, typer.Argument(help="As `dualblock releases list` names it.", metavar="REVIEW")],
    outcome: Annotated[Literal["overturn", "confirm"], typer.Option(help="overturn: holding its messages was wrong.")],
    grounds: Annotated[str, typer.Option(help="Where the grounds are written down.", metavar="REF")],
    sanction: Annotated[
        str | None, typer.Option(help="On which sanction of the subject, where several stand.", metavar="ID")
    ] = None,
    authority: Annotated[str, typer.Option(help="Who decides: who imposed it.", metavar="NAME")] = "carrier",
) -> None:
    """Decide a review. It is this that has consequences, never the releases.

    Overturned: the sanction ends, its votes don't count again, and its reporters weigh less. Confirmed: it stays, and
    they weigh more. Where no sanction stands, the decision is kept and nothing else changes: correct the rule.
    """
    from streams.cli.kafka import send
    from streams.contracts.releases import Release

    shell = shell_of(ctx)
    review = _reviews(shell).get(review_id)
    if review is None:
        raise InputError(f"There is no review {review_id}: see `dualblock releases list`.")
    if review.outcome is not None:
        raise InputError(
            f"{review_id} was {review.outcome} at {iso(review.decided_at_ms or 0)}; grounds: {review.grounds}."
        )
    if not grounds.strip():
        raise InputError("A decision names what it rests on: give the reference of a file.")
    held = standing_of(shell, review.subject)
    decision = Release(
        release_id=f"decision-{review_id}", act=outcome, subject=review.subject, review_id=review_id,
        sanction_id=_sanction(held, sanction), grounds=grounds, authority=authority, recorded_at_ms=held.now_ms,
    )  # fmt: skip
    counts = _from(held, decision)
    send(shell.connection(), "releases", [(review.subject, decision)])
    what = "overturned" if outcome == "overturn" else "confirmed"
    on = "no sanction stands" if counts is None else f"sanction {decision.sanction_id}, counts from {iso(counts)}"
    answer(f"{review_id}: {what}; {on}.")


def _lines(file: Path) -> Iterator[tuple[int, Taken | Reject]]:
    from streams.intake.base import RowRefused
    from streams.intake.releases import taken_of

    try:
        with file.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                try:
                    yield number, taken_of(line)
                except RowRefused as refused:
                    yield number, Reject(number, refused.reason, refused.detail, line[:2000].decode("utf-8", "replace"))
    except OSError as error:
        raise InputError(f"{file} can't be read ({error.strerror}): name a readable file.") from error


def _releases(taken: Taken, now_ms: int, view: View, policies: Policies, keys: Keys) -> list[Release] | str:
    """The releases of a line: of its sender and of its text's campaign. Or why it is none."""
    from streams.engine.directing import case_of
    from streams.engine.releasing import releases_of
    from streams.engine.senders import classify

    pack = policies.at(view, now_ms).pack
    who = classify(taken.recipient, None, pack.grammar)
    if who.kind == "malformed" or not who.personal:
        return "its recipient is nobody's number"
    case = case_of(taken.sender, taken.released_at_ms, view, policies)
    if case.sender.kind == "malformed":
        return f"{taken.sender[:20]!r} is no sender"
    if taken.released_at_ms > now_ms + pack.skew_ms:
        return "released in the future"
    if now_ms - taken.released_at_ms > pack.releases.window_ms:
        return f"released more than {pack.releases.window_ms} ms ago"
    return releases_of(
        case, keys, release_id=taken.id, recipient=taken.recipient, text=taken.text, relay_id=taken.relay_id,
        event_id=taken.event_id, recorded_at_ms=now_ms,
    )  # fmt: skip


def _reviews(shell: Shell) -> dict[str, ReleaseReview]:
    """Every review as it stands, by id."""
    from streams.cli.kafka import records
    from streams.contracts.releases import ReleaseReview

    return {r.review_id: r for r in records(shell.connection(), "releases.reviews", ReleaseReview)}


def _sanction(held: Standing, named: str | None) -> str | None:
    """The sanction that a decision is on. Raises InputError where several stand and none is named."""
    from streams.engine.reputation import STRICTNESS

    entries = held.row.timeline if held.row is not None else ()
    if named is not None:
        return named
    standing = {
        e.sanction_id
        for e in entries
        if (e.to_ms is None or e.to_ms > held.now_ms) and STRICTNESS[e.step] >= STRICTNESS["WARN"] and e.version > 0
    }
    if len(standing) > 1:
        raise InputError(f"Several sanctions stand: name one by --sanction ({', '.join(sorted(standing))}).")
    return next(iter(standing), None)


def _from(held: Standing, decision: Release) -> int | None:
    """From when the decision counts, as the sanction agent will say; None without a sanction. Raises InputError."""
    from streams.engine.consequences import act_on
    from streams.engine.releasing import finding_of
    from streams.engine.sanctioning import FindingRefused

    finding = finding_of(decision, held.pack)
    if finding is None:
        return None
    try:
        return act_on(held.row, finding, held.pack).finding.from_ms
    except FindingRefused as refused:
        raise InputError(f"This is refused ({refused.reason}): {refused.detail}.") from refused
