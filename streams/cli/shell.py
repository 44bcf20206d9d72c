"""What all commands share: the settings, where output goes, and how a command ends.

Exit codes: 0 done, 1 the answer is no, 2 bad input or configuration (one sentence on stderr says what to change).
Nothing heavy is imported here: `--help` must answer at once.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NoReturn

import typer
from typer.core import TyperGroup

from streams.errors import ConfigError, DualblockError, InputError

if TYPE_CHECKING:
    from rich.console import Console

    from streams.config import Settings
    from streams.engine.policy import Policies
    from streams.engine.pseudonym import Keys
    from streams.pipeline.settings import Connection

NO = 1
BAD = 2
_REACH_S = 5.0

TRY, RUN, FEED, LOOK = "Try it", "Run it", "Feed it", "Look at it"
_PANELS = [TRY, RUN, FEED, LOOK]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]


class Manual(TyperGroup):
    """Turns our own errors into one sentence on stderr and exit code 2; anything else is a bug and shows itself."""

    #: The command that takes a first word which names none, e.g. `dualblock evidence CASE`.
    otherwise: ClassVar[str | None] = None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command."""
        if self.otherwise is not None and args[0] not in self.commands:
            args = [self.otherwise, *args]
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of the panels; within one, as registered."""
        names = super().list_commands(ctx)
        panels = {name: _PANELS.index(c.rich_help_panel) for name, c in self.commands.items() if c.rich_help_panel}  # type: ignore[attr-defined]  # typer's own attribute
        return sorted(names, key=lambda name: panels.get(name, len(_PANELS)))

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except DualblockError as error:
            say(f"error: {error}")
            raise typer.Exit(BAD) from error


def app_of(name: str | None, text: str, cls: type[Manual] = Manual) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(
        name=name, help=text, cls=cls, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False,
        add_completion=name is None, context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip


def paragraphs(command: Callable[..., Any] | None) -> str:
    """A command's docstring as its manual: lines of a paragraph joined, so that they wrap to the reader's width."""
    text = inspect.cleandoc((command.__doc__ if command is not None else None) or "")
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def say(text: str) -> None:
    """A line for the operator, on stderr: stdout is for answers."""
    typer.echo(text, err=True)


def answer(text: str | bytes) -> None:
    """A line of the answer, on stdout."""
    typer.echo(text)


def no(text: str) -> NoReturn:
    """The answer is no: say why, end with 1."""
    say(text)
    raise typer.Exit(NO)


def out() -> Console:
    """A console for tables on stdout. Wide where nobody looks, so that columns are whole in files and pipes."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160)


def err() -> Console:
    """A console for progress on stderr."""
    from rich.console import Console

    return Console(stderr=True)


class Shell:
    """One invocation: its --config, and the settings once somebody asks for them."""

    def __init__(self, config: Path | None) -> None:
        self.config = config
        self._settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        """The settings. Raises ConfigError."""
        if self._settings is None:
            from streams.config import load

            self._settings = load(self.config)
        return self._settings

    def connection(self) -> Connection:
        """How to reach Kafka; it answers. Raises ConfigError when it does not.

        The client's own log is left out: what goes wrong is said once, by us.
        """
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        from streams.pipeline.errors import kafka_error
        from streams.pipeline.settings import Connection

        held = self.settings
        made = Connection(held.bootstrap, held.prefix, {**held.security, "log_level": "0"})
        try:
            AdminClient(made.base()).list_topics(topic=made.topic("progress"), timeout=_REACH_S)
        except KafkaException as exception:
            raise ConfigError(
                f"Kafka does not answer at {held.bootstrap} ({kafka_error(exception).str()}): correct bootstrap or "
                "security, or start a broker (`dualblock broker`)."
            ) from exception
        return made

    def policies(self) -> Policies:
        """The shipped packs, as the configured jurisdiction reads them. Raises ConfigError."""
        from streams.engine.policy import Policies
        from streams.packs import shipped

        return Policies(shipped(), self.settings.jurisdiction)

    def keys(self, *, demo: bool = False) -> Keys:
        """The keys; with `demo` the demo keys stand in for missing ones, and it is said. Raises ConfigError."""
        from streams.config import DEMO_KEYS
        from streams.engine.pseudonym import Keys

        found = Keys(*self.settings.keys(demo=demo))
        if found.publication == DEMO_KEYS[1]:
            say("warning: demo keys are in use: these pseudonyms hide nobody. Configure keys for real numbers.")
        return found


def shell_of(ctx: typer.Context) -> Shell:
    """The invocation that a command belongs to."""
    found = ctx.find_object(Shell)
    return found if found is not None else Shell(None)


def toml_of(file: Path) -> dict[str, Any]:
    """What a TOML file holds. Raises InputError."""
    import tomllib

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file} can't be read ({error.strerror}): name an existing file.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is no TOML: {error}.") from error


def jurisdiction_of(shell: Shell, given: str | None) -> str:
    """The jurisdiction asked for, or the configured one. Raises ConfigError when there is no pack for it."""
    from streams.packs import JURISDICTIONS

    name = given or shell.settings.jurisdiction
    if name not in JURISDICTIONS:
        raise ConfigError(f"There is no pack for {name!r}: choose {' or '.join(JURISDICTIONS)}.")
    return name


def instant(text: str) -> int:
    """A time as ISO 8601 with its zone, or milliseconds since 1970; in ms. Raises InputError."""
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit():
        if len(digits) > 16 or abs(int(text)) > 2**53:
            raise InputError(f"{text[:40]!r} is no time: milliseconds since 1970 lie within 2**53.")
        return int(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no time: write 2025-12-17T09:00+09:00, or milliseconds since 1970.") from error
    if at.tzinfo is None:
        raise InputError(f"{text!r} has no time zone: write 2025-12-17T09:00+09:00, or Z at the end for UTC.")
    return int(at.timestamp() * 1000)


def iso(at_ms: int) -> str:
    """A time for people: UTC, to the second."""
    try:
        return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"{at_ms} ms"


def duration_ms(text: str) -> int:
    """A length of time such as 90s, 10m, 1h or 2d, in ms. Raises InputError."""
    unit = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}.get(text[-1:])
    digits = text[:-1]
    if unit is None or not (digits.isascii() and digits.isdigit()) or len(digits) > 12 or not int(digits):
        raise InputError(f"{text[:40]!r} is no length of time: write 90s, 10m, 1h or 2d.")
    return int(digits) * unit
