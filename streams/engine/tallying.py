"""The tally agent's steps: a vote, a delta or the closing of an epoch → the subject's state and what it says.

Each returns the findings that the event stands behind, also when it was applied before: a redelivery must emit again.
States are changed in place; who keeps them hands in its own copy.
"""

from __future__ import annotations

from streams.contracts.reputation import Finding, Traffic, Vote
from streams.engine.ladder import NEVER, emitted, evaluate, pending
from streams.engine.policy import Policy
from streams.engine.tally import Tally, add_traffic, add_vote


def on_vote(state: Tally, vote: Vote, policy: Policy, closed_through: int) -> list[Finding]:
    """Count a vote; judge the subject from the vote's epoch on."""
    epoch = add_vote(state, vote, policy.pack)
    evaluate(state, policy, epoch, closed_through)
    return emitted(state, epoch, policy.pack)


def on_traffic(state: Tally, delta: Traffic, policy: Policy, closed_through: int) -> list[Finding]:
    """Add what was delivered, and judge what waited for epochs that are closed by now."""
    add_traffic(state, delta, policy.pack)
    first = pending(state, closed_through)
    if first is not None:
        evaluate(state, policy, first, closed_through)
    return emitted(state, min(delta.epoch + 1, delta.epoch + 1 if first is None else first), policy.pack)


def on_closed(state: Tally, policy: Policy, closed_through: int, at: int = 0) -> list[Finding]:
    """Judge the votes by rate that waited for the meter. at: offset of the watermark; the same one again has all
    findings emitted again, for nobody remembers which of them it stood behind."""
    epoch = pending(state, closed_through)
    if epoch is None:
        return emitted(state, NEVER if at == state.closed_at else closed_through + 1, policy.pack)
    state.closed_at = at
    evaluate(state, policy, epoch, closed_through)
    return emitted(state, epoch, policy.pack)
