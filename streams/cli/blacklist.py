"""`dualblock blacklist`: what we confirmed, for partners, and what partners confirmed, for us: signed lists."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from streams.cli.shell import Json, Shell, answer, app_of, duration_ms, iso, no, out, say, shell_of
from streams.errors import ConfigError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.cli.kafka import Held
    from streams.contracts.blacklists import BlacklistFile, BlacklistManifest, BlacklistRow
    from streams.contracts.reputation import SanctionRow
    from streams.engine.blacklisting import Taken
    from streams.engine.policy import Policies
    from streams.engine.publishable import Ours, Published

app = app_of("blacklist", "Blacklists: published from confirmed sanctions, signed, and shared with partners.")


@app.command()
def publish(
    ctx: typer.Context,
    directory: Annotated[
        Path, typer.Option("--out", help="Where lists are kept; the last one there says what changed.", metavar="DIR")
    ],
    partner: Annotated[
        str | None, typer.Option(help="For this partner: with people, under the key shared with it.", metavar="NAME")
    ] = None,
    subscribers: Annotated[
        Path | None,
        typer.Option(help="CSV of the carrier's own numbers: people of it can be published.", metavar="FILE"),
    ] = None,
    sequence: Annotated[
        int | None, typer.Option(help="The list's number, where DIR was lost; one more than the last else.", min=1)
    ] = None,
    fresh_for: Annotated[
        str, typer.Option(help="Without a newer list none of it counts after this time.", metavar="TIME")
    ] = "72h",
    lasts: Annotated[str, typer.Option(help="How long an entry stands at the longest.", metavar="TIME")] = "90d",
) -> None:
    """Write a signed snapshot of what is confirmed now, and a delta from the one before.

    Confirmed is what a person blocked, the regulator ordered, or was appealed against in vain or not in time; never
    what rests on a partner's list. Businesses and hosts stand in clear, people only for a partner and under its key.
    """
    from streams.cli.listfiles import encoded, last_list, shared_key, stem_of, told, write_whole
    from streams.engine.blacklisting import FORMAT, delta
    from streams.signing import private_key, sign

    shell, now_ms = shell_of(ctx), time.time_ns() // 1_000_000
    rules = shell.settings.blacklist
    if rules.name is None or rules.signing_key_file is None:
        raise ConfigError(
            "blacklist.name and blacklist.signing_key_file are missing: a list names and proves its issuer."
        )
    key = private_key(rules.signing_key_file)
    shared = shared_key(rules, partner)
    before = last_list(directory, rules.name, partner, key.public_key())
    number = sequence or (1 if before is None else before.sequence + 1)
    if before is not None and number <= before.sequence:
        raise InputError(f"Number {before.sequence} stands in {directory} already: give a later --sequence, or none.")
    found = _confirmed(shell, shared, subscribers, now_ms, duration_ms(lasts))
    file = _file(rules.name, partner, number, now_ms, now_ms + duration_ms(fresh_for), shared, found)
    stem = directory / stem_of(rules.name, partner, number)
    if before is not None:
        write_whole(stem.with_suffix(".delta"), sign(FORMAT, encoded(delta(before, file)), key))
    write_whole(stem.with_suffix(".snapshot"), sign(FORMAT, encoded(file), key))
    told(rules, "blacklist_published_seconds", partner or "anybody", audience=partner or "anybody")
    changed = "" if before is None else f", {_changes(before, file)} since number {before.sequence}"
    answer(f"{stem.with_suffix('.snapshot')}: number {number}, {len(file.entries)} subjects{changed}.")
    for why, count in sorted(found.withheld.items()):
        say(f"not published: {count} × {why}")


@app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="A snapshot, or the delta behind the list that is held.", metavar="FILE")
    ],
    trust: Annotated[
        Literal["shadow", "label", "block"] | None,
        typer.Option(help="The most that its entries may do. As before, unless given; shadow at first."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check it and say what would change.")] = False,
) -> None:
    """Take a partner's signed list. It counts from the second epoch after this one on, whole or not at all.

    Its entries end when they expire, when a newer list no longer names them, or when no newer list comes in time. An
    older list than the one held is refused. Ends with 1 when this very list is held already.
    """
    from streams.cli.listfiles import ListRefused, read_partners_list, told

    rules = shell_of(ctx).settings.blacklist
    try:
        found = read_partners_list(rules, file)
        taken = _import(shell_of(ctx), file, found, trust, dry_run)
    except ListRefused as refused:
        if not dry_run:
            issuer = refused.issuer or "unknown"
            told(rules, "blacklist_imported_seconds", issuer, issuer=issuer, result=refused.reason)
        raise
    if not dry_run:
        result = "held" if taken is None else "taken"
        told(rules, "blacklist_imported_seconds", found.issuer, issuer=found.issuer, result=result)
    if taken is None:
        no(f"Number {found.sequence} of {found.issuer} is held already: nothing was written.")
    manifest = taken.manifest
    verb = "would be taken" if dry_run else "taken"
    answer(
        f"Number {manifest.seq} of {manifest.issuer} {verb} at trust level {manifest.trust}: {manifest.entries} "
        f"subjects, {taken.listed} newly listed, {taken.delisted} no longer; "
        f"fresh until {iso(manifest.fresh_until_ms)}."
    )


def _import(
    shell: Shell, file: Path, found: BlacklistFile, trust: Literal["shadow", "label", "block"] | None, dry_run: bool
) -> Taken | None:
    """What taking the list came to, written unless it is a dry run; None where it is held already."""
    from streams.cli.listfiles import ListRefused
    from streams.cli.publishing import write
    from streams.engine.blacklisting import BlacklistRefused, take
    from streams.engine.epochs import effect_of, epoch_of

    connection = shell.connection()
    done: list[Taken] = []

    def rows(held: Held) -> list[tuple[str, BlacklistRow | BlacklistManifest]]:
        now_ms = time.time_ns() // 1_000_000
        epoch_ms = _policies(shell).at(held, now_ms).pack.epoch_ms
        at_ms = effect_of(epoch_of(now_ms, epoch_ms), epoch_ms)
        mine = next((m for m in held.blacklists() if m.issuer == found.issuer), None)
        try:
            taken = take(found, mine, held.blacklist_rows(found.issuer), trust, now_ms, at_ms)
        except BlacklistRefused as refused:
            raise ListRefused(file, refused.reason, str(refused), found.issuer) from refused
        if taken is None:
            return []
        done.append(taken)
        return [*((row.key, row) for row in taken.rows), (_manifest_key(found.issuer), taken.manifest)]

    if dry_run:
        from streams.cli.kafka import view_of

        rows(view_of(connection, ("policy", "blacklists")))
    else:
        write(connection, "blacklists", found.issuer, ("policy", "blacklists"), rows, "The list was not taken")
    return done[-1] if done else None


@app.command()
def show(
    ctx: typer.Context,
    issuer: Annotated[
        str | None, typer.Argument(help="Show the entries of this issuer's list.", metavar="ISSUER")
    ] = None,
    json: Json = False,
) -> None:
    """Show which lists are held, or the entries of one that stand now. Ends with 1 where there is nothing."""
    from rich.table import Table

    from streams.cli.kafka import view_of
    from streams.contracts.base import encoder
    from streams.engine.timeline import current

    held, now_ms = view_of(shell_of(ctx).connection(), ("blacklists",)), time.time_ns() // 1_000_000
    lists = [m for m in held.blacklists() if issuer in (None, m.issuer)]
    if not lists:
        no("No list is held." if issuer is None else f"No list of {issuer} is held.")
    if issuer is None:
        if json:
            answer(encoder().encode(lists).decode())
            return
        table = Table("issuer", "number", "trust", "subjects", "taken", "fresh until")
        for m in lists:
            table.add_row(
                m.issuer, str(m.seq), m.trust, str(m.entries), iso(m.recorded_at_ms), iso(m.fresh_until_ms)
            )  # fmt: skip
        out().print(table)
        return
    rows = held.blacklist_rows(issuer)
    if json:
        answer(encoder().encode([rows[key] for key in sorted(rows)]).decode())
        return
    table = Table("subject", "trust", "reason", "grounds", "observed", "ends", "reports")
    for key in sorted(rows):
        entry = current(rows[key].timeline, now_ms) or next(iter(rows[key].timeline[-1:]), None)
        if entry is None or (entry.to_ms is not None and entry.to_ms <= now_ms):
            continue
        counts = ", ".join(f"{count} in {window}" for window, count in sorted(entry.counts.items()))
        ends = "-" if entry.to_ms is None else iso(entry.to_ms)
        table.add_row(
            key.removeprefix(issuer + ":"), entry.trust, entry.reason, entry.grounds, iso(entry.observed_at_ms), ends,
            counts,
        )  # fmt: skip
    out().print(table)


def _confirmed(
    shell: Shell, shared: bytes | None, subscribers: Path | None, now_ms: int, lasts_ms: int
) -> Published:  # fmt: skip
    from streams.cli.kafka import view_of
    from streams.engine.publishable import publishable

    connection = shell.connection()
    view = view_of(connection, ("registry", "policy", "sanctions", "blacklists"))
    rows = view.sanction_rows()
    ours = _ours(shell, view, rows, shared, subscribers)
    return publishable(rows, ours, view, _policies(shell), now_ms, lasts_ms)


def _ours(
    shell: Shell, view: Held, rows: Iterable[SanctionRow], shared: bytes | None, subscribers: Path | None
) -> Ours:  # fmt: skip
    from streams.cli.notices import numbers_of
    from streams.contracts.registry import SenderRow
    from streams.engine.publishable import Ours

    wanted = {
        row.subject.partition(":")[2].rpartition("#")[0] for row in rows if row.subject.startswith("sender:~")
    }  # fmt: skip
    people = numbers_of(shell, subscribers, wanted) if subscribers is not None and wanted else {}
    imported: dict[str, int] = {}
    for key, row in view.blacklist_rows().items():
        subject = key.partition(":")[2]
        since = min((entry.recorded_at_ms for entry in row.timeline), default=2**53)
        imported[subject] = min(since, imported.get(subject, since))
    named: set[str] = set()
    for registered in view.rows():
        if isinstance(registered, SenderRow):
            for entry in registered.timeline:
                named |= {*entry.routes.accounts, *(() if entry.owner is None else (entry.owner,))}
    return Ours(
        counts=_counts(shell), people=people, partner_key=shared, imported=imported, named=named,
        keys=[key for _, key in shell.keys().partners],
    )  # fmt: skip


def _counts(shell: Shell) -> Mapping[str, Mapping[str, int]]:
    """The most that our own reporters came to, by subject and window, as far back as `findings` reaches."""
    import msgspec

    from streams.cli.kafka import read_to_end
    from streams.contracts.reputation import Finding

    decode, found = msgspec.json.Decoder(Finding).decode, dict[str, dict[str, int]]()
    for letter in read_to_end(shell.connection(), ("findings",)):
        finding = decode(letter.value or b"")
        if finding.source == "tally":
            held = found.setdefault(finding.subject, {})
            for window, count in finding.counts.items():
                held[window] = max(count, held.get(window, 0))
    return found


def _file(
    name: str, partner: str | None, number: int, now_ms: int, fresh_until_ms: int, shared: bytes | None,
    found: Published,
) -> BlacklistFile:  # fmt: skip
    from streams.contracts.blacklists import BlacklistFile
    from streams.engine.blacklisting import digest_of
    from streams.engine.pseudonym import partner_key_id

    return BlacklistFile(
        issuer=name, audience=partner, sequence=number, digest=digest_of(found.entries), issued_at_ms=now_ms,
        fresh_until_ms=fresh_until_ms, persons_key=None if shared is None else partner_key_id(shared),
        entries=found.entries,
    )  # fmt: skip


def _changes(before: BlacklistFile, after: BlacklistFile) -> str:
    old, new = ({item.subject for item in file.entries} for file in (before, after))
    return f"{len(new - old)} newly listed and {len(old - new)} no longer"


def _manifest_key(issuer: str) -> str:
    from streams.contracts.blacklists import manifest_key

    return manifest_key(issuer)


def _policies(shell: Shell) -> Policies:
    from streams.engine.policy import Policies
    from streams.packs import shipped

    return Policies(shipped(), shell.settings.jurisdiction)
