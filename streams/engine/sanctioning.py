"""Findings and directives become entries of a subject's sanction timeline; entries end, they are never deleted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from streams.contracts.reports import Directive
from streams.contracts.reputation import Finding, SanctionEntry, SanctionRow, StepName
from streams.engine.registry import KEEP_MS

_WINDOW_ORDER = {"1H": 1, "24H": 2, "10D": 3}
RELEASED, WITHDRAWN = "RELEASED", "WITHDRAWN"
REGULATOR = "regulator"
#: How far ahead of its recording an expulsion counts at the least: by then every replica has it, so that none of
#: forty gates lets through what another has stopped.
EXPULSION_AHEAD_MS = 2000
#: Who may take back what it said before it could count; people and orders only end what was.
_COUNTING = ("tally", "breaker", "behaviour")
_STEP_OF: dict[str, StepName] = {
    "suspend": "TEMP_BLOCK", "terminate": "BLOCK", "block": "BLOCK", "throttle": "THROTTLE", "expel": "BLOCK",
}  # fmt: skip


class FindingRefused(ValueError):
    """A finding that can't be acted on. `reason` is a code for the dead letter."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def may_lift(authority: str, imposed_by: str) -> bool:
    """Who imposed it lifts it; only the regulator's word goes for everybody."""
    return authority in (imposed_by, REGULATOR)


def impose(row: SanctionRow | None, finding: Finding, appeal_until_ms: int | None = None) -> SanctionRow:
    """The subject's row after a finding. The same finding again changes nothing, in any order with others.

    A release that comes before what it ends leaves a mark, an entry that never counts, so that it ends it all the same.
    A higher version of a sanction takes over from a lower one when it starts. Raises FindingRefused for a release by
    somebody who did not impose it.
    """
    timeline = row.timeline if row is not None else ()
    name = finding.releases or finding.finding_id
    others = [e for e in timeline if e.sanction_id != name]
    held = [e for e in timeline if e.sanction_id == name]
    if finding.releases is not None and finding.reason == WITHDRAWN and finding.source in _COUNTING:
        held = []  # withdrawn before it could count; the history keeps it
    elif finding.releases is not None:
        held = _released(held, finding)
    else:
        held = _with(held, _entry(finding, appeal_until_ms))
    return row_of(finding.subject, [*others, *held])


def row_of(subject: str, entries: Iterable[SanctionEntry]) -> SanctionRow:
    """A subject's row of these entries, without those that nobody can be judged by or appeal against any more."""
    every = list(entries)
    newest = max((e.recorded_at_ms for e in every), default=0)
    kept = (e for e in every if _needed(e, newest - KEEP_MS))
    return SanctionRow(
        subject=subject, timeline=tuple(sorted(kept, key=lambda e: (e.from_ms, e.sanction_id, e.version, e.authority)))
    )


def _needed(entry: SanctionEntry, oldest_ms: int) -> bool:
    if entry.to_ms is None or any(a.outcome is None for a in entry.appeals):
        return True
    return max(entry.to_ms, entry.appeal_until_ms or entry.to_ms) >= oldest_ms


def _entry(finding: Finding, appeal_until_ms: int | None) -> SanctionEntry:
    return SanctionEntry(
        sanction_id=finding.finding_id,
        step=finding.step,
        share_permille=finding.share_permille,
        scope=finding.scope,
        from_ms=finding.from_ms,
        to_ms=finding.to_ms,
        recorded_at_ms=finding.recorded_at_ms,
        authority=finding.authority,
        reason=finding.reason,
        codes=finding.codes,
        reference=finding.reference,
        appeal_until_ms=appeal_until_ms,
        version=finding.version,
    )


def _released(held: list[SanctionEntry], finding: Finding) -> list[SanctionEntry]:
    """The versions of a sanction after its release; a mark stands in for what has not come yet."""
    real = [e for e in held if not _is_mark(e)]
    if real:
        imposed_by = max(real, key=lambda e: e.version).authority
        if not may_lift(finding.authority, imposed_by):
            raise FindingRefused("NOT_ITS_AUTHORITY", f"imposed by {imposed_by}, so {finding.authority} can't lift it")
    if any(e.recorded_at_ms <= finding.from_ms for e in real):
        return [ended(e, finding.from_ms) if e.recorded_at_ms <= finding.from_ms else e for e in held]
    mark = SanctionEntry(
        sanction_id=finding.releases or "", step="OBSERVE", reason=RELEASED, from_ms=finding.from_ms,
        to_ms=finding.from_ms, authority=finding.authority, version=0,
    )  # fmt: skip
    same = [e for e in held if _is_mark(e) and e.authority == finding.authority]
    return [e for e in held if e not in same] + [min([mark, *same], key=lambda e: e.from_ms)]


