"""A subject's whole history in plain words, from the records that stand about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from streams.contracts.appeals import Appeal, Notice, Outcome, Review
from streams.contracts.releases import ReleaseReview
from streams.contracts.reputation import Finding, SanctionEntry, SanctionRow, Vote
from streams.engine.releasing import CONFIRMED
from streams.engine.reputation import paused
from streams.engine.tally import DAY
from streams.engine.timeline import all_current
from streams.replay.explain import time_of


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, when it was recorded, and what it says. ref: sanction, appeal or notice."""

    at_ms: int
    what: str
    sentence: str
    ref: str = ""


class Sources(NamedTuple):
    """Everything on the topics about one subject, in any order, with repeats."""

    votes: Sequence[Vote] = ()
    findings: Sequence[Finding] = ()
    history: Sequence[SanctionRow] = ()
    notices: Sequence[Notice] = ()
    appeals: Sequence[Appeal] = ()
    reviews: Sequence[Review] = ()
    outcomes: Sequence[Outcome] = ()
    released: Sequence[ReleaseReview] = ()


class CaseFile(msgspec.Struct, frozen=True, kw_only=True):
    """now: the sanctions that stand at `as_of_ms`; row: as gates see it; votes: reports, reporters, by basis."""

    subject: str
    as_of_ms: int
    events: tuple[Event, ...]
    now: tuple[str, ...]
    votes: dict[str, dict[str, int]]
    row: SanctionRow | None = None


def case_file(subject: str, row: SanctionRow | None, sources: Sources, as_of_ms: int) -> CaseFile:
    """Put it together; what stands in the topics twice is told once."""
    events = [
        *_votes(sources.votes), *_findings(sources.findings, row), *_notices(sources.notices),
        *_appeals(sources.appeals), *_reviews(sources.reviews, sources.outcomes), *_ends(sources.history, as_of_ms),
        *_released(sources.released),
    ]  # fmt: skip
    told = sorted(set((e.at_ms, e.what, e.sentence, e.ref) for e in events))
    return CaseFile(
        subject=subject,
        as_of_ms=as_of_ms,
        events=tuple(Event(at_ms=at, what=what, sentence=said, ref=ref) for at, what, said, ref in told),
        now=tuple(_standing(row, as_of_ms)),
        votes=_counts(sources.votes),
        row=row,
    )


