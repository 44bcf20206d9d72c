"""The sanction agent's step: a finding → the subject's row, the notices it owes, and what votes are spent by it."""

from __future__ import annotations

import hashlib
from typing import Literal, NamedTuple

import msgspec

from streams.contracts.appeals import Notice, NoticeKind, Review
from streams.contracts.reputation import AppealState, Finding, SanctionEntry, SanctionRow
from streams.engine.appealing import hear
from streams.engine.epochs import effect_of, epoch_of
from streams.engine.pack import Pack
from streams.engine.releasing import CONFIRMED, OVERTURNED
from streams.engine.reputation import STRICTNESS
from streams.engine.sanctioning import REGULATOR, WITHDRAWN, FindingRefused, impose, may_lift

#: Kinds of subjects that somebody answers for; nobody is told about a campaign.
PARTIES = ("sender", "account", "reseller", "relay")
_WHY_AFTER = {
    "tally": "counts of reports act at once",
    "behaviour": "what traffic shows acts at once",
    "directive": "an order acts from its own date",
}
#: What an appeal's or a review's decision says of the reporters behind the sanction; of all others nothing.
_RESULTS: dict[str, Literal["overturned", "confirmed"]] = {
    "APPEAL_UPHELD": "overturned", "APPEAL_REFUSED": "confirmed",
    OVERTURNED: "overturned", CONFIRMED: "confirmed",
}  # fmt: skip


class Consequences(NamedTuple):
    """What a finding comes to, as it counts. All of it is repeated, equal, when the finding comes again."""

    row: SanctionRow
    notices: tuple[Notice, ...]
    review: Review | None
    finding: Finding


def act_on(row: SanctionRow | None, finding: Finding, pack: Pack) -> Consequences:
    """Act on a finding, under the policy of when it was recorded. Raises FindingRefused; nothing is done then."""
    if finding.releases is None and (finding.step == "RELIEF") is not finding.subject.startswith("pair:"):
        raise FindingRefused("NOT_A_RELIEF", "a relief stands on a pair, and nothing else does")
    if finding.source == "appeal":
        after = hear(row, finding, pack)
        return Consequences(after, _appeal_notices(after, finding), _review(finding, pack), finding)
    if finding.source == "review":
        after = _reviewed(row, finding)
        return Consequences(after, _notices(after, finding, None, pack), _review(finding, pack), finding)
    if finding.source == "owner":
        finding = _as_first_said(row, finding)
    if finding.source == "person":
        finding = _of_person(finding, pack)
    until = _appeal_until(finding, pack)
    after = impose(row, finding, until)
    return Consequences(after, _notices(after, finding, until, pack), _review(finding, pack), finding)


def overdue(subject: str, entry: SanctionEntry, appeal: AppealState) -> Notice:
    """The notice that an appeal should have been decided by now."""
    return _about(subject, entry, "appeal_overdue", appeal.decide_by_ms, appeal)


def _reviewed(row: SanctionRow | None, finding: Finding) -> SanctionRow:
    """The row after a review of releases: overturned, the sanction ends; confirmed, it stays. Raises FindingRefused."""
    timeline = row.timeline if row is not None else ()
    held = [e for e in timeline if e.sanction_id == finding.sanction_id and e.version > 0]
    if row is None or not held:
        raise FindingRefused("NO_SUCH_SANCTION", f"{finding.sanction_id} is not held for this subject")
    imposed_by = max(held, key=lambda e: e.version).authority
    if not may_lift(finding.authority, imposed_by):
        raise FindingRefused("NOT_ITS_AUTHORITY", f"imposed by {imposed_by}, so {finding.authority} can't decide on it")
    return row if finding.releases is None else impose(row, finding)


def _of_person(finding: Finding, pack: Pack) -> Finding:
    """A person's order as it counts: two epochs on, announced in time or said to be urgent. Raises FindingRefused."""
    if finding.authority == REGULATOR:
        raise FindingRefused("ORDER_OF_THE_REGULATOR", "the regulator orders by `directives`, with a reference")
    earliest = effect_of(epoch_of(finding.recorded_at_ms, pack.epoch_ms), pack.epoch_ms)
    finding = msgspec.structs.replace(finding, from_ms=max(finding.from_ms, earliest))
    if finding.releases is not None:
        if finding.clears_through_epoch is not None:
            return finding
        return msgspec.structs.replace(
            finding, clears_through_epoch=epoch_of(finding.recorded_at_ms, pack.epoch_ms)
        )  # fmt: skip
    if finding.step == "TEMP_BLOCK" and finding.to_ms is None:
        raise FindingRefused("NO_END", "a temporary block has an end; without one it is a BLOCK")
    if finding.to_ms is not None and finding.to_ms <= finding.from_ms:
        raise FindingRefused("OVER_BEFORE_IT_COUNTS", "it would end before it takes effect")
    ahead = finding.from_ms - finding.recorded_at_ms
    if STRICTNESS[finding.step] >= STRICTNESS["THROTTLE"] and ahead < pack.appeals.notice_ms and not finding.urgent:
        raise FindingRefused("NOTICE_TOO_SHORT", "not announced in time; say why it is urgent, or begin later")
    return finding


def _as_first_said(row: SanctionRow | None, finding: Finding) -> Finding:
    """A match is found again with every epoch and after every restart; what counts is when it was found first."""
    held = [] if row is None else [e for e in row.timeline if e.sanction_id == finding.finding_id and e.version > 0]
    if not held:
        return finding
    first = min(held, key=lambda e: e.recorded_at_ms)
    return msgspec.structs.replace(finding, from_ms=first.from_ms, recorded_at_ms=first.recorded_at_ms)


