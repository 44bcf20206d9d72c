"""The breaker: a registered sender on a relay, failing all at once for want of a row, is probably our error.

Pure steps over one pair's epochs. A pair's two newest epochs are open: deltas of them may still come, and what they
trip is withdrawn when it no longer follows. Older ones are settled; a relief that they tripped counts, and what comes
late for them only says that the pair passed. So the same deltas give the same reliefs, one by one or all at once.
"""

from __future__ import annotations

import msgspec

from streams.contracts.decisions import FailBasis
from streams.contracts.reputation import Finding, PairTraffic
from streams.engine.deltas import Applied, note
from streams.engine.epochs import effect_of, start_of
from streams.engine.grounds import DAY_MS, DOUBTFUL, RELIEF
from streams.engine.ladder import NEVER, sanction_id
from streams.engine.pack import Breaker
from streams.engine.policy import Policy
from streams.engine.telling import TOLD, told_anew

#: Epochs with a PASS and no FAIL of the code, after which a relief has done its work.
CLEAN_EPOCHS = 2
FALSE_BLOCKS, ENDED = "FALSE_BLOCKS", "RELIEF_ENDED"


class Fared(msgspec.Struct):
    """Counts of an epoch: messages that passed, and code → what its FAIL rested on → messages."""

    passed: int = 0
    failed: dict[str, dict[FailBasis, int]] = {}


class Relief(msgspec.Struct, frozen=True):
    """A code's last relief: tripped in this epoch, at the longest until that one; clean: epochs it has passed since."""

    tripped: int
    until: int
    clean: int = 0
    over: bool = False


class Pair(msgspec.Struct, kw_only=True):
    """The state of one pair; a value of the breaker's table (JSON). Epochs are numbers in epochs of `epoch_ms`.

    passed: the newest settled epoch in which a message passed. reliefs: the newest of each code, from settled epochs.
    told: the last findings, for redeliveries.
    """

    subject: str
    epoch_ms: int
    passed: int = NEVER
    open: dict[int, Fared] = {}
    reliefs: dict[str, Relief] = {}
    applied: Applied = {}
    told: list[Finding] = []


def on_pair(state: Pair | None, delta: PairTraffic, policy: Policy) -> tuple[Pair | None, list[Finding]]:
    """Count a delta (state in place). Returns the state and what it says that was not said before; a redelivery says
    everything again. None: a pair that never passed is not kept, for it can't trip."""
    if state is None:
        if not delta.passed:
            return None, []
        state = Pair(subject=delta.subject, epoch_ms=delta.epoch_ms)
    if not note(state.applied, delta):
        return state, list(state.told)
    told: list[Finding] = []
    if delta.epoch_ms != state.epoch_ms:
        told += _rescale(state, delta.epoch_ms, policy)
    newest = max((*state.open, delta.epoch))
    if delta.epoch < newest - 1:
        state.passed = max(state.passed, delta.epoch) if delta.passed else state.passed
        return state, []
    fared = state.open.get(delta.epoch)
    if fared is None:
        fared = state.open[delta.epoch] = Fared()
    _merge(fared, delta)
    for epoch in sorted([n for n in state.open if n < newest - 1]):
        told += _settle(state, epoch, newest, policy)
    told += _judge(state, policy)
    state.told = [*state.told, *told][-TOLD:]
    return state, told


def _merge(fared: Fared, delta: PairTraffic) -> None:
    fared.passed += delta.passed
    for code, bases in delta.failed.items():
        held = fared.failed.setdefault(code, {})
        for basis, count in bases.items():
            held[basis] = held.get(basis, 0) + count


def _rescale(state: Pair, epoch_ms: int, policy: Policy) -> list[Finding]:
    """The policy has given epochs another length: settle everything, then count in the new ones."""
    told = [f for epoch in sorted(state.open) for f in _settle(state, epoch, epoch, policy)]
    old, state.epoch_ms = state.epoch_ms, epoch_ms

    def new(epoch: int) -> int:
        return epoch if epoch == NEVER else epoch * old // epoch_ms

    state.passed = new(state.passed)
    state.reliefs = {
        code: msgspec.structs.replace(r, tripped=new(r.tripped), until=new(r.until))
        for code, r in state.reliefs.items()
    }
    return told


