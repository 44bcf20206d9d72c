"""`dualblock directive`: a regulator's signed orders by reference number: publish, give, withdraw, release, list."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from streams.cli.sanction import scope_of
from streams.cli.shell import Json, Shell, answer, app_of, duration_ms, instant, iso, no, shell_of
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.contracts.reports import Directive

app = app_of("directive", "Orders of a regulator: published signed, by reference number; they outrank everything.")

Reference = Annotated[str, typer.Option(help="The authority's own number for the order.", metavar="REF")]
Key = Annotated[Path, typer.Option(help="The authority's private key (PEM, Ed25519).", metavar="FILE")]
KeyId = Annotated[str, typer.Option(help="The name under which the policy lists the key.", metavar="NAME")]
Start = Annotated[str | None, typer.Option("--from", help="When it begins; at once, unless given.", metavar="ISO")]
Authority = Annotated[str, typer.Option(help="In whose name.", metavar="NAME")]
#: What an order does; `release` and `withdraw` are commands of their own.
Act = Literal["suspend", "terminate", "block", "throttle", "expel"]


@app.command()
def publish(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(help="NDJSON, one signed order a line, as the authority sent it.")],
) -> None:
    """Publish orders that are signed already. Every one is checked as the agents will check it, or none is written."""
    import msgspec

    from streams.contracts.base import read
    from streams.contracts.reports import Directive
    from streams.replay.lines import check_files, read_lines

    check_files(((file,),))
    desk, taken = _Desk(shell_of(ctx)), list[tuple[Directive, bytes]]()
    decoder = msgspec.json.Decoder(Directive)
    for place, raw in read_lines(file):
        try:
            order = read(decoder, raw)
        except ValueError as error:
            raise InputError(f"{place} is no order: {error}.") from error
        desk.check(order, raw, place)
        taken.append((order, raw))
    desk.send(taken)
    answer(f"{len(taken)} orders published.")


@app.command()
def give(
    ctx: typer.Context,
    subject: Annotated[str, typer.Argument(help="kind:name: sender, account, reseller, relay, campaign, host.")],
    act: Annotated[Act, typer.Argument(help="expel: a reseller or relay, with all that the registry has below it.")],
    reference: Reference,
    key: Key,
    key_id: KeyId,
    start: Start = None,
    for_: Annotated[str | None, typer.Option("--for", help="How long, e.g. 48h; for good, unless given.")] = None,
    leg: Annotated[list[str] | None, typer.Option(help="Only on this leg; repeatable.", metavar="LEG")] = None,
    channel: Annotated[list[str] | None, typer.Option(help="Only on this channel; repeatable.", metavar="WORD")] = None,
    advertising_only: Annotated[bool, typer.Option("--advertising-only", help="Only advertising.")] = False,
    share: Annotated[int, typer.Option(help="throttle: how many of a thousand must wait.", min=1, max=1000)] = 1000,
    authority: Authority = "regulator",
) -> None:
    """Sign and publish an order. Under a known reference it is the next version, which takes over from the last."""
    from streams.contracts.reports import Directive
    from streams.engine.sanctioning import EXPULSION_AHEAD_MS

    desk = _Desk(shell_of(ctx))
    from_ms = desk.begins(start, EXPULSION_AHEAD_MS if act == "expel" else 0)
    order = Directive(
        reference=reference, subject=subject, act=act, scope=scope_of(leg, channel, advertising_only),
        share_permille=share, from_ms=from_ms, to_ms=None if for_ is None else from_ms + duration_ms(for_),
        recorded_at_ms=desk.now_ms, authority=authority, version=desk.next_version(reference),
    )  # fmt: skip
    desk.signed(order, key, key_id)
    until = "until it is withdrawn" if order.to_ms is None else f"until {iso(order.to_ms)}"
    answer(f"{reference} version {order.version}: {act} {subject} from {iso(from_ms)} {until}.")


@app.command()
def withdraw(
    ctx: typer.Context,
    reference: Annotated[str, typer.Argument(help="Of the order.", metavar="REF")],
    key: Key,
    key_id: KeyId,
    start: Start = None,
) -> None:
    """End an order, as the next version of its own reference."""
    import msgspec

    desk = _Desk(shell_of(ctx))
    held = desk.known(reference)
    from_ms = desk.begins(start)
    order = msgspec.structs.replace(
        held, act="withdraw", from_ms=from_ms, to_ms=None, recorded_at_ms=desk.now_ms, version=held.version + 1,
        releases=None, signature=None,
    )  # fmt: skip
    desk.signed(order, key, key_id)
    answer(f"{reference} on {held.subject} ends at {iso(from_ms)}.")


@app.command()
def release(
    ctx: typer.Context,
    subject: Annotated[str, typer.Argument(help="Whom it stands against, kind:name.")],
    releases: Annotated[str, typer.Argument(help="Reference of the order, or id of the sanction, that ends.")],
    reference: Reference,
    key: Key,
    key_id: KeyId,
    start: Start = None,
    authority: Authority = "regulator",
) -> None:
    """End another order, or a carrier's sanction, by an order of its own."""
    from streams.contracts.reports import Directive

    desk = _Desk(shell_of(ctx))
    from_ms = desk.begins(start)
    order = Directive(
        reference=reference, subject=subject, act="release", releases=releases, from_ms=from_ms,
        recorded_at_ms=desk.now_ms, authority=authority, version=desk.next_version(reference),
    )  # fmt: skip
    desk.signed(order, key, key_id)
    answer(f"{releases} on {subject} ends at {iso(from_ms)}.")


