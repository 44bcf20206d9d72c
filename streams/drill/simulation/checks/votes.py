"""Votes: a report id counts once, against whom the rows said when it was handled."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from streams.contracts.reports import Report
from streams.contracts.reputation import Vote
from streams.drill.simulation.checks.views import Views
from streams.drill.simulation.cluster import KEYS, policies
from streams.drill.simulation.errors import Broken
from streams.drill.simulation.log import Record
from streams.engine.attribution import ReportRefused, attribute

if TYPE_CHECKING:
    from streams.drill.simulation.schedule import Played

_VOTE, _REPORT = msgspec.json.Decoder(Vote), msgspec.json.Decoder(Report)


def votes(played: Played) -> set[Vote]:
    """All votes, those sent twice once."""
    return {_VOTE.decode(r.value or b"") for _, r in played.cluster.log.every("votes")}


def _refused(played: Played, record: Record) -> None:
    dead = [(r.key, dict(r.headers)["reason"]) for _, r in played.cluster.log.every("reports.dead")]
    if (record.key, b"NOT_A_REPORT") not in dead:
        raise Broken(f"dead letters: {record.key!r} is no report, and lost")


def check(played: Played) -> None:
    """Each report's votes are those of its handlings; those of the last must be there."""
    cluster = played.cluster
    views, rules = Views(cluster.log), policies()
    found: dict[str, set[Vote]] = defaultdict(set)
    for vote in votes(played):
        found[vote.report_id].add(vote)
    first: set[str] = set()
    for partition, record in cluster.log.every("reports"):
        if record.value == b"{":
            _refused(played, record)
            continue
        report = _REPORT.decode(record.value or b"")
        if report.report_id in first:
            continue
        first.add(report.report_id)
        handled = cluster.judged[partition, record.offset]
        if not handled:
            raise Broken(f"votes: {report.report_id} was never handled")
        possible: list[set[Vote]] = []
        for offsets in handled:
            try:
                possible.append(set(attribute(report, views.at(offsets), rules, KEYS)))
            except ReportRefused:
                possible.append(set())
        here = found.pop(report.report_id, set())
        if missing := possible[-1] - here:
            raise Broken(f"votes: lost {missing}")
        if foreign := here - set().union(*possible):
            raise Broken(f"votes: {foreign} follow from no handling of {report.report_id}")
    if found:
        raise Broken(f"votes: of no report {found}")
