"""`dualblock ledger`: what relays, resellers and carriers carried, leaked, were reported for, by month or half-year."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.shell import Json, answer, out, shell_of
from streams.errors import InputError

if TYPE_CHECKING:
    from streams.contracts.ledger import Counts, LedgerRow
    from streams.contracts.reputation import SanctionRow

_PERIOD = re.compile(r"(\d{4})-(0[1-9]|1[0-2]|H[12])")


def ledger(
    ctx: typer.Context,
    period: Annotated[
        str | None, typer.Argument(help="A month (2025-12) or half-year (2025-H2); the newest month, unless given.")
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option(help="One only, e.g. relay:relay-7, reseller:reseller-12 or carrier:kr-b.", metavar="SUBJECT"),
    ] = None,
    json: Json = False,
) -> None:
    """Show what relays, resellers and carriers carried, what was blocked at the first gate, what leaked past it, and
    reports.

    The trend compares leaks per million messages with the period before. Sanctions are those that began in the period.
    With --json each line has its months, too, and there are totals for each kind: relays, resellers and carriers carry
    the same messages, so a sum over all of them says nothing.
    """
    from streams.contracts.base import encoder

    connection = shell_of(ctx).connection()
    rows = _rows(connection, "ledger")
    named = period or max((row.month for row in rows), default="1970-01")
    now, before = _sums(rows, months_of(named), subject), _sums(rows, months_of(_before(named)), subject)
    began = _began(_rows(connection, "sanctions"), months_of(named))
    shown = [
        {
            "subject": name, "period": named, "counts": now[name], "leaks_ppm": leaks_ppm(now[name]),
            "trend_ppm": leaks_ppm(now[name]) - leaks_ppm(before[name]) if name in before else None,
            "sanctions": began.get(name, 0), "months": _by_month(rows, months_of(named), name),
        }
        for name in sorted(now, key=lambda name: (-leaked(now[name]), name))
    ]  # fmt: skip
    if json:
        answer(encoder().encode({"period": named, "rows": shown, "totals": _totals(now)}).decode())
        return
    _table(shown)


def months_of(period: str) -> tuple[str, ...]:
    """The months of a period: `2025-12` → itself, `2025-H2` → July to December. Raises InputError."""
    found = _PERIOD.fullmatch(period)
    if found is None:
        raise InputError(f"{period!r} is no period: write a month (2025-12) or a half-year (2025-H1, 2025-H2).")
    year, part = found.groups()
    if part in ("H1", "H2"):
        first = 1 if part == "H1" else 7
        return tuple(f"{year}-{month:02d}" for month in range(first, first + 6))
    return (period,)


def _before(period: str) -> str:
    """The period of the same length before."""
    year, part = period.split("-")
    if part in ("H1", "H2"):
        return f"{int(year) - 1:04d}-H2" if part == "H1" else f"{year}-H1"
    return f"{int(year) - 1:04d}-12" if part == "01" else f"{year}-{int(part) - 1:02d}"


def leaked(counts: Counts) -> int:
    """Messages that a first gate should have stopped, or that came past none."""
    return sum(counts.leaks.values()) + counts.no_gate


def leaks_ppm(counts: Counts) -> int:
    """Leaks per million messages on the termination leg; 0 where there were none."""
    return leaked(counts) * 1_000_000 // counts.termination if counts.termination else 0


def _sums(rows: Iterable[LedgerRow], months: tuple[str, ...], subject: str | None) -> dict[str, Counts]:
    from streams.engine.booking import add

    found: dict[str, Counts] = {}
    for row in rows:
        if row.month in months and subject in (None, row.subject):
            held = found.get(row.subject)
            found[row.subject] = row.counts if held is None else add(held, row.counts)
    return found


def _by_month(rows: Iterable[LedgerRow], months: tuple[str, ...], subject: str) -> dict[str, dict[str, int]]:
    """The course of a period: leaks and leaks per million of each month of which there is a row."""
    return {
        row.month: {"leaked": leaked(row.counts), "leaks_ppm": leaks_ppm(row.counts)}
        for row in sorted(rows, key=lambda row: row.month)
        if row.subject == subject and row.month in months
    }


def _totals(sums: dict[str, Counts]) -> dict[str, Counts]:
    """Kind → the sum over its subjects. Several resellers of one chain count a message each."""
    from streams.engine.booking import add

    found: dict[str, Counts] = {}
    for name, counts in sums.items():
        kind = name.partition(":")[0]
        found[kind] = add(found[kind], counts) if kind in found else counts
    return found


def _began(rows: Iterable[SanctionRow], months: tuple[str, ...]) -> dict[str, int]:
    """Subject → sanctions that began in one of the months (UTC)."""
    from streams.engine.booking import month_of

    return {row.subject: sum(month_of(e.from_ms, "UTC") in months for e in row.timeline) for row in rows}


def _rows(connection: Any, entity: str) -> list[Any]:
    """What stands on a compacted topic now."""
    import msgspec

    from streams.cli.kafka import read_to_end
    from streams.contracts.topics import RECORDS

    decode = msgspec.json.Decoder(RECORDS[entity]).decode
    held = {letter.key: letter.value for letter in read_to_end(connection, (entity,))}
    return [decode(value) for value in held.values() if value is not None]


def _table(shown: list[dict[str, Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for name in ("who", "first gate", "blocked", "second gate", "leaked", "no gate", "per million", "trend", "reports",
                 "sanctions", "leaked most"):  # fmt: skip
        table.add_column(name, justify="left" if name in ("who", "leaked most") else "right", overflow="fold")
    for row in shown:
        counts: Counts = row["counts"]
        most = max(counts.leaks, key=lambda reason: counts.leaks[reason], default="-")
        trend = "-" if row["trend_ppm"] is None else f"{row['trend_ppm']:+,}"
        numbers = (
            counts.origination, counts.blocked_origination, counts.termination, sum(counts.leaks.values()),
            counts.no_gate, row["leaks_ppm"],
        )  # fmt: skip
        table.add_row(
            row["subject"], *(f"{n:,}" for n in numbers), trend, f"{counts.reports:,}", f"{row['sanctions']:,}", most
        )
    out().print(table)
