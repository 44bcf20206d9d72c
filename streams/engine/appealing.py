"""Appeals: a sanction's subject objects, the clock runs in epochs, and who imposed it answers."""

from __future__ import annotations

import hashlib

import msgspec

from streams.contracts.appeals import Appeal
from streams.contracts.reputation import AppealState, Finding, SanctionEntry, SanctionRow
from streams.engine.epochs import effect_of, epoch_of, start_of
from streams.engine.pack import Pack
from streams.engine.sanctioning import REGULATOR, FindingRefused, ended, may_lift, row_of

_REASONS = {"file": "APPEAL_FILED", "uphold": "APPEAL_UPHELD", "refuse": "APPEAL_REFUSED"}


def finding_of(appeal: Appeal, epoch_ms: int) -> Finding:
    """What the sanction agent is told of a filing or a decision; it counts from two epochs on."""
    epoch = epoch_of(appeal.recorded_at_ms, epoch_ms)
    named = f"appeal/{appeal.appeal_id}/{appeal.act}/{appeal.recorded_at_ms}".encode("utf-8", "replace")
    return Finding(
        subject=appeal.subject,
        finding_id=hashlib.sha256(named).hexdigest()[:20],
        source="appeal",
        step="OBSERVE",
        from_ms=effect_of(epoch, epoch_ms),
        recorded_at_ms=appeal.recorded_at_ms,
        reason=_REASONS[appeal.act],
        authority=appeal.authority,
        releases=appeal.sanction_id if appeal.act == "uphold" else None,
        sanction_id=appeal.sanction_id,
        appeal_id=appeal.appeal_id,
        clears_through_epoch=epoch if appeal.act == "uphold" else None,
        reference=appeal.evidence,
    )


def hear(row: SanctionRow | None, finding: Finding, pack: Pack) -> SanctionRow:
    """The subject's row after a filing or a decision; the same again changes nothing. Raises FindingRefused."""
    timeline = row.timeline if row is not None else ()
    versions = [e for e in timeline if e.sanction_id == finding.sanction_id and e.version > 0]
    if not versions:
        raise FindingRefused("NO_SUCH_SANCTION", f"{finding.sanction_id} is not held for this subject")
    entry = max(versions, key=lambda e: e.version)
    others = [e for e in timeline if e is not entry]
    if finding.reason == _REASONS["file"]:
        return row_of(finding.subject, [*others, _filed(entry, finding, pack)])
    after = _decided(entry, finding)
    if finding.reason == _REASONS["uphold"]:
        after = ended(after, finding.from_ms)
        others = [ended(e, finding.from_ms) if e.sanction_id == finding.sanction_id else e for e in others]
    return row_of(finding.subject, [*others, after])


def open_appeals(row: SanctionRow) -> list[tuple[SanctionEntry, AppealState]]:
    """Every appeal of the row that nobody has decided, with the sanction it is about."""
    return [(e, a) for e in row.timeline for a in e.appeals if a.outcome is None]


def _filed(entry: SanctionEntry, finding: Finding, pack: Pack) -> SanctionEntry:
    held = _appeal(entry, finding.appeal_id)
    if held is not None:
        if (held.evidence, held.filed_at_ms) != (finding.reference, finding.recorded_at_ms):
            raise FindingRefused("APPEAL_ID_TAKEN", f"{finding.appeal_id} was filed before and says something else")
        return entry
    if entry.appeal_until_ms is None or finding.recorded_at_ms > entry.appeal_until_ms:
        raise FindingRefused("APPEAL_TOO_LATE", f"an appeal was possible until {entry.appeal_until_ms}")
    if any(a.outcome is None for a in entry.appeals):
        raise FindingRefused("APPEAL_OPEN", "another appeal against this sanction is not decided yet")
    rules = pack.appeals
    # A carrier's policy can't suspend the regulator's order, and objecting again and again must not suspend for ever.
    pauses = rules.suspend_on_appeal and not entry.appeals and entry.authority != REGULATOR
    epochs = -(-rules.decide_ms // pack.epoch_ms)
    return _with(
        entry,
        AppealState(
            appeal_id=finding.appeal_id or "",
            filed_at_ms=finding.recorded_at_ms,
            decide_by_ms=start_of(epoch_of(finding.recorded_at_ms, pack.epoch_ms) + epochs + 1, pack.epoch_ms),
            evidence=finding.reference,
            paused_from_ms=finding.from_ms if pauses else None,
        ),
    )


def _decided(entry: SanctionEntry, finding: Finding) -> SanctionEntry:
    held = _appeal(entry, finding.appeal_id)
    if held is None:
        raise FindingRefused("NO_SUCH_APPEAL", f"{finding.appeal_id} was not filed against {finding.sanction_id}")
    if not may_lift(finding.authority, entry.authority):
        raise FindingRefused(
            "NOT_ITS_AUTHORITY", f"imposed by {entry.authority}, so {finding.authority} can't decide on it"
        )
    decided = msgspec.structs.replace(
        held,
        outcome="upheld" if finding.reason == _REASONS["uphold"] else "refused",
        decided_at_ms=finding.recorded_at_ms,
        paused_to_ms=None if held.paused_from_ms is None else finding.from_ms,
        grounds=finding.reference,
    )
    if held.outcome is not None and held != decided:
        raise FindingRefused("ALREADY_DECIDED", f"{finding.appeal_id} was {held.outcome}")
    return _with(entry, decided)


def _appeal(entry: SanctionEntry, appeal_id: str | None) -> AppealState | None:
    return next((a for a in entry.appeals if a.appeal_id == appeal_id), None)


def _with(entry: SanctionEntry, appeal: AppealState) -> SanctionEntry:
    others = [a for a in entry.appeals if a.appeal_id != appeal.appeal_id]
    every = sorted([*others, appeal], key=lambda a: (a.filed_at_ms, a.appeal_id))
    return msgspec.structs.replace(entry, appeals=tuple(every))
