"""`dualblock sanction`: a person at the carrier imposes a sanction, or lifts one that the carrier imposed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from streams.cli.shell import Shell, answer, app_of, duration_ms, instant, iso, shell_of
from streams.cli.subjects import Standing, Subject, standing_of
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.contracts.reports import Scope
    from streams.contracts.reputation import Finding

app = app_of("sanction", "Sanctions by people: temporary or permanent, on the whole service or a part of it.")

_CODE = re.compile(r"[A-Z][A-Z0-9_]{2,63}")
Authority = Annotated[str, typer.Option(help="In whose name; who imposed a sanction lifts it.", metavar="NAME")]
Reference = Annotated[str, typer.Option(help="Your own number of the order, in its file.", metavar="REF")]


@app.command()
def impose(
    ctx: typer.Context,
    subject: Subject,
    step: Annotated[
        Literal["WARN", "THROTTLE", "TEMP_BLOCK", "BLOCK"],
        typer.Option(help="BLOCK is permanent unless --for is given."),
    ],
    reason: Annotated[
        str, typer.Option(help="A code that decisions will show, e.g. PROHIBITED_CONTENT.", metavar="CODE")
    ],
    reference: Reference,
    for_: Annotated[str | None, typer.Option("--for", help="How long, e.g. 48h or 30d.", metavar="TIME")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="When it begins; after the notice period, unless given.", metavar="ISO")
    ] = None,
    urgent: Annotated[
        str, typer.Option(help="Begin at once and tell afterwards: why it can't wait.", metavar="WHY")
    ] = "",
    leg: Annotated[
        list[str] | None, typer.Option(help="Only on this leg: origination or termination; repeatable.", metavar="LEG")
    ] = None,
    channel: Annotated[
        list[str] | None, typer.Option(help="Only on this channel: mo, mt, rcs or ott; repeatable.", metavar="CHANNEL")
    ] = None,
    advertising_only: Annotated[
        bool, typer.Option("--advertising-only", help="Only advertising; what is not known to be is labelled.")
    ] = False,
    share: Annotated[
        int, typer.Option(help="THROTTLE: how many of a thousand messages must wait.", min=1, max=1000)
    ] = 1000,
    authority: Authority = "carrier",
    replace: Annotated[
        bool, typer.Option("--replace", help="Change the sanction that stands under this reference.")
    ] = False,
) -> None:
    """Impose a sanction; its subject is told before, or, where it is urgent, afterwards with the reason.

    It is checked as the sanction agent will check it, and counts from the second epoch after this one at the earliest.
    """
    from streams.contracts.reputation import Finding
    from streams.engine.sanctioning import person_id

    if not _CODE.fullmatch(reason):
        raise InputError(
            f"--reason {reason!r} is no code: write it in capitals and underscores; it stands in decisions."
        )
    held = standing_of(shell_of(ctx), subject)
    name = person_id(authority, reference)
    versions = [e.version for e in held.row.timeline if e.sanction_id == name] if held.row is not None else []
    if versions and not replace:
        raise InputError(f"{reference} stands already, as {name}: give another --reference, or --replace it.")
    ahead = 0 if urgent or step == "WARN" else held.pack.appeals.notice_ms
    from_ms = max(held.now_ms + ahead, 0 if start is None else instant(start))
    finding = Finding(
        subject=held.subject, finding_id=name, source="person", step=step, from_ms=from_ms,
        to_ms=None if for_ is None else _aligned(held, from_ms) + duration_ms(for_),
        recorded_at_ms=held.now_ms, reason=reason, authority=authority,
        scope=scope_of(leg, channel, advertising_only),
        share_permille=share, version=max(versions, default=0) + 1, urgent=urgent, reference=reference,
    )  # fmt: skip
    counts = _carried(shell_of(ctx), held, finding)
    until = "until it is lifted" if counts.to_ms is None else f"until {iso(counts.to_ms)}"
    answer(f"{name}: {step} on {held.subject} from {iso(counts.from_ms)} {until}.")


@app.command()
def lift(
    ctx: typer.Context,
    subject: Subject,
    sanction_id: Annotated[str, typer.Argument(help="As `dualblock case` and the notice name it.", metavar="ID")],
    reference: Reference,
    authority: Authority = "carrier",
) -> None:
    """End a sanction. Votes up to now are spent: only fresh ones can lead to another.

    Nobody is said to have been wrong; for that there is an appeal."""
    from streams.contracts.reputation import Finding
    from streams.engine.sanctioning import RELEASED, person_id

    held = standing_of(shell_of(ctx), subject)
    entries = [e for e in held.row.timeline if e.sanction_id == sanction_id] if held.row is not None else []
    if not entries:
        raise InputError(f"{held.subject} is under no sanction {sanction_id}: see `dualblock case`.")
    finding = Finding(
        subject=held.subject, finding_id=person_id(authority, reference), source="person", step="OBSERVE",
        from_ms=held.now_ms, recorded_at_ms=held.now_ms, reason=RELEASED, authority=authority, releases=sanction_id,
        reference=reference, version=1,
    )  # fmt: skip
    counts = _carried(shell_of(ctx), held, finding)
    answer(f"{sanction_id} on {held.subject} ends at {iso(counts.from_ms)}.")


def scope_of(legs: list[str] | None, channels: list[str] | None, advertising_only: bool) -> Scope:
    """The part of the service that options name. Raises InputError."""
    import msgspec

    from streams.contracts.reports import Scope

    given = {"legs": legs or [], "channels": channels or [], "purpose": "advertising" if advertising_only else None}
    try:
        return msgspec.convert(given, Scope)
    except msgspec.ValidationError as error:
        raise InputError(f"There is no such part of the service: {error}.") from error


def _aligned(held: Standing, from_ms: int) -> int:
    """When it will count at the earliest, so that --for is not cut short."""
    from streams.engine.epochs import effect_of, epoch_of

    return max(from_ms, effect_of(epoch_of(held.now_ms, held.pack.epoch_ms), held.pack.epoch_ms))


def _carried(shell: Shell, held: Standing, finding: Finding) -> Any:
    """Write a finding that the sanction agent will not refuse; the finding as it counts. Raises InputError."""
    from streams.cli.kafka import send
    from streams.engine.consequences import act_on
    from streams.engine.sanctioning import FindingRefused

    try:
        found = act_on(held.row, finding, held.pack)
    except FindingRefused as refused:
        raise InputError(f"This is refused ({refused.reason}): {refused.detail}.") from refused
    send(shell.connection(), "findings", [(held.subject, finding)])
    return found.finding
