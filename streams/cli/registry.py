"""`dualblock registry`: import a generation of a feed, look a row up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.imports.choices import SeenFrom
from streams.cli.shell import Shell, answer, app_of, duration_ms, err, instant, iso, jurisdiction_of, no, say, shell_of
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.cli.imports.plan import Import, Plan
    from streams.cli.imports.rows import Parsed
    from streams.cli.kafka import Held
    from streams.engine.pack import Pack
    from streams.engine.pseudonym import Keys

app = app_of("registry", "Import registers and number plans, look rows up.")


@app.command("import")
def import_(
    ctx: typer.Context,
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="CSV or NDJSON, plain or gzipped.")],
    feed: Annotated[str, typer.Option(help="The feed's name, e.g. kr-sender-registry.", metavar="NAME")],
    generation: Annotated[str, typer.Option(help="The generation's name, e.g. a date.", metavar="G")],
    complete_for: Annotated[
        list[str] | None,
        typer.Option(help="The files hold all there is of this (kr:sender, kr:mobile, …).", metavar="WORD"),
    ] = None,
    numbers: Annotated[bool, typer.Option("--numbers", help="Number files: number,status[,since].")] = False,
    jurisdiction: Annotated[str | None, typer.Option(help="Whose number plan, e.g. kr.", metavar="WORD")] = None,
    as_of: Annotated[str | None, typer.Option(help="From when it counts; now, unless given.", metavar="ISO")] = None,
    fresh_for: Annotated[
        str, typer.Option(help="How long it may be believed without another heartbeat.", metavar="TIME")
    ] = "1h",
    rejects: Annotated[
        Path | None, typer.Option(help="Where rejected rows go.", metavar="FILE", show_default="rejects-G.ndjson")
    ] = None,
    seen_from: Annotated[
        SeenFrom,
        typer.Option(help="Where to look whether a sender that would vanish had traffic in the last day."),
    ] = SeenFrom.DECISIONS,
    force: Annotated[bool, typer.Option("--force", help="Publish in spite of rejects, shrink or vanishing.")] = False,
) -> None:
    """Import a generation of a feed: checked whole first, then published, and vouched for by a manifest at the end.

    NDJSON holds rows of the contract. CSV names its columns in the first line: kind, key, and fields of the row's
    entries (owner, routes.relays, from, …; several values are separated by |); entries without a version get the next
    one where they say something new. With --complete-for, rows that the files leave out end. Interrupted, run it again:
    it leaves exactly its rows. Refused unless forced: rejected rows, a shrink of more than 20 %, a registered sender
    with traffic in the last day that would vanish (any, where there is no telling).
    """
    shell = shell_of(ctx)
    if any(name == "-" for name in files):
        raise InputError("An import is read whole before anything is sent: name files, not standard input.")
    job = _Job(shell, feed, generation, tuple(complete_for or ()), jurisdiction_of(shell, jurisdiction))
    fresh_ms = duration_ms(fresh_for)
    job.open(instant(as_of) if as_of is not None else None)
    parsed, plan = job.read(files, numbers, seen_from)
    _report_rejects(parsed, rejects or Path(f"rejects-{generation.replace('/', '_')}.ndjson"), force)
    for warning in plan.warnings:
        say(f"warning: {warning}")
    for refusal in plan.refusals:
        if not force:
            raise InputError(refusal)
        say(f"forced: {refusal}")
    if not plan.rows:
        raise InputError("The files hold no row: an empty generation is never published.")
    _publish(shell, job, parsed, plan, fresh_ms)


def _publish(shell: Shell, job: _Job, parsed: Parsed, plan: Plan, fresh_ms: int) -> None:
    from streams.cli.imports.journal import Noted
    from streams.cli.imports.publish import publish

    spec = job.spec
    fresh_until_ms = spec.as_of_ms + fresh_ms
    noted = Noted(spec.as_of_ms, parsed.digest.hexdigest())
    job.journal.write(noted)
    with _bar("Publishing", len(plan.rows) + len(plan.ended)) as moved:
        publish(shell.connection(), plan, spec, fresh_until_ms=fresh_until_ms, sent=moved)
    noted.done = True
    job.journal.write(noted)
    answer(
        f"{spec.feed} {spec.generation}: {len(plan.rows):,} rows, {len(plan.ended):,} ended, counting from "
        f"{iso(spec.as_of_ms)}, fresh until {iso(fresh_until_ms)}."
    )


class _Job:
    """One import from its files to its plan."""

    def __init__(self, shell: Shell, feed: str, generation: str, complete_for: tuple[str, ...], place: str) -> None:
        from streams.cli.imports.journal import Journal

        self._shell, self._place = shell, place
        self._names = (feed, generation, complete_for)
        self.journal = Journal(shell.settings.state_dir, feed, generation)
        self.spec: Import
        self._view: Held
        self._pack: Pack
        self._keys: Keys | None = None

    def open(self, given_ms: int | None) -> None:
        """Read the registry that is held, and settle from when the generation counts. Raises InputError."""
        from streams.cli.imports.journal import as_of
        from streams.cli.imports.plan import Import
        from streams.cli.kafka import view_of
        from streams.engine.policy import Policies
        from streams.packs import shipped

        feed, generation, complete_for = self._names
        with err().status("Reading the registry …"):
            self._view = view_of(self._shell.connection(), ("registry", "policy"))
        self.spec = Import(feed=feed, generation=generation, as_of_ms=0, complete_for=complete_for)
        now_ms = time.time_ns() // 1_000_000
        self._noted = self.journal.read()
        at_ms = as_of(self._noted, given_ms, self._view.manifests(feed), self.spec, now_ms)
        self.spec = Import(feed=feed, generation=generation, as_of_ms=at_ms, complete_for=complete_for)
        self._pack = Policies(shipped(), self._place).at(self._view, at_ms).pack
        wrong = [word for word in complete_for if self._pack.feeds.get(word) != feed]
        if wrong:
            known = ", ".join(w for w, f in self._pack.feeds.items() if f == feed) or "nothing"
            raise InputError(
                f"The pack {self._place} does not trust {feed} for {', '.join(wrong)}, only for {known}: correct "
                "--feed or --complete-for, or publish a policy whose feeds say so."
            )

    def read(self, files: list[str], numbers: bool, source: SeenFrom) -> tuple[Parsed, Plan]:
        """The files against what is held. Raises InputError."""
        from streams.cli.imports.journal import same_content
        from streams.cli.imports.numbers import build, parse_numbers
        from streams.cli.imports.plan import make
        from streams.cli.imports.rows import parse_rows
        from streams.cli.imports.seen import seen_from
        from streams.replay.lines import check_files

        check_files([files])
        spec, view, pack = self.spec, self._view, self._pack
        with _bar("Checking", None) as moved:
            count = 0

            def each() -> None:
                nonlocal count
                count += 1
                moved(count)

            parsed: Parsed
            if numbers:
                parsed = counted = parse_numbers(files, pack, view, spec.as_of_ms, each)
                build(counted, view, spec.generation, spec.as_of_ms, spec.complete_for)
            else:
                parsed = parse_rows(files, pack.grammar, spec.as_of_ms, each, self._hide)
        same_content(self._noted, parsed.digest.hexdigest(), spec)
        seen = seen_from(self._shell.connection(), source, time.time_ns() // 1_000_000)
        with err().status("Looking for senders that would vanish …"):
            return parsed, make(parsed, view.rows(), view, spec, pack, seen)

    def _hide(self, number: str) -> str:
        """A recipient as consents name him. Raises ConfigError without keys."""
        from streams.engine.recipient import recipient_key

        if self._keys is None:  # not before a consent asks for them: other imports need none
            self._keys = self._shell.keys()
        return recipient_key(number, self._pack.grammar, self._keys)


def _report_rejects(parsed: Parsed, path: Path, force: bool) -> None:
    if not parsed.rejects:
        return
    import msgspec

    try:
        path.write_bytes(b"".join(msgspec.json.encode(r) + b"\n" for r in parsed.rejects))
    except OSError as error:
        raise InputError(f"{path} can't be written ({error.strerror}): name another --rejects.") from error
    first = parsed.rejects[0]
    sentence = (
        f"{len(parsed.rejects):,} rows can't be taken, the first in {first.file}, row {first.row} "
        f"({first.reason}: {first.detail})"
    )
    if not force:
        raise InputError(f"{sentence}: nothing was published. All are in {path}; correct them, or use --force.")
    say(f"forced: {sentence}. They are left out and listed in {path}.")


@contextmanager
def _bar(text: str, total: int | None) -> Iterator[Callable[[int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err()) as bars:
        task, reached = bars.add_task(text, total=total), 0

        def moved(done: int) -> None:
            nonlocal reached
            reached = done
            if done % 500 == 0:
                bars.update(task, completed=done)

        yield moved
        bars.update(task, completed=total or reached, total=total or reached)


@app.command()
def get(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(help="e.g. sender:kr:15881234, block:+82105550, ~feed:kr-number-status")],
) -> None:
    """Print what the registry holds under a key. Ends with 1 when it holds nothing.

    For a number (number:+821055501111) the state in its block is said, too.
    """
    from streams.cli.kafka import read_to_end

    number = key.removeprefix("number:") if key.startswith("number:") else None
    block = f"block:{number[:-4]}" if number else None
    found: dict[tuple[str, int], bytes] = {}
    with err().status("Reading the registry …"):
        for letter in read_to_end(shell_of(ctx).connection(), ("registry",)):
            name = (letter.key or b"").decode("utf-8", "replace")
            if name in (key, block):
                if letter.value is None:
                    found.pop((name, letter.partition), None)
                else:
                    found[name, letter.partition] = letter.value
    for (name, _), value in sorted(found.items(), key=lambda one: one[0][0] != key):
        answer(_shown(name, value, number if name == block else None))
    if not found:
        no(f"The registry holds nothing under {key}.")


def _shown(name: str, value: bytes, number: str | None) -> str:
    """A record as text; of a block asked for its number, what it says of that one. Ends with 1 when it is damaged."""
    import msgspec

    try:
        return msgspec.json.format(value, indent=2).decode() if number is None else _in_block(value, number)
    except ValueError as error:
        no(
            f"What the registry holds under {name} can't be read ({error}): replicas keep what they held under it "
            f"before. Publish it again. It is {len(value):,} bytes: {value[:200]!r}"
        )


def _in_block(value: bytes, number: str) -> str:
    import msgspec

    from streams.contracts.registry import BlockRow
    from streams.engine.blocks import state_at

    row = msgspec.json.decode(value, type=BlockRow)
    part = row.current
    state = state_at(part.states, int(number[-4:]))
    return f"{row.key} says {state} (generation {part.generation}, as of {iso(part.as_of_ms)})"
