"""Findings and directives become entries of a subject's sanction timeline; entries end, they are never deleted."""

from __future__ import annotations

import hashlib

import msgspec

from streams.contracts.reports import Directive
from streams.contracts.reputation import Finding, SanctionEntry, SanctionRow, StepName
from streams.engine.registry import KEEP_MS

_WINDOW_ORDER = {"1H": 1, "24H": 2, "10D": 3}
RELEASED, WITHDRAWN = "RELEASED", "WITHDRAWN"
_STEP_OF: dict[str, StepName] = {
    "suspend": "TEMP_BLOCK", "terminate": "BLOCK", "block": "BLOCK", "throttle": "THROTTLE",
}  # fmt: skip


def impose(row: SanctionRow | None, finding: Finding) -> SanctionRow:
    """The subject's row after a finding. The same finding again changes nothing, in any order with others.

    A release that comes before what it ends leaves a mark, an entry that never counts, so that it ends it all the same.
    """
    entries = {e.sanction_id: e for e in row.timeline} if row is not None else {}
    if finding.releases is not None and finding.reason == WITHDRAWN:
        entries.pop(finding.releases, None)  # withdrawn before it could count; the history keeps it
    elif finding.releases is not None:
        held = entries.get(finding.releases)
        if held is None or _is_mark(held):
            entries[finding.releases] = _mark(finding.releases, finding.from_ms, held)
        else:
            entries[finding.releases] = _ended(held, finding.from_ms)
    else:
        entry = _entry(finding)
        held = entries.get(entry.sanction_id)
        entries[entry.sanction_id] = entry if held is None else _united(held, entry)
    newest = max((e.recorded_at_ms for e in entries.values()), default=0)
    kept = (e for e in entries.values() if e.to_ms is None or e.to_ms >= newest - KEEP_MS)
    return SanctionRow(subject=finding.subject, timeline=tuple(sorted(kept, key=lambda e: (e.from_ms, e.sanction_id))))


def _entry(finding: Finding) -> SanctionEntry:
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
        version=finding.version,
    )


def _united(held: SanctionEntry, new: SanctionEntry) -> SanctionEntry:
    """Two findings of one sanction: the reason is the longest window that either saw; an end stays."""
    if _is_mark(held):
        return _ended(new, held.from_ms)
    return msgspec.structs.replace(held, reason=max(held.reason, new.reason, key=reason_rank))


def reason_rank(reason: str) -> tuple[int, str]:
    """Of several reasons for one step the greatest is named: the longest window. Total, so that order can't matter."""
    return _WINDOW_ORDER.get(reason.rpartition("_")[2], 0), reason


def _is_mark(entry: SanctionEntry) -> bool:
    return entry.reason == RELEASED


def _mark(sanction_id: str, at_ms: int, held: SanctionEntry | None) -> SanctionEntry:
    at_ms = at_ms if held is None else min(at_ms, held.from_ms)
    return SanctionEntry(
        sanction_id=sanction_id, step="OBSERVE", reason=RELEASED, from_ms=at_ms, to_ms=at_ms, version=0
    )


def _ended(held: SanctionEntry, at_ms: int) -> SanctionEntry:
    if held.to_ms is not None and held.to_ms <= at_ms:
        return held
    return msgspec.structs.replace(held, to_ms=at_ms, end_recorded_at_ms=at_ms)


def directive_id(reference: str) -> str:
    """The sanction id of a directive: 20 hex digits of H(reference)."""
    return hashlib.sha256(f"directive/{reference}".encode("utf-8", "replace")).hexdigest()[:20]


def finding_of(directive: Directive, subject: str) -> Finding:
    """The finding that carries out a directive on a subject (already in the form that sanctions are keyed by).

    Raises ValueError when a release names nothing.
    """
    from_ms = max(directive.from_ms, directive.recorded_at_ms)
    if directive.act == "release":
        if directive.releases is None:
            raise ValueError("RELEASE_OF_NOTHING: a release names the reference or sanction that it ends")
        released = directive.releases
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
    )


def _looks_like_id(text: str) -> bool:
    return len(text) == 20 and all(c in "0123456789abcdef" for c in text)