@app.command("list")
def list_(
    ctx: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Also those that are over, withdrawn or releases.")] = False,
    json: Json = False,
) -> None:
    """Show the orders that stand or are to come, by reference. Ends with 1 when there are none."""
    from streams.contracts.base import encoder

    desk = _Desk(shell_of(ctx))
    orders = [o for _, o in sorted(desk.held.items()) if every or _stands(o, desk.now_ms)]
    if not orders:
        no("No order stands.")
    for order in orders:
        if json:
            answer(encoder().encode(order).decode())
            continue
        until = "" if order.to_ms is None else f" until {iso(order.to_ms)}"
        target = order.subject if order.releases is None else f"{order.releases} on {order.subject}"
        answer(f"{order.reference} v{order.version} {order.act} {target} from {iso(order.from_ms)}{until}")


def _stands(order: Directive, now_ms: int) -> bool:
    return order.act not in ("release", "withdraw") and (order.to_ms is None or now_ms < order.to_ms)


class _Desk:
    """What stands on `directives`, and the rules an order must meet. Raises TopicError, ConfigError."""

    def __init__(self, shell: Shell) -> None:
        import msgspec

        from streams.cli.kafka import read_to_end, view_of
        from streams.contracts.reports import Directive

        self.now_ms = time.time_ns() // 1_000_000
        self._shell, self.held = shell, dict[str, Directive]()
        connection, decoder = shell.connection(), msgspec.json.Decoder(Directive)
        self._policies = shell.policies()
        self._view = view_of(connection, ("policy",), only={shell.settings.jurisdiction})
        for letter in read_to_end(connection, ("directives",)):
            try:
                order = decoder.decode(letter.value or b"")
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # the agent has said so, with a dead letter
            held = self.held.get(order.reference)
            if held is None or order.version >= held.version:
                self.held[order.reference] = order

    def begins(self, start: str | None, ahead_ms: int = 0) -> int:
        """When an order counts from, as asked for; so far ahead at the least. Raises InputError."""
        return max(self.now_ms + ahead_ms, self.now_ms if start is None else instant(start))

    def known(self, reference: str) -> Directive:
        """The newest version of an order. Raises InputError."""
        if reference not in self.held:
            raise InputError(f"There is no order {reference}: see `dualblock directive list --all`.")
        return self.held[reference]

    def next_version(self, reference: str) -> int:
        """One more than is known."""
        return self.held[reference].version + 1 if reference in self.held else 1

    def check(self, order: Directive, raw: bytes, place: str = "This") -> None:
        """Raise InputError for what the agent would refuse."""
        from streams.engine.directing import direct, payload_of, verify
        from streams.signing import fits

        held = self.held.get(order.reference)
        try:
            direct(order, self._view, self._policies, self._shell.keys())
            verify(order, payload_of(raw), self._view, self._policies, fits)
            if held is not None and order.version <= held.version:
                raise ValueError(f"OLD_VERSION: version {order.version}, but {held.version} is known")
            if held is not None and order.subject != held.subject:
                raise ValueError(f"SUBJECT_CHANGED: {order.reference} is about {held.subject}; give a new order")
        except ValueError as refused:
            raise InputError(f"{place} is refused: {refused}.") from refused
        self.held[order.reference] = order

    def signed(self, order: Directive, key: Path, key_id: str) -> None:
        """Sign, check and publish one order."""
        import msgspec

        from streams.contracts.base import encoder
        from streams.contracts.reports import Signature
        from streams.engine.directing import FORM, payload_of
        from streams.signing import detached, private_key

        value = detached(FORM, payload_of(encoder().encode(order)), private_key(key))
        order = msgspec.structs.replace(order, signature=Signature(key=key_id, value=value))
        raw = encoder().encode(order)
        self.check(order, raw)
        self.send([(order, raw)])

    def send(self, orders: list[tuple[Directive, bytes]]) -> None:
        """Publish orders as they came: their bytes are what was signed."""
        from streams.cli.kafka import send_raw

        send_raw(self._shell.connection(), "directives", [(order.reference, raw) for order, raw in orders])
