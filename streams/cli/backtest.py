"""`dualblock backtest`: what new rules would block that today's do not."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from streams.cli.lake import HERE, need
from streams.cli.shell import Json, Shell, answer, err, instant, jurisdiction_of, no, out, shell_of
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.contracts.policy import PolicyEntry, PolicyRow
    from streams.replay.backtest import Backtest
    from streams.replay.drive import Timed
    from streams.replay.proposed import Rules

_FILE = "FILE"
_ALL = (-(2**53), 2**53)
Files = tuple[str, ...]
_AT_MOST = 30  # lines of a table; --json has all
#: How far a record's time at the broker may be behind its ingest time and still be found.
_SLACK_MS = 3_600_000


def backtest(
    ctx: typer.Context,
    origin: Annotated[
        Literal["topic", "files", "lake"], typer.Option("--from", help="Where the messages, or their decisions, are.")
    ],
    policy: Annotated[
        Path | None, typer.Option(help="New policy: TOML as for `policy publish`, or JSON.", metavar=_FILE)
    ] = None,
    registry: Annotated[
        list[str] | None, typer.Option(help="New rows, NDJSON as on the topic feeds; may be repeated.", metavar=_FILE)
    ] = None,
    profile: Annotated[
        Literal["observe", "enforce"], typer.Option(help="Of the new policy: enforce blocks.")
    ] = "enforce",
    bound: Annotated[
        str, typer.Option(help="How far the registered senders' block rate may rise: 0.1% or 1000ppm.", metavar="RATE")
    ] = "0.1%",
    since: Annotated[str | None, typer.Option(help="Only messages from this time on.", metavar="ISO")] = None,
    until: Annotated[str | None, typer.Option(help="Only messages before this time.", metavar="ISO")] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="When the rules are looked at; now, unless given.", metavar="ISO")
    ] = None,
    messages: Annotated[list[str] | None, typer.Option(help="From files: the message events.", metavar=_FILE)] = None,
    today_registry: Annotated[
        list[str] | None, typer.Option("--today-registry", help="From files: today's registry.", metavar=_FILE)
    ] = None,
    today_policy: Annotated[
        list[str] | None,
        typer.Option(
            "--today-policy", help="From files: today's policies; from a lake, where it holds none.", metavar=_FILE
        ),
    ] = None,
    reports: Annotated[list[str] | None, typer.Option(help="From files: reports.", metavar=_FILE)] = None,
    directives: Annotated[
        list[str] | None, typer.Option(help="From files: orders of a regulator.", metavar=_FILE)
    ] = None,
    orders: Annotated[list[str] | None, typer.Option(help="From files: the carrier's own.", metavar=_FILE)] = None,
    appeals: Annotated[list[str] | None, typer.Option(help="From files: appeals.", metavar=_FILE)] = None,
    releases: Annotated[list[str] | None, typer.Option(help="From files: releases.", metavar=_FILE)] = None,
    jobs: Annotated[list[str] | None, typer.Option(help="From files: announced bulk sends.", metavar=_FILE)] = None,
    settings: Annotated[list[str] | None, typer.Option(help="From files: recipients' requests.", metavar=_FILE)] = None,
    blacklists: Annotated[list[str] | None, typer.Option(help="From files: partners' lists.", metavar=_FILE)] = None,
    lake: Annotated[
        Path, typer.Option("--lake", help="From the lake: its directory.", metavar="DIR", file_okay=False)
    ] = HERE,
    jurisdiction: Annotated[str | None, typer.Option(help="Whose pack: e.g. kr or generic.", metavar="WORD")] = None,
    json: Json = False,
) -> None:
    """Decide the same messages under today's rules and under new ones, and say who would be blocked that is not today,
    by sender, relay and reason, registered senders first.

    New rows replace those of the same key, and new rows and policy count for every message, as if they had always been
    there; so does today's policy. From the topic, sanctions stay as they are; from files, reports are counted again by
    each side's thresholds. From the lake there are decisions only: modes and ranks of a policy can be tried, and
    messages that would need more are counted as not judgeable, never guessed.

    Ends with 1 when the registered senders' block rate would rise by more than the bound, or can't be judged at all.
    """
    if policy is None and not registry:
        raise InputError("Name something new to try: --policy FILE, --registry FILE, or both.")
    from streams.replay.backtest import Backtest

    shell = shell_of(ctx)
    place = jurisdiction_of(shell, jurisdiction)
    found = Backtest(_ppm(bound))
    now_ms = instant(as_of) if as_of is not None else time.time_ns() // 1_000_000
    window = (
        instant(since) if since is not None else _ALL[0], instant(until) if until is not None else _ALL[1],
    )  # fmt: skip
    trial = Trial(
        shell=shell, place=place, now_ms=now_ms, window=window, names=tuple(registry or ()), found=found,
        new=_entry(policy, profile, place, now_ms) if policy is not None else None,
    )  # fmt: skip
    files = {
        "messages": messages, "registry": today_registry, "policy": today_policy, "reports": reports,
        "directives": directives, "orders": orders, "appeals": appeals, "settings": settings, "jobs": jobs,
        "blacklists": blacklists, "releases": releases,
    }  # fmt: skip
    given = {name: tuple(names) for name, names in files.items() if names}
    if origin != "files" and set(given) - ({"policy"} if origin == "lake" else set()):
        raise InputError("Files of messages, reports or today's rules go with --from files.")
    with err().status("Deciding twice …"):
        if origin == "files":
            trial.over_files(given)
        elif origin == "topic":
            trial.over_topic()
        else:
            trial.over_lake(lake, given.get("policy", ()))
    _show(found, json)
    if found.blind:
        no("Nothing of registered senders could be judged: take --from topic or --from files.")
    if found.rises:
        no(f"The registered senders' block rate would rise by more than {bound}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is tried. new: the policy, None for today's. names: files of new rows. window: [from, to) in ms."""

    shell: Shell
    place: str
    now_ms: int
    window: tuple[int, int]
    new: PolicyEntry | None
    names: tuple[str, ...]
    found: Backtest

    def rules(self, today: PolicyRow | None) -> tuple[Rules, Rules]:
        """Today's and the new ones. today: the published timeline."""
        from streams.replay.proposed import Rules, in_force, pinned, read_rules

        entry = in_force(today, self.now_ms)
        new = pinned(self.new if self.new is not None else entry, self.place)
        return Rules(pinned(entry, self.place)), read_rules(new, self.names, self.now_ms)

    def published(self, control: Iterable[Timed]) -> list[PolicyRow]:
        """The policy timelines of the jurisdiction, in the order of their files."""
        from streams.contracts.policy import PolicyRow

        rows = [timed.record for timed in control if isinstance(timed.record, PolicyRow)]
        return [row for row in rows if row.jurisdiction == self.place]

    def over_files(self, given: dict[str, Files]) -> None:
        """Files on both sides."""
        from streams.replay.backtest import over_files
        from streams.replay.drive import Refused
        from streams.replay.files import Inputs
        from streams.replay.lines import merged

        if "messages" not in given:
            raise InputError("Name the messages: --messages FILE.")
        if self.window != _ALL:
            raise InputError("--since and --until go with --from topic or lake: cut the files instead.")
        inputs = Inputs(**given)
        inputs.check()
        refused: list[Refused] = []
        control = inputs.control(refused.append)
        today, new = self.rules(next(reversed(self.published(control)), None))
        keys = self.shell.keys(demo=True)
        over_files(merged(inputs.messages), control, today, new, self.place, keys, self.found)
        self.found.unreadable += len(refused)

    def over_topic(self) -> None:
        """The topic, by what stands on the compacted topics now."""
        from streams.cli.kafka import read_to_end, view_of
        from streams.pipeline.gate import ENTITIES
        from streams.replay.backtest import over_messages

        keys = self.shell.keys()
        connection = self.shell.connection()
        view = view_of(connection, ENTITIES)
        today, new = self.rules(view.policy(self.place))
        since = None if self.window[0] < 0 else max(0, self.window[0] - _SLACK_MS)
        values = (letter.value or b"" for letter in read_to_end(connection, ("messages",), since))
        over_messages(values, self.window, view, today, new, self.place, keys, self.found)

    def over_lake(self, directory: Path, policy: Files) -> None:
        """Recorded decisions."""
        need("pyarrow", "duckdb")
        import msgspec

        from streams.contracts.decisions import Decision
        from streams.contracts.policy import PolicyRow
        from streams.engine.policy import Policies, build
        from streams.lake.views import Views
        from streams.packs import shipped
        from streams.replay.files import Inputs
        from streams.replay.judgeable import Judge

        inputs = Inputs(messages=(), policy=policy)
        inputs.check()
        named = self.published(inputs.control(lambda letter: None))
        with Views(directory) as views:
            history = f"SELECT json FROM policy_history WHERE jurisdiction = '{self.place}' ORDER BY \"offset\""
            rows = [*(msgspec.json.decode(text, type=PolicyRow) for (text,) in views.ask(history).rows), *named]
            policies = Policies(shipped(), self.place)
            if (
                not rows
                and views.ask(f"FROM decisions WHERE versions_policy <> '{policies.default.version}' LIMIT 1").rows
            ):
                raise InputError(f"{directory} holds no policy of {self.place}: name today's with --today-policy FILE.")
            today, new = self.rules(rows[-1] if rows else None)
            built = [build(data) for (name, _), data in shipped().items() if name == self.place]
            for entry in (entry for row in rows for entry in row.timeline):
                with suppress(ValueError):  # one that does not build was never in force
                    built.append(policies.of(entry))
            first, other = (policies.of(r.policy.timeline[0]) if r.policy else policies.default for r in (today, new))
            judge = Judge(first, other, new, {policy.version: policy for policy in built})
            # A repeated event counts again, as on the topic: telling them apart would take them all into memory.
            query = (
                "SELECT json FROM decisions "
                f"WHERE event_time_ms >= {self.window[0]} AND event_time_ms < {self.window[1]}"
            )
            decode = msgspec.json.Decoder(Decision).decode
            judge.run((decode(text) for (text,) in views.each(query)), self.found)


