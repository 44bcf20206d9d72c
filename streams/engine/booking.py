"""The ledger's arithmetic: what a decision or a report adds for whom, and how bookings add up.

A leak is booked against the relay, every reseller of the chain and the carrier that the relay connects: each of them
handed the message on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from streams.contracts.decisions import Decision
from streams.contracts.ledger import Booking, Counts, LedgerRow
from streams.contracts.messages import Leg, Route, Verdict
from streams.contracts.registry import RelayRow
from streams.engine.subjects import carrier_subjects
from streams.engine.timeline import current
from streams.engine.view import View

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER_MS = 900_000
#: The first and the last quarter of an hour that calendars go to, with a day to spare.
_FIRST, _LAST = -62_000_000_000 // 900, 253_000_000_000 // 900
NO_GATE = "no_gate"
#: More outputs of the report agent than this are never on their way for one partition and subject.
MAX_BEYOND = 128
#: (relay, the other subjects, leg, verdict, leak, month) → decisions.
Handed = dict[tuple[str | None, tuple[str, ...], Leg, Verdict, str | None, str], int]
#: (subject, month) → what was counted, by word: a leg, `blocked_<leg>`, `leak:<reason>`, `no_gate`, `reports`.
Books = dict[tuple[str, str], Counter[str]]


def month_of(at_ms: int, time_zone: str) -> str:
    """The month of a time, e.g. 2025-12. Beyond the years 1 to 9999 the nearest month in them."""
    return _month(at_ms // _QUARTER_MS, time_zone)  # zones shift by 15 minutes


@lru_cache(maxsize=4096)
def _month(quarter: int, time_zone: str) -> str:
    at = (_EPOCH + timedelta(seconds=900 * max(_FIRST, min(quarter, _LAST)))).astimezone(ZoneInfo(time_zone))
    return f"{at.year:04d}-{at.month:02d}"


def carriers_of(subjects: Iterable[str]) -> list[str]:
    """Those of the subjects that carried the message: its relay, resellers, and the carrier that the relay connects."""
    return [s for s in subjects if s.startswith(("relay:", "reseller:", "carrier:"))]


def handed(decision: Decision, month: str, counts: Handed) -> None:
    """Count a decision (in place) among those that are booked alike: `booked` then looks at each kind once."""
    kind = (decision.route.relay_id, decision.subjects, decision.leg, decision.verdict, decision.leak, month)
    counts[kind] = counts.get(kind, 0) + 1


def booked(counts: Handed) -> Books:
    """The books of the decisions counted."""
    books: Books = {}
    for (relay, subjects, leg, verdict, leak, month), count in counts.items():
        words: list[str] = [leg]
        if verdict == "BLOCK":
            words.append(f"blocked_{leg}")
        if leak is not None:
            words.append(NO_GATE if leak == NO_GATE else f"leak:{leak}")
        for subject in carriers_of(subjects if relay is None else (*subjects, f"relay:{relay}")):
            counted = books.setdefault((subject, month), Counter())
            for word in words:
                counted[word] += count
    return books


def counts_of(counted: Counter[str]) -> Counts:
    """The words of the books as a record."""
    return Counts(
        origination=counted["origination"],
        termination=counted["termination"],
        blocked_origination=counted["blocked_origination"],
        blocked_termination=counted["blocked_termination"],
        leaks={w.removeprefix("leak:"): n for w, n in sorted(counted.items()) if w.startswith("leak:")},
        no_gate=counted[NO_GATE],
        reports=counted["reports"],
    )


def carried_by(route: Route, view: View, at_ms: int) -> list[str]:
    """The relay and resellers of a route, and the carrier that the relay's row names at a time, as subjects."""
    found = [f"reseller:{name}" for name in route.chain]
    if route.relay_id is None:
        return found
    row = view.row(f"relay:{route.relay_id}")
    entry = current(row.timeline, at_ms) if isinstance(row, RelayRow) else None
    return [f"relay:{route.relay_id}", *found, *carrier_subjects(entry)]


def book(row: LedgerRow | None, booking: Booking) -> LedgerRow:
    """The row after a booking; a redelivered one changes nothing."""
    held = LedgerRow(subject=booking.subject, month=booking.month) if row is None else row
    place = f"{booking.source}/{booking.partition}"
    through, beyond = held.counted.get(place, 0), held.beyond.get(place, ())
    if booking.first_offset < through or booking.first_offset in beyond:
        return held
    if booking.source == "reports":
        # An agent's outputs may overtake each other: what came is remembered one by one, the oldest as a bound.
        beyond = tuple(sorted((*beyond, booking.first_offset)))
        if len(beyond) > MAX_BEYOND:
            through, beyond = beyond[0] + 1, beyond[1:]
    else:
        through = booking.next_offset
    return LedgerRow(
        subject=held.subject,
        month=held.month,
        counts=add(held.counts, booking.counts),
        counted={**held.counted, place: through} if through else held.counted,
        beyond={**held.beyond, place: beyond} if beyond else held.beyond,
    )


def add(one: Counts, other: Counts) -> Counts:
    """The sum."""
    leaks = Counter(one.leaks)
    leaks.update(other.leaks)
    return Counts(
        origination=one.origination + other.origination,
        termination=one.termination + other.termination,
        blocked_origination=one.blocked_origination + other.blocked_origination,
        blocked_termination=one.blocked_termination + other.blocked_termination,
        leaks=dict(sorted(leaks.items())),
        no_gate=one.no_gate + other.no_gate,
        reports=one.reports + other.reports,
    )
