"""`dualblock policy`: check a policy, publish it on the jurisdiction's timeline."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from streams.cli.shell import Shell, answer, app_of, instant, iso, jurisdiction_of, shell_of, toml_of
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.cli.kafka import Held
    from streams.contracts.policy import PolicyEntry, PolicyRow
    from streams.engine.policy import Policy

app = app_of("policy", "Check and publish policies: which pack and profile a jurisdiction runs, and what lies over it.")

Overlay = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="TOML: what is laid over the shipped pack, key by key.")
]
Place = Annotated[str | None, typer.Option(help="Whose pack: e.g. kr or generic.", metavar="WORD")]
Profile = Annotated[
    Literal["observe", "enforce"], typer.Option(help="observe decides and blocks nothing; enforce blocks.")
]


@app.command()
def check(ctx: typer.Context, file: Overlay = None, jurisdiction: Place = None, profile: Profile = "enforce") -> None:
    """Build the policy as a gate would, and say what it comes to; nothing is published."""
    shell = shell_of(ctx)
    place = jurisdiction_of(shell, jurisdiction)
    built = _build(place, _entry(file, profile))
    modes = list(built.pack.modes.values())
    answer(f"{built.version}  {place}, profile {profile}")
    answer(f"epoch {built.pack.epoch_ms} ms, {modes.count('BLOCK')} codes block, {modes.count('LABEL')} label")


@app.command()
def publish(
    ctx: typer.Context,
    file: Overlay = None,
    jurisdiction: Place = None,
    profile: Profile = "observe",
    start: Annotated[
        str | None, typer.Option("--from", help="Counts from this time on; now, unless given.", metavar="ISO")
    ] = None,
) -> None:
    """Append a policy to the jurisdiction's timeline; gates take it up by event time.

    It is built first, whole. Policy and history are written in one transaction; a second publisher at the same time is
    refused. Publishing what is in force already changes nothing.
    """
    shell = shell_of(ctx)
    place = jurisdiction_of(shell, jurisdiction)
    now_ms = time.time_ns() // 1_000_000
    from_ms = instant(start) if start is not None else now_ms
    entry = _entry(file, profile, from_ms=from_ms, recorded_at_ms=now_ms)
    built = _build(place, entry)
    version = _write(shell, place, entry, built.pack.lists)
    if version is None:
        answer(f"{built.version} is in force in {place} already: nothing was published.")
    else:
        answer(f"{built.version} counts in {place} from {iso(max(from_ms, now_ms))} on, as version {version}.")


@app.command(name="list")
def list_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML: name, category, owner, expires, entries.")],
    jurisdiction: Place = None,
    print_: Annotated[
        bool, typer.Option("--print", help="Write the record to stdout, for a replay; publish nothing.")
    ] = False,
) -> None:
    """Publish a content list, and say how a policy names it; gates use it once a policy does.

    name, category (fraud, phishing, impersonation, adult or gambling), owner, expires (a time), and [phrases] or
    [patterns]: id = "text", patterns in RE2's syntax. It is checked whole. Refused: a list of which a policy in force,
    or to come, names the version that would no longer be kept.
    """
    from streams.cli import lists

    shell = shell_of(ctx)
    place = jurisdiction_of(shell, jurisdiction)
    part, content = lists.read(file, time.time_ns() // 1_000_000)
    if print_:
        answer(lists.record(place, content.name, part))
        return
    new = lists.publish(shell.connection(), place, content.name, part)
    told = "" if new else " (published before)"
    answer(
        f"{content.name}: {len(content.phrases):,} phrases, {len(content.patterns):,} patterns{told}. In the policy:"
    )
    answer(f'[lists]\n{content.name} = "{part.hash}"')


def _entry(file: Path | None, profile: Any, **times: int) -> PolicyEntry:
    from streams.contracts.policy import PolicyEntry

    pack: dict[str, Any] = {}
    if file is not None:
        pack = toml_of(file)
    return PolicyEntry(profile=profile, pack=pack, **times)


def _build(place: str, entry: PolicyEntry) -> Policy:
    """Raises InputError when the pack with this overlay is not valid."""
    from streams.engine.policy import Policies
    from streams.packs import shipped

    try:
        return Policies(shipped(), place).of(entry)
    except ValueError as error:
        raise InputError(f"This policy does not build: {error}.") from error


def _write(shell: Shell, place: str, entry: PolicyEntry, named: dict[str, str]) -> int | None:
    """Append the entry with the next version; None when the newest says the same from then on.

    named: its content lists. Raises InputError when one is not published with that hash.
    """
    import msgspec

    from streams.cli.publishing import publish as written
    from streams.contracts.policy import PolicyRow
    from streams.engine.lists import key_of_list, part_of

    version: int | None = None

    def row(held: Held) -> tuple[str, PolicyRow] | None:
        nonlocal version
        for name, wanted in named.items():
            if part_of(held.content_list(key_of_list(place, name)), wanted) is None:
                raise InputError(
                    f"The policy names list {name} as {wanted}, which is not published: run "
                    "`dualblock policy list FILE` first."
                )
        policy = held.policy(place)
        if _in_force(policy, entry):
            return None
        timeline = policy.timeline if policy is not None else ()
        version = max((e.version for e in timeline), default=0) + 1
        changed = msgspec.structs.replace(entry, version=version)
        return place, PolicyRow(jurisdiction=place, timeline=(*timeline, changed))

    written(shell.connection(), place, row)
    return version


def _in_force(held: PolicyRow | None, entry: PolicyEntry) -> bool:
    """Whether the newest entry says the same, is in force when this one would begin, and nothing comes after it."""
    if held is None or not held.timeline:
        return False
    newest = max(held.timeline, key=lambda e: e.version)
    same = (newest.profile, newest.pack) == (entry.profile, entry.pack)
    return same and newest.to_ms is None and newest.from_ms <= entry.from_ms
