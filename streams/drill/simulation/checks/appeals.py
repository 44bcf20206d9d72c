"""Appeals: each is heard once, each notice says one thing, and what is overdue was said to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from streams.contracts.appeals import Closed, Notice, Review
from streams.contracts.reputation import Finding, SanctionRow
from streams.drill.simulation.errors import Broken
from streams.drill.simulation.log import Log
from streams.drill.simulation.world import EPOCH_MS
from streams.engine.appealing import open_appeals
from streams.engine.consequences import act_on, overdue
from streams.engine.policy import Policy
from streams.engine.sanctioning import FindingRefused

if TYPE_CHECKING:
    from streams.drill.simulation.schedule import Played

_FINDING = msgspec.json.Decoder(Finding)
_NOTICE = msgspec.json.Decoder(Notice)
_REVIEW = msgspec.json.Decoder(Review)
_CLOSED = msgspec.json.Decoder(Closed)
_ROW = msgspec.json.Decoder(SanctionRow)


class Heard(NamedTuple):
    """Persons' orders and appeals that count, in the order of the log, and what they come to."""

    orders: list[Finding]
    appeals: list[Finding]
    notices: dict[str, Notice]
    reviews: list[Review]


def heard(log: Log, policy: Policy) -> Heard:
    """Each finding of a person or an appeal once, as it came first, on rows that hold nothing else."""
    found: dict[str, Finding] = {}
    for _, record in log.every("findings"):
        finding = _FINDING.decode(record.value or b"")
        if finding.source in ("person", "appeal"):
            found.setdefault(finding.finding_id, finding)
    made = Heard([], [], {}, [])
    rows: dict[str, SanctionRow] = {}
    for finding in found.values():
        try:
            done = act_on(rows.get(finding.subject), finding, policy.pack)
        except FindingRefused:
            continue
        rows[finding.subject] = done.row
        (made.orders if finding.source == "person" else made.appeals).append(finding)
        made.notices.update({n.notice_id: n for n in done.notices})
        made.reviews.extend([] if done.review is None else [done.review])
    return made


def check(played: Played, rows: dict[str, SanctionRow], heard: Heard) -> None:
    """Notices and reviews on the topics are the model's."""
    log = played.cluster.log
    said: dict[str, Notice] = {}
    for _, record in log.every("notices"):
        notice = _NOTICE.decode(record.value or b"")
        first = said.setdefault(notice.notice_id, notice)
        if first != notice and first.reason == notice.reason:  # a longer window may be found later
            raise Broken(f"appeals: two notices under one id: {notice} and {first}")
    must, may = _overdue(log, rows)
    wanted = {**heard.notices, **must}
    for name, notice in wanted.items():
        if said.get(name) != notice:
            raise Broken(f"appeals: {said.get(name)} was said, the model has {notice}")
    late = {name for name, notice in said.items() if notice.kind == "appeal_overdue"} - may
    decided = {(a.appeal_id) for row in rows.values() for e in row.timeline for a in e.appeals if a.outcome is not None}
    if any(said[name].appeal_id not in decided for name in late):
        raise Broken(f"appeals: {late} were said to be overdue and are not")
    reviews = {(r := _REVIEW.decode(record.value or b"")).review_id: r for _, record in log.every("reviews")}
    if reviews != {r.review_id: r for r in heard.reviews}:
        raise Broken(f"appeals: reviews are {reviews}, the model has {heard.reviews}")


def _overdue(log: Log, rows: dict[str, SanctionRow]) -> tuple[dict[str, Notice], set[str]]:
    """What must have been said to be overdue, and the ids of all that may have been: due in an epoch that its own
    partition was told is closed. It must, if it was told after the appeal stood there: one that is filed later is said
    with the next epoch."""
    closed = [(p, record.at, _CLOSED.decode(record.value or b"").epoch) for p, record in log.every("epochs")]
    must: dict[str, Notice] = {}
    may: set[str] = set()
    for subject, row in rows.items():
        for entry, appeal in open_appeals(row):
            where, since = _stands(log, subject, appeal.appeal_id)
            told = [at for p, at, epoch in closed if p == where and appeal.decide_by_ms <= (epoch + 1) * EPOCH_MS]
            notice = overdue(subject, entry, appeal)
            if told:
                may.add(notice.notice_id)
            if told and max(told) > since:
                must[notice.notice_id] = notice
    return must, may


def _stands(log: Log, subject: str, appeal_id: str) -> tuple[int, int]:
    """In which partition of `sanctions` an appeal that is open stands, and since when."""
    for partition, record in log.every("sanctions"):
        if record.key == subject.encode():
            row = _ROW.decode(record.value or b"")
            if any(appeal.appeal_id == appeal_id for _, appeal in open_appeals(row)):
                return partition, record.at
    raise Broken(f"appeals: {appeal_id} of {subject} stands nowhere")