def _settle(state: Pair, epoch: int, newest: int, policy: Policy) -> list[Finding]:
    """An epoch of which nothing more is taken: reliefs tripped in it stand, and those it was clean for may end."""
    fared, told = state.open.pop(epoch), []
    for code, relief in state.reliefs.items():
        if relief.over or epoch <= relief.tripped:
            continue
        clean = 0 if code in fared.failed else relief.clean + (fared.passed > 0)
        over = clean >= CLEAN_EPOCHS
        if over and newest + 2 < relief.until:
            told.append(_end(state, code, relief, newest, policy))
        state.reliefs[code] = msgspec.structs.replace(relief, clean=clean, over=over or epoch >= relief.until)
    for code in _trips(state.passed, state.reliefs, epoch, fared, state.epoch_ms, policy.pack.breaker):
        state.reliefs[code] = _relief(epoch, state.epoch_ms, policy.pack.breaker)
    if fared.passed:
        state.passed = max(state.passed, epoch)
    return told


def _judge(state: Pair, policy: Policy) -> list[Finding]:
    """What the open epochs trip, as far as it was not told, and what was told of them and no longer follows."""
    if not state.told and not any([fared.failed for fared in state.open.values()]):
        return []  # nearly always
    breaker = policy.pack.breaker
    passed, reliefs, follows = state.passed, dict(state.reliefs), {}
    for epoch in sorted(state.open):
        fared = state.open[epoch]
        for code in _trips(passed, reliefs, epoch, fared, state.epoch_ms, breaker):
            reliefs[code] = _relief(epoch, state.epoch_ms, breaker)
            found = _begin(state, code, epoch, fared, policy)
            follows[found.finding_id] = found
        passed = max(passed, epoch) if fared.passed else passed
    first = start_of(min(state.open) + 1, state.epoch_ms)
    state.told, told = told_anew(state.told, follows, first, policy)
    return told


def _trips(
    passed: int, reliefs: dict[str, Relief], epoch: int, fared: Fared, epoch_ms: int, breaker: Breaker
) -> list[str]:  # fmt: skip
    """The codes whose relief begins with this epoch. A pair must have passed before it, and since the last relief."""
    if not fared.failed:
        return []  # most
    if not breaker.min_failed or passed == NEVER or (epoch - passed) * epoch_ms > breaker.memory_days * DAY_MS:
        return []
    found = []
    for code, bases in sorted(fared.failed.items()):
        failed = sum(count for basis, count in bases.items() if basis in DOUBTFUL)
        if failed < breaker.min_failed or failed * 1000 < breaker.share_permille * (failed + fared.passed):
            continue
        last = reliefs.get(code)
        if last is None or ((last.over or epoch >= last.until) and passed > last.tripped):
            found.append(code)
    return found


def _relief(epoch: int, epoch_ms: int, breaker: Breaker) -> Relief:
    return Relief(tripped=epoch, until=epoch + 2 + breaker.max_ms // epoch_ms)


def _begin(state: Pair, code: str, epoch: int, fared: Fared, policy: Policy) -> Finding:
    from_ms = effect_of(epoch, state.epoch_ms)
    return Finding(
        subject=state.subject,
        finding_id=sanction_id(state.subject, f"{RELIEF}/{code}", epoch + 2),
        source="breaker",
        step="RELIEF",
        from_ms=from_ms,
        to_ms=from_ms + policy.pack.breaker.max_ms,
        recorded_at_ms=start_of(epoch + 1, state.epoch_ms),
        reason=FALSE_BLOCKS,
        codes=(code,),
        counts={**{str(basis): n for basis, n in fared.failed[code].items()}, "passed": fared.passed},
        policy=policy.version,
        version=epoch + 2,
    )


def _end(state: Pair, code: str, relief: Relief, newest: int, policy: Policy) -> Finding:
    """Two clean epochs are behind it; it ends as it began, one whole epoch after the news."""
    return Finding(
        subject=state.subject,
        finding_id=sanction_id(state.subject, f"{ENDED}/{code}", newest + 2),
        source="breaker",
        step="OBSERVE",
        from_ms=effect_of(newest, state.epoch_ms),
        recorded_at_ms=start_of(newest + 1, state.epoch_ms),
        reason=ENDED,
        policy=policy.version,
        version=newest + 2,
        releases=sanction_id(state.subject, f"{RELIEF}/{code}", relief.tripped + 2),
    )
