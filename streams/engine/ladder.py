"""The ladder: what follows when a tally reaches a threshold, and from when.

A sanction is a function of (subject, step, start epoch) alone: every worker that sees the same votes derives the same.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import msgspec

from streams.contracts.reports import Scope
from streams.contracts.reputation import Basis, Finding, StepName
from streams.engine.epochs import effect_of, epoch_of, start_of
from streams.engine.pack import Pack, Thresholds
from streams.engine.policy import Abroad, Policy
from streams.engine.reputation import STRICTNESS
from streams.engine.sanctioning import reason_rank
from streams.engine.tally import ABROAD, MAX_VOTERS, WINDOWS, Tally, ballot_of, delivered, reporters, voters

NEVER = -(2**53)
PPM = 1_000_000


class Reached(NamedTuple):
    """A threshold that holds in a window; of which jurisdiction, None: the carrier's own."""

    step: StepName
    window: str
    counts: dict[str, int]
    jurisdiction: str | None = None

    @property
    def reason(self) -> str:
        """E.g. REPORTS_CRITICAL_10D, REPORTS_RATE_WARN_24H."""
        level = "CRITICAL" if self.step == "TEMP_BLOCK" else "WARN"
        return f"REPORTS_{'RATE_' if 'ppm' in self.counts else ''}{level}_{self.window.upper()}"


def evaluate(
    state: Tally, policy: Policy, from_epoch: int, closed_through: int, abroad: Abroad | None = None
) -> None:  # fmt: skip
    """Derive the subject's findings again from `from_epoch` on (in place).

    closed_through: the last epoch that the meter has closed; a rate is not judged beyond it (UNKNOWN: it never
    escalates on its own ignorance) and is judged when the traffic arrives. What was judged once stays judgeable, also
    for a worker that just started and has not heard from the meter.
    abroad: packs of other jurisdictions, for the votes on messages that they judged; without it those are not judged.
    What follows, for how long and where, is the carrier's own ladder.
    """
    pack, before = policy.pack, state.findings
    state.findings = [f for f in before if _reached_in(f, pack) < from_epoch]
    by_rate = set(_rate_epochs(state))
    for epoch in sorted({n for epochs in state.epochs.values() for n in epochs if n >= from_epoch}):
        bases: list[Basis] = ["count"]
        if epoch in by_rate and (epoch - 1 <= closed_through or epoch <= state.judged):
            bases.append("rate")
            state.judged = max(state.judged, epoch)
        cleared, warned = _before(state, epoch, pack)
        if epoch <= cleared:
            continue
        for reached in _reached(state, bases, epoch, cleared, pack, abroad):
            if not (reached.step == "WARN" and warned):
                state.findings = [*state.findings, _finding(state.subject, reached, epoch, policy)]
    follows = {f.finding_id for f in state.findings}
    gone = {f.finding_id: f for f in (*state.withdrawn, *before) if f.finding_id not in follows}
    state.withdrawn = list(gone.values())


def pending(state: Tally, closed_through: int) -> int | None:
    """The first epoch with votes by rate that could not be judged before but can be now, or None."""
    return min((n for n in _rate_epochs(state) if n > state.judged and n - 1 <= closed_through), default=None)


def waiting(state: Tally) -> bool:
    """Whether votes by rate wait for the meter."""
    return max(_rate_epochs(state), default=NEVER) > state.judged


def _rate_epochs(state: Tally) -> list[int]:
    """Epochs in which votes by rate count, whoever judged the messages."""
    return [n for ballot, epochs in state.epochs.items() if ballot.startswith("rate") for n in epochs]


def emitted(state: Tally, epoch: int, pack: Pack) -> list[Finding]:
    """The findings that a vote or delta of this epoch stands behind: what a redelivery must emit again.

    Withdrawals come last. A withdrawn sanction was to start after the vote that withdrew it, so as a function of
    records it never counted, in whatever order they arrived.
    """
    lifted = [_withdrawal(f) for f in state.withdrawn if _reached_in(f, pack) >= epoch - 1]
    return [f for f in state.findings if _reached_in(f, pack) >= epoch - 1] + lifted


def _withdrawal(finding: Finding) -> Finding:
    return msgspec.structs.replace(
        finding, finding_id=sanction_id(finding.subject, "withdrawn", finding.version), reason="WITHDRAWN",
        step="OBSERVE", releases=finding.finding_id, counts={},
    )  # fmt: skip


def _reached_in(finding: Finding, pack: Pack) -> int:
    return epoch_of(finding.from_ms, pack.epoch_ms) - 2


def supporters(state: Tally, name: str, pack: Pack) -> list[str]:
    """The voters whose votes made the subject's finding of this id, sorted; those that are still held."""
    finding = next((f for f in state.findings if f.finding_id == name), None)
    if finding is None:
        return []
    epoch = _reached_in(finding, pack)
    basis: Basis = "rate" if "ppm" in finding.counts else "count"
    window = finding.reason.rpartition("_")[2].lower()
    if window not in WINDOWS:
        return []
    end = start_of(epoch + (basis == "count"), pack.epoch_ms)
    cleared, _ = _before(state, epoch, pack)
    ballot = ballot_of(basis, finding.jurisdiction)
    return sorted(voters(state, ballot, window, end, epoch, cleared, pack.time_zone))