def _counts(votes: Sequence[Vote]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for basis in sorted({v.basis for v in votes}):
        cast = {v.report_id: v for v in votes if v.basis == basis}
        found[basis] = {"reports": len(cast), "reporters": len({v.group or v.reporter for v in cast.values()})}
    return found


def _votes(votes: Sequence[Vote]) -> list[Event]:
    """One line for each day, by ingest."""
    days: dict[int, dict[str, Vote]] = {}
    for vote in votes:
        days.setdefault(vote.ingested_at_ms // DAY, {})[vote.report_id] = vote
    found: list[Event] = []
    for cast in days.values():
        last = max(v.ingested_at_ms for v in cast.values())
        people = len({v.group or v.reporter for v in cast.values()})
        kinds = ", ".join(sorted({v.category for v in cast.values()}))
        sentence = f"{_number(len(cast), 'report')} of {_number(people, 'reporter')} came in that day ({kinds})."
        found.append(Event(at_ms=last, what="reports", sentence=sentence))
    return found


def _findings(findings: Sequence[Finding], row: SanctionRow | None) -> list[Event]:
    return [_finding(f) for f in findings if f.source != "appeal" and f.reason != CONFIRMED]


def _finding(finding: Finding) -> Event:
    who = {
        "tally": "Counting the reports", "directive": f"An order of the {finding.authority}",
        "person": f"A person in the name of {finding.authority}", "breaker": "The breaker",
        "review": f"A review in the name of {finding.authority}",
    }.get(finding.source, finding.source)  # fmt: skip
    order = f", order {finding.reference}" if finding.reference else ""
    if finding.releases is not None:
        verb = "took back" if finding.reason == "WITHDRAWN" else "ended"
        sentence = f"{who} {verb} it, from {time_of(finding.from_ms)} on{order}."
        return Event(at_ms=finding.recorded_at_ms, what="release", sentence=sentence, ref=finding.releases)
    counts = ", ".join(f"{name}: {count}" for name, count in sorted(finding.counts.items()))
    until = "until it is lifted" if finding.to_ms is None else f"until {time_of(finding.to_ms)}"
    sentence = (
        f"{who} led to {finding.step}{_part(finding)} for {finding.reason}{f' ({counts})' if counts else ''}, "
        f"from {time_of(finding.from_ms)} {until}{order}."
    )
    return Event(at_ms=finding.recorded_at_ms, what="finding", sentence=sentence, ref=finding.finding_id)


def _part(of: Finding | SanctionEntry) -> str:
    scope = of.scope
    parts = [f"{leg} leg" for leg in scope.legs] + list(scope.channels)
    parts += ["advertising only"] if scope.purpose else []
    parts += [f"{of.share_permille} of 1000 messages"] if of.step == "THROTTLE" else []
    return f" ({', '.join(parts)})" if parts else ""


_KINDS = {
    "before": "The subject was told in advance",
    "after": "The subject was told afterwards",
    "withdrawn": "The subject was told that the sanction was taken back",
    "ended": "The subject was told that the sanction ends",
    "appeal_filed": "The subject was told that its appeal has come in",
    "appeal_upheld": "The subject was told that its appeal was upheld",
    "appeal_refused": "The subject was told that its appeal was refused",
    "appeal_overdue": "The appeal was not decided in time; the subject was told",
}


def _notices(notices: Sequence[Notice]) -> list[Event]:
    return [
        Event(
            at_ms=n.recorded_at_ms, what="notice", ref=n.notice_id,
            sentence=_KINDS[n.kind] + (f", because {n.why_after}" if n.why_after else "") + ".",
        )
        for n in notices
    ]  # fmt: skip


def _appeals(appeals: Sequence[Appeal]) -> list[Event]:
    said = {
        "file": "An appeal against {s} was handed in; evidence: {e}.",
        "uphold": "The {a} said that the appeal against {s} is right; grounds: {e}.",
        "refuse": "The {a} said that the appeal against {s} is not right; grounds: {e}.",
    }
    return [
        Event(
            at_ms=a.recorded_at_ms, what="appeal", ref=a.appeal_id,
            sentence=said[a.act].format(s=a.sanction_id, e=a.evidence, a=a.authority),
        )
        for a in appeals
    ]  # fmt: skip


def _reviews(reviews: Sequence[Review], outcomes: Sequence[Outcome]) -> list[Event]:
    found: list[Event] = []
    for review in reviews:
        voters = {o.reporter for o in outcomes if o.sanction_id == review.sanction_id}
        said = {
            "overturned": f"The votes until then don't count again; {_number(len(voters), 'reporter')} were wrong.",
            "confirmed": f"The sanction was confirmed; {_number(len(voters), 'reporter')} were right.",
            "lifted": "The votes until then don't count again; nobody was said to be wrong.",
        }[review.result]
        found.append(Event(at_ms=review.recorded_at_ms, what="review", sentence=said, ref=review.sanction_id))
    return found


def _released(reviews: Sequence[ReleaseReview]) -> list[Event]:
    """Of what recipients released: the opening of a review as it was first said, and what a person decided."""
    first = {r.review_id: r for r in reversed(reviews)}
    found = [
        Event(
            at_ms=r.opened_at_ms, what="release_review", ref=r.review_id,
            sentence=f"{_number(r.releasers, 'recipient')} had released its messages: a person has to look.",
        )
        for r in first.values()
    ]  # fmt: skip
    said = {
        "overturned": "The {a} looked: holding its messages was wrong; grounds: {g}.",
        "confirmed": "The {a} looked: holding its messages was right; grounds: {g}.",
    }
    found += [
        Event(
            at_ms=r.decided_at_ms, what="release_review", ref=r.review_id,
            sentence=said[r.outcome].format(a=r.authority, g=r.grounds),
        )
        for r in reviews
        if r.outcome is not None and r.decided_at_ms is not None
    ]  # fmt: skip
    return found


def _ends(history: Sequence[SanctionRow], as_of_ms: int) -> list[Event]:
    """The ends of sanctions as the newest version of each says them."""
    newest: dict[tuple[str, int], SanctionEntry] = {}
    for row in history:
        for entry in row.timeline:
            newest[entry.sanction_id, entry.version] = entry
    return [
        Event(at_ms=e.to_ms, what="end", sentence=f"{e.step} for {e.reason} was over.", ref=e.sanction_id)
        for e in newest.values()
        if e.to_ms is not None and e.from_ms < e.to_ms <= as_of_ms and e.step != "OBSERVE"
    ]


def _standing(row: SanctionRow | None, as_of_ms: int) -> list[str]:
    if row is None:
        return []
    return [_now(entry, as_of_ms) for entry in all_current(row.timeline, as_of_ms)]


def _now(entry: SanctionEntry, as_of_ms: int) -> str:
    until = "until it is lifted" if entry.to_ms is None else f"until {time_of(entry.to_ms)}"
    held = f"{entry.sanction_id}: {entry.step}{_part(entry)} for {entry.reason}, {until}, by {entry.authority}"
    if paused(entry, as_of_ms):
        held += "; suspended by an appeal"
    for appeal in entry.appeals:
        if appeal.outcome is None:
            late = " and overdue" if appeal.decide_by_ms <= as_of_ms else ""
            held += f"; appeal {appeal.appeal_id} is open{late}, to be decided by {time_of(appeal.decide_by_ms)}"
        else:
            held += f"; appeal {appeal.appeal_id} was {appeal.outcome}"
    return held + "."


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