def _entry(file: Path, profile: Literal["observe", "enforce"], place: str, now_ms: int) -> PolicyEntry:
    """The new policy, built once so that what is wrong with it is said. Raises InputError."""
    from streams.contracts.policy import PolicyEntry, PolicyRow
    from streams.engine.policy import Policies
    from streams.packs import shipped
    from streams.replay.proposed import in_force

    raw = _read(file)
    entry: PolicyEntry | None
    if file.suffix == ".json":
        import msgspec

        try:
            data = msgspec.json.decode(raw)
            if isinstance(data, dict) and "timeline" in data:
                row = msgspec.convert(data, PolicyRow)
                entry = in_force(row, max(now_ms, *(e.from_ms for e in row.timeline)))
            else:
                entry = PolicyEntry(profile=profile, pack=msgspec.convert(data, dict[str, Any]))
        except (ValueError, TypeError) as error:
            raise InputError(f"{file} is no policy: {error}.") from error
        if entry is None:
            raise InputError(f"{file} holds no policy that counts now: end none of its entries.")
    else:
        try:
            entry = PolicyEntry(profile=profile, pack=tomllib.loads(raw.decode()))
        except ValueError as error:
            raise InputError(f"{file} is no TOML: {error}.") from error
    try:
        Policies(shipped(), place).of(entry)
    except (ValueError, TypeError) as error:
        raise InputError(f"This policy does not build: {error}.") from error
    return entry


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} can't be read ({error.strerror}): name an existing file.") from error