def _before(state: Tally, epoch: int, pack: Pack) -> tuple[int, bool]:
    """(votes up to this epoch are spent, whether a warning was given since): renewal needs fresh votes.

    Spent by a block that ran its time, or up to the decision that overturned or lifted a sanction, but only for what
    comes after that decision: what stood until then stays as it was.
    """
    reviewed = {name: n for name, n in state.cleared.items() if n < epoch}
    cleared, warned = NEVER, False
    for finding in state.findings:
        if _reached_in(finding, pack) >= epoch:
            continue
        if finding.finding_id in reviewed:
            cleared, warned = max(cleared, reviewed[finding.finding_id]), False
        elif STRICTNESS[finding.step] >= STRICTNESS["TEMP_BLOCK"] and finding.to_ms is not None:
            cleared, warned = max(cleared, epoch_of(finding.to_ms, pack.epoch_ms)), False
        elif finding.step == "WARN":
            warned = finding.to_ms is None or finding.to_ms > start_of(epoch, pack.epoch_ms)
    return max(cleared, *reviewed.values(), NEVER), warned


def _reached(
    state: Tally, bases: list[Basis], epoch: int, cleared: int, pack: Pack, abroad: Abroad | None
) -> list[Reached]:  # fmt: skip
    """Every step that holds, each with the longest window in which it does; of several alike the carrier's own first.

    What reaches the block has reached the warning, too: whether somebody saw the votes one by one or all at once.
    """
    kind = state.subject.partition(":")[0]
    counted: list[Reached] = []
    for ballot in sorted(state.epochs):
        basis, _, place = ballot.partition(ABROAD)
        if basis not in bases or epoch not in state.epochs[ballot] or (place and abroad is None):
            continue
        rules = abroad(place) if place and abroad is not None else pack
        thresholds = rules.thresholds.get(kind)
        if thresholds is not None:
            judge = _by_count if basis == "count" else _by_rate
            counted += judge(state, epoch, cleared, pack, thresholds, place or None)
    counted += [r._replace(step="WARN") for r in counted if r.step != "WARN"]
    best: dict[StepName, Reached] = {}
    for reached in counted:
        held = best.get(reached.step)
        if held is None or reason_rank(reached.reason) > reason_rank(held.reason):
            best[reached.step] = reached
    highest = STRICTNESS[pack.ladder.max_step.get(kind, "TEMP_BLOCK")]
    return [best[s] for s in sorted(best, key=STRICTNESS.__getitem__) if STRICTNESS[s] <= highest]


def _by_count(
    state: Tally, epoch: int, cleared: int, pack: Pack, thresholds: Thresholds, place: str | None
) -> list[Reached]:  # fmt: skip
    end, found = start_of(epoch + 1, pack.epoch_ms), []
    for window in WINDOWS:
        limits = thresholds.count.get(window)
        if limits is None:
            continue
        critical = (limits.critical or limits.warn) * 1000
        voters, weight = reporters(state, ballot_of("count", place), window, end, epoch, cleared, pack, critical)
        step = _step(weight, limits.warn * 1000, limits.critical * 1000, saturated=voters >= MAX_VOTERS)
        if step is not None:
            found.append(Reached(step, window, {window: voters}, place))
    return found


def _by_rate(
    state: Tally, epoch: int, cleared: int, pack: Pack, thresholds: Thresholds, place: str | None
) -> list[Reached]:  # fmt: skip
    # Reporters and deliveries of the same epochs: those that ended before this one began.
    end, found = start_of(epoch, pack.epoch_ms), []
    for window in WINDOWS:
        limits = thresholds.rate_ppm.get(window)
        if limits is None:
            continue
        sample = delivered(state, window, end, pack, place)
        critical = -(-(limits.critical or limits.warn) * 1000 * sample // PPM)
        voters, weight = reporters(state, ballot_of("rate", place), window, end, epoch, cleared, pack, critical)
        if voters < thresholds.min_reporters or sample < thresholds.min_delivered:
            continue
        ppm = weight * PPM // (1000 * sample)
        step = _step(ppm, limits.warn, limits.critical, saturated=voters >= MAX_VOTERS)
        if step is not None:
            found.append(Reached(step, window, {window: voters, "delivered": sample, "ppm": ppm}, place))
    return found


def _step(value: int, warn: int, critical: int, *, saturated: bool) -> StepName | None:
    if critical and value >= critical:
        # A saturated tally no longer knows how many there are: from there only a person escalates.
        return "WARN" if saturated else "TEMP_BLOCK"
    return "WARN" if value >= warn else None


def _finding(subject: str, reached: Reached, epoch: int, policy: Policy) -> Finding:
    pack = policy.pack
    kind = subject.partition(":")[0]
    from_ms = effect_of(epoch, pack.epoch_ms)
    legs = pack.ladder.legs.get(kind, ())
    return Finding(
        subject=subject,
        finding_id=sanction_id(subject, reached.step, epoch_of(from_ms, pack.epoch_ms)),
        source="tally",
        step=reached.step,
        from_ms=from_ms,
        to_ms=from_ms + pack.ladder.temp_block_ms,
        recorded_at_ms=start_of(epoch + 1, pack.epoch_ms),
        reason=reached.reason,
        counts=reached.counts,
        policy=policy.version,
        scope=Scope(legs=legs),
        version=epoch_of(from_ms, pack.epoch_ms),
        jurisdiction=reached.jurisdiction,
    )


def sanction_id(subject: str, step: str, start_epoch: int) -> str:
    """20 hex digits of H(subject, step, start epoch)."""
    return hashlib.sha256(f"{subject}/{step}/{start_epoch}".encode()).hexdigest()[:20]