def _appeal_until(finding: Finding, pack: Pack) -> int | None:
    if finding.releases is not None or not _told(finding):
        return None
    return max(finding.from_ms, finding.recorded_at_ms) + pack.appeals.appeal_ms


def _told(finding: Finding) -> bool:
    # Not every step is a sanction: what only observes or relieves owes nobody a notice.
    return finding.step in ("WARN", "THROTTLE", "TEMP_BLOCK", "BLOCK")


def _notices(after: SanctionRow, finding: Finding, until: int | None, pack: Pack) -> tuple[Notice, ...]:
    if finding.subject.partition(":")[0] not in PARTIES:
        return ()
    if finding.releases is not None:
        held = [e for e in after.timeline if e.sanction_id == finding.releases and e.version > 0]
        if held:
            entry = max(held, key=lambda e: e.version)
            at_ms, ends_ms = finding.recorded_at_ms, finding.from_ms
            return (_about(finding.subject, entry, "ended", at_ms, None, finding.reference, ends_ms),)
        return (_withdrawn(finding),) if finding.reason == WITHDRAWN else ()
    if not _told(finding):
        return ()
    before = finding.from_ms - finding.recorded_at_ms >= pack.appeals.notice_ms > 0
    kind: NoticeKind = "before" if before else "after"
    why = "" if before else finding.urgent or _WHY_AFTER.get(finding.source, "no notice period is required")
    again = finding.version if finding.source in ("directive", "person") and finding.version > 1 else None
    return (
        Notice(
            notice_id=notice_id(finding.finding_id, kind, again),
            subject=finding.subject,
            sanction_id=finding.finding_id,
            kind=kind,
            step=finding.step,
            scope=finding.scope,
            from_ms=finding.from_ms,
            to_ms=finding.to_ms,
            reason=finding.reason,
            authority=finding.authority,
            why_after=why,
            reference=finding.reference,
            appeal_until_ms=until,
            recorded_at_ms=finding.recorded_at_ms,
        ),
    )


def _withdrawn(finding: Finding) -> Notice:
    sanction_id = finding.releases or ""
    return Notice(
        notice_id=notice_id(sanction_id, "withdrawn"),
        subject=finding.subject,
        sanction_id=sanction_id,
        kind="withdrawn",
        step=finding.step,
        from_ms=finding.from_ms,
        reason=finding.reason,
        authority=finding.authority,
        recorded_at_ms=finding.recorded_at_ms,
    )


def _appeal_notices(after: SanctionRow, finding: Finding) -> tuple[Notice, ...]:
    kinds: dict[str, NoticeKind] = {
        "APPEAL_FILED": "appeal_filed", "APPEAL_UPHELD": "appeal_upheld", "APPEAL_REFUSED": "appeal_refused",
    }  # fmt: skip
    entry, appeal = next((e, a) for e in after.timeline for a in e.appeals if a.appeal_id == finding.appeal_id)
    kind, at_ms = kinds[finding.reason], finding.recorded_at_ms
    ends_ms = finding.from_ms if finding.releases is not None else None
    return (_about(finding.subject, entry, kind, at_ms, appeal, finding.reference, ends_ms),)


def _about(
    subject: str, entry: SanctionEntry, kind: NoticeKind, at_ms: int, appeal: AppealState | None, reference: str = "",
    ends_ms: int | None = None,
) -> Notice:  # fmt: skip
    """A notice on a sanction that stands. Of the entry it says only what no later finding changes, so that it is the
    same when it is said again after a decision."""
    open_appeal = appeal is not None and kind in ("appeal_filed", "appeal_overdue")
    return Notice(
        notice_id=notice_id(entry.sanction_id, kind, appeal.appeal_id if appeal is not None else None),
        subject=subject,
        sanction_id=entry.sanction_id,
        kind=kind,
        step=entry.step,
        scope=entry.scope,
        from_ms=entry.from_ms,
        to_ms=ends_ms,
        reason=entry.reason,
        authority=entry.authority,
        reference=reference,
        appeal_id=appeal.appeal_id if appeal is not None else None,
        appeal_until_ms=entry.appeal_until_ms,
        decide_by_ms=appeal.decide_by_ms if appeal is not None and open_appeal else None,
        recorded_at_ms=at_ms,
    )


def _review(finding: Finding, pack: Pack) -> Review | None:
    """What the tally has to know: which votes are spent, and whether an appeal proved them wrong."""
    sanction_id = finding.sanction_id or finding.releases
    epoch = finding.clears_through_epoch
    result: Literal["overturned", "confirmed", "lifted"] = "lifted"
    if finding.source in ("appeal", "review"):
        result = _RESULTS.get(finding.reason, "lifted")
    if result == "confirmed":
        epoch = epoch_of(finding.recorded_at_ms, pack.epoch_ms)
    if sanction_id is None or epoch is None or finding.subject.startswith("pair:"):  # nobody votes on a pair
        return None
    return Review(
        review_id=finding.finding_id,
        subject=finding.subject,
        sanction_id=sanction_id,
        result=result,
        epoch=epoch,
        recorded_at_ms=finding.recorded_at_ms,
    )


def notice_id(sanction_id: str, kind: str, of: str | int | None = None) -> str:
    """20 hex digits of H(sanction_id, kind), and of what else there may be several of."""
    named = f"notice/{sanction_id}/{kind}" + ("" if of is None else f"/{of}")
    return hashlib.sha256(named.encode("utf-8", "replace")).hexdigest()[:20]
