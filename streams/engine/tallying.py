"""The tally agent's steps: a vote, a delta or the closing of an epoch → the subject's state and what it says.

`abroad`: packs of other jurisdictions, at the time of `policy`; without it votes on messages that were judged by them
wait: nobody's thresholds are theirs.

Each returns the findings that the event stands behind, also when it was applied before: a redelivery must emit again.
States are changed in place; who keeps them hands in its own copy.
"""

from __future__ import annotations

import hashlib

from streams.contracts.appeals import Outcome, Review
from streams.contracts.reputation import Finding, Traffic, Vote
from streams.engine.epochs import effect_of, start_of
from streams.engine.ladder import NEVER, emitted, evaluate, pending, sanction_id, supporters
from streams.engine.policy import Abroad, Policy
from streams.engine.reputation import LABELLED
from streams.engine.tally import Tally, add_traffic, add_vote


def on_vote(
    state: Tally, vote: Vote, policy: Policy, closed_through: int, abroad: Abroad | None = None
) -> list[Finding]:  # fmt: skip
    """Count a vote; judge the subject from the vote's epoch on."""
    epoch = add_vote(state, vote, policy.pack)
    evaluate(state, policy, epoch, closed_through, abroad)
    return emitted(state, epoch, policy.pack)


def on_traffic(
    state: Tally, delta: Traffic, policy: Policy, closed_through: int, abroad: Abroad | None = None
) -> list[Finding]:  # fmt: skip
    """Add what was delivered, and judge what waited for epochs that are closed by now."""
    if delta.subject.startswith(LABELLED):
        return _labelled(state, delta, policy)
    add_traffic(state, delta, policy.pack)
    first = pending(state, closed_through)
    if first is not None:
        evaluate(state, policy, first, closed_through, abroad)
    return emitted(state, min(delta.epoch + 1, delta.epoch + 1 if first is None else first), policy.pack)


def on_closed(
    state: Tally, policy: Policy, closed_through: int, at: int = 0, abroad: Abroad | None = None
) -> list[Finding]:  # fmt: skip
    """Judge the votes by rate that waited for the meter. at: offset of the watermark; the same one again has all
    findings emitted again, for nobody remembers which of them it stood behind."""
    epoch = pending(state, closed_through)
    if epoch is None:
        return emitted(state, NEVER if at == state.closed_at else closed_through + 1, policy.pack)
    state.closed_at = at
    evaluate(state, policy, epoch, closed_through, abroad)
    return emitted(state, epoch, policy.pack)


def on_review(
    state: Tally, review: Review, policy: Policy, closed_through: int, abroad: Abroad | None = None
) -> tuple[list[Finding], list[Outcome]]:  # fmt: skip
    """A sanction was overturned, confirmed or lifted: votes up to then are spent unless it was confirmed, and an appeal
    says of each voter behind it whether it was right."""
    outcomes: list[Outcome] = []
    if review.result != "lifted":
        outcomes = [_outcome(review, voter) for voter in supporters(state, review.sanction_id, policy.pack)]
    if review.result == "confirmed":
        return [], outcomes
    state.cleared[review.sanction_id] = min(review.epoch, state.cleared.get(review.sanction_id, review.epoch))
    evaluate(state, policy, review.epoch + 1, closed_through, abroad)
    return emitted(state, review.epoch + 1, policy.pack), outcomes


def _outcome(review: Review, voter: str) -> Outcome:
    named = f"{review.review_id}/{voter}".encode("utf-8", "replace")
    return Outcome(
        outcome_id=hashlib.sha256(named).hexdigest()[:20],
        reporter=voter,
        subject=review.subject,
        sanction_id=review.sanction_id,
        overturned=review.result == "overturned",
        recorded_at_ms=review.recorded_at_ms,
    )


def _labelled(state: Tally, delta: Traffic, policy: Policy) -> list[Finding]:
    """A text was seen with the advertising label; only the first epoch in which it was matters."""
    epoch_ms = policy.pack.epoch_ms
    found = Finding(
        subject=delta.subject,
        finding_id=sanction_id(delta.subject, "OBSERVE", 0),
        source="tally",
        step="OBSERVE",
        from_ms=effect_of(delta.epoch, epoch_ms),
        recorded_at_ms=start_of(delta.epoch + 1, epoch_ms),
        reason="ADVERTISED",
        version=1,
    )
    if any(held.from_ms < found.from_ms for held in state.findings):
        return []
    state.findings = [found]
    return [found]
