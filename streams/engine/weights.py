"""Reporters' weights: what a person's report counts, by how the earlier ones fared.

Published, so that anybody can compute it: with c outcomes that confirmed and o that overturned, recorded at least one
epoch before the report, `1000 * (prior + c) / (prior + c + cost * o)` permille, never below the floor. Who has no
history weighs 1000. After an erasure the weight starts at the floor and each confirmed outcome gives `regain` back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from streams.contracts.appeals import Outcome
from streams.contracts.reports import Report
from streams.engine.epochs import epoch_of
from streams.engine.pack import Pack


def weight(outcomes: Iterable[Outcome], at_ms: int, pack: Pack) -> int:
    """In permille, for a report ingested at a time. The same outcome twice counts once."""
    rules, epoch = pack.reporters, epoch_of(at_ms, pack.epoch_ms)
    known = {o.outcome_id: o for o in outcomes if epoch_of(o.recorded_at_ms, pack.epoch_ms) < epoch}
    erased_ms = max((o.recorded_at_ms for o in known.values() if o.erased), default=None)
    counted = [
        o for o in known.values() if not o.erased and (erased_ms is None or o.recorded_at_ms > erased_ms)
    ]  # fmt: skip
    overturned = sum(o.overturned for o in counted)
    confirmed = len(counted) - overturned
    good = rules.prior + confirmed
    found = 1000 * good // (good + rules.cost * overturned)
    if erased_ms is not None:
        found = min(found, rules.floor_permille + rules.regain_permille * confirmed)
    return max(rules.floor_permille, found)


def weighed(report: Report, reporter: str, outcomes_of: Callable[[str], Iterable[Outcome]], pack: Pack) -> Report:
    """The report with its weight: its reporter's, or its group's where that is less. Never more than it came with."""
    voters = [reporter] if report.reporter_group is None else [reporter, f"g:{report.reporter_group}"]
    found = min(weight(outcomes_of(voter), report.ingested_at_ms, pack) for voter in voters)
    return msgspec.structs.replace(report, weight_permille=min(found, report.weight_permille))