def _ppm(text: str) -> int:
    """A rate as parts per million: `0.1%`, `1000ppm`, `1000`. Raises InputError."""
    number, unit = (text[:-1], 10_000) if text.endswith("%") else (text.removesuffix("ppm"), 1)
    try:
        found = Decimal(number.strip()) * unit
    except InvalidOperation:
        found = Decimal(-1)
    if not 0 <= found <= 1_000_000:
        raise InputError(f"{text!r} is no rate: write 0.1% or 1000ppm.")
    return int(found)


def _show(found: Backtest, json: bool) -> None:
    import msgspec
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    summary = found.summary()
    if json:
        answer(msgspec.json.encode(summary).decode())
        return
    for name, title in (("registered", "Registered senders"), ("others", "Other senders")):
        side = summary[name]
        answer(
            f"{title}: {side['messages']:,} messages, blocked today {side['blocked_today']:,} "
            f"({side['rate_today_ppm']:,} ppm), by the new rules {side['blocked_new']:,} ({side['rate_new_ppm']:,} ppm)"
        )
    for name, title in (("would_block", "Would be blocked"), ("no_longer_blocked", "Would no longer be blocked")):
        if not summary[name]:
            continue
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
        for column in ("registered", "sender", "relay", "reason", "messages"):
            table.add_column(column, justify="right" if column == "messages" else "left", overflow="fold")
        for row in summary[name][:_AT_MOST]:
            yes = "yes" if row["registered"] else "no"
            table.add_row(yes, *(escape(row[c]) for c in ("sender", "relay", "reason")), f"{row['messages']:,}")
        out().print(table)
        if (more := len(summary[name]) - _AT_MOST) > 0:
            answer(f"… and {more:,} more: --json has all.")
    for row in summary["actions"]:
        answer(f"{row['today']} today, {row['new']} by the new rules: {row['messages']:,} messages")
    for row in summary["not_judgeable"]:
        whose = "registered" if row["registered"] else "other"
        answer(f"Not judgeable, {whose} senders: {row['messages']:,}: {row['why']}")
    if summary["unreadable"]:
        answer(f"Could not be read: {summary['unreadable']:,}")