def _with(held: list[SanctionEntry], new: SanctionEntry) -> list[SanctionEntry]:
    """The versions of a sanction with another one, or with the same once more."""
    same = next((e for e in held if e.version == new.version and not _is_mark(e)), None)
    if same is not None:
        return [_united(e, new) if e is same else e for e in held]
    kept: list[SanctionEntry] = []
    for entry in held:
        if _is_mark(entry):
            if not may_lift(entry.authority, new.authority):
                continue
            if new.recorded_at_ms > entry.from_ms:
                kept.append(entry)  # meant for a version that has not come yet
            else:
                new = ended(new, entry.from_ms)
            continue
        if (end_ms := _released_at(entry, held)) is not None and end_ms >= new.recorded_at_ms:
            new = ended(new, end_ms)
        if entry.version < new.version:
            new = msgspec.structs.replace(new, appeals=(*entry.appeals, *new.appeals))
            kept.append(msgspec.structs.replace(ended(entry, new.from_ms), appeals=()))
        else:
            new = ended(new, entry.from_ms)
            kept.append(entry)
    return [*kept, new]


def _released_at(entry: SanctionEntry, versions: list[SanctionEntry]) -> int | None:
    """When a release ended it; None if it runs its time, or until a higher version took over."""
    if entry.end_recorded_at_ms is None or any(
        e.version > entry.version and e.from_ms == entry.to_ms for e in versions
    ):  # fmt: skip
        return None
    return entry.end_recorded_at_ms


def _united(held: SanctionEntry, new: SanctionEntry) -> SanctionEntry:
    """Two findings of one sanction: the reason is the longest window that either saw, the start the earlier one; an
    end stays."""
    return msgspec.structs.replace(
        held,
        reason=max(held.reason, new.reason, key=reason_rank),
        from_ms=min(held.from_ms, new.from_ms),
        recorded_at_ms=min(held.recorded_at_ms, new.recorded_at_ms),
    )


def reason_rank(reason: str) -> tuple[int, str]:
    """Of several reasons for one step the greatest is named: the longest window. Total, so that order can't matter."""
    return _WINDOW_ORDER.get(reason.rpartition("_")[2], 0), reason


def _is_mark(entry: SanctionEntry) -> bool:
    return entry.reason == RELEASED and entry.version == 0


def ended(held: SanctionEntry, at_ms: int) -> SanctionEntry:
    """The entry with its end at a time, unless it has ended by then."""
    if held.to_ms is not None and held.to_ms <= at_ms:
        return held
    return msgspec.structs.replace(held, to_ms=at_ms, end_recorded_at_ms=at_ms)


def person_id(authority: str, reference: str) -> str:
    """The sanction id of a person's order: 20 hex digits of H(authority, reference)."""
    return hashlib.sha256(f"person/{authority}/{reference}".encode("utf-8", "replace")).hexdigest()[:20]


def directive_id(reference: str) -> str:
    """The sanction id of a directive: 20 hex digits of H(reference)."""
    return hashlib.sha256(f"directive/{reference}".encode("utf-8", "replace")).hexdigest()[:20]


def finding_of(directive: Directive, subject: str) -> Finding:
    """The finding that carries out a directive on a subject (already in the form that sanctions are keyed by).

    Raises ValueError when a release names nothing.
    """
    ahead_ms = EXPULSION_AHEAD_MS if directive.act == "expel" else 0
    from_ms = max(directive.from_ms, directive.recorded_at_ms + ahead_ms)
    if directive.act in ("release", "withdraw"):
        released = directive.reference if directive.act == "withdraw" else directive.releases
        if released is None:
            raise ValueError("RELEASE_OF_NOTHING: a release names the reference or sanction that it ends")
        return Finding(
            subject=subject,
            finding_id=directive_id(directive.reference),
            source="directive",
            step="OBSERVE",
            from_ms=from_ms,
            recorded_at_ms=directive.recorded_at_ms,
            reason=RELEASED,
            authority=directive.authority,
            version=max(directive.version, 0),
            releases=released if _looks_like_id(released) else directive_id(released),
            reference=directive.reference,
        )
    return Finding(
        subject=subject,
        finding_id=directive_id(directive.reference),
        source="directive",
        step=_STEP_OF[directive.act],
        from_ms=from_ms,
        to_ms=directive.to_ms,
        recorded_at_ms=directive.recorded_at_ms,
        reason="DIRECTIVE_" + directive.act.upper(),
        authority=directive.authority,
        scope=directive.scope,
        share_permille=directive.share_permille,
        version=max(directive.version, 0),
        reference=directive.reference,
    )


def _looks_like_id(text: str) -> bool:
    return len(text) == 20 and all(c in "0123456789abcdef" for c in text)
