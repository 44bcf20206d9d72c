"""Does the verdict follow from the checks and the pack? By the same precedence as at the gate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from streams.contracts.decisions import Action, Decision, Reason
from streams.contracts.evidence import Evidence
from streams.contracts.reputation import SanctionEntry, SanctionRow
from streams.engine.allowlist import allows
from streams.engine.case import Case
from streams.engine.checks import CHECKS
from streams.engine.decide import mode_of, objections_of, shadow_of
from streams.engine.grounds import RELIEF, Grounds
from streams.engine.lineage import above
from streams.engine.outcome import Check
from streams.engine.policy import Policy
from streams.engine.precedence import MODE_ORDER, Objection, judge, reasons_of
from streams.engine.reputation import hits, ordered_above
from streams.engine.timeline import all_current
from streams.replay.evidence.judged import Judged, failed, holds, passed, unjudged
from streams.replay.evidence.view import NotHeld, value_of

_ASKED = frozenset(name for name, _ in CHECKS) | {"sanctions"}
_ALLOWS = ("emergency_allow", "protected_allow", "recipient_allow")


class Asked(NamedTuple):
    """What the checks said again. case: None where none could be asked. unasked: names of those that were not."""

    case: Case | None
    answers: list[Check]
    rests: Grounds
    unasked: frozenset[str]


def verdict_follows(evidence: Evidence, decision: Decision, policy: Policy, asked: Asked) -> Iterator[Judged]:
    """The reasons from the checks, then the verdict from the reasons."""
    mine = objections_of(asked.rests.checks, policy, asked.rests.bases)
    left = list(decision.reasons)
    for made in reasons_of(mine, policy.pack.ranks):
        if made not in left:
            yield failed("reasons", f"The engine objects with {made.code} ({made.mode}); the decision does not.")
            return
        left.remove(made)
    wrong = _unfounded(decision, policy, asked, left)
    if wrong:
        yield failed("reasons", wrong)
        return
    yield passed(
        "reasons", f"Each of the {len(decision.reasons)} follows from a check, in a mode that the pack allows."
    )
    yield from _sanctions(evidence, decision, asked)
    objections = mine + [_recorded(reason, decision, policy) for reason in left]
    yield _verdict(decision, policy, asked, objections, bool(left))


def _unfounded(decision: Decision, policy: Policy, asked: Asked, left: list[Reason]) -> str:
    """What is wrong with the reasons that don't come from a check that was asked again; empty: nothing."""
    failing = {c.check for c in decision.checks if c.outcome == "FAIL"}
    sanctions = sum(c.check == "sanctions" for c in decision.checks)
    if sum(r.gate in ("directive", "reputation") for r in left) != sanctions:
        return "Reasons and sanctions don't match."
    for reason in left:
        if reason.gate in ("directive", "reputation"):
            name = "DIRECTIVE" if reason.gate == "directive" else "SANCTION"
        elif reason.gate == "own":
            if reason.mode != "OBSERVE" or (reason.code == RELIEF and asked.case and not asked.rests.relieved):
                return f"{reason.code} decides nothing, or is not there."
            continue
        else:
            name = reason.code
            forged = reason.gate in ("forgery", "standing")
            if not failing & (asked.unasked if forged else failing - _ASKED):
                return f"No check gives {reason.code}."
        most = mode_of(policy, name)
        if MODE_ORDER[reason.mode] > MODE_ORDER[most]:
            return f"{reason.code} may be no more than {most} by the pack; the decision says {reason.mode}."
    return ""


def _sanctions(evidence: Evidence, decision: Decision, asked: Asked) -> Iterator[Judged]:
    """Each sanction that stopped it stands in a row; none that would have was left out."""
    held: dict[str, tuple[str, SanctionEntry]] = {}
    for row in evidence.reads:
        value = value_of(row) if row.entity == "sanctions" else None
        if isinstance(value, SanctionRow):
            for entry in all_current(value.timeline, decision.event_time_ms):
                held[entry.sanction_id] = (row.key, entry)
    named: set[str] = set()
    for check in decision.checks:
        if check.check != "sanctions":
            continue
        name = str(check.evidence.get("sanction_id"))
        named.add(name)
        bands = check.evidence.get("bands")
        named.update(bands if isinstance(bands, tuple) else ())
        if name not in held:
            withheld = any(row.withheld and row.entity == "sanctions" for row in evidence.reads)
            if withheld or evidence.message is None:
                yield unjudged(f"sanction {name}", "Its row stays at the carrier, or is not held.")
            else:
                yield failed(f"sanction {name}", "No row in the bundle has it.")
            continue
        subject, entry = held[name]
        codes = {r.code for r in decision.reasons if r.gate == ("directive" if _ordered(entry) else "reputation")}
        right = entry.reason in codes and check.evidence.get("step") == entry.step
        right = right and subject.partition(":")[0] == check.evidence.get("on")
        yield holds(f"sanction {name}", right, f"It stands in {subject}.", f"{subject} says something else of it.")
    if asked.case is None:
        return
    try:
        yield from _left_out(decision, asked.case, held, named)
    except NotHeld as missing:
        yield unjudged("sanctions", f"Whether one was left out can't be told: {missing.what} is not in the bundle.")


def _left_out(
    decision: Decision, case: Case, held: dict[str, tuple[str, SanctionEntry]], named: set[str]
) -> Iterator[Judged]:
    exact = f"×{decision.fingerprint}"
    by_subject: dict[str, list[SanctionEntry]] = {}
    for subject, entry in held.values():
        by_subject.setdefault(subject, []).append(entry)
    route = case.message.route
    named_by_route = {f"account:{route.account_id}", f"relay:{route.relay_id}", *(f"reseller:{r}" for r in route.chain)}
    # A band alone proves nothing, a label or a pair stops nothing; on advertising only the text could tell.
    sure = tuple(
        subject
        for subject, entries in by_subject.items()
        if (subject in named_by_route or subject.startswith(("sender:", "host:")) or subject.endswith(exact))
        and all(entry.scope.purpose is None for entry in entries)
    )
    inherited = ordered_above(case, tuple(subject for subject in above(case) if subject in by_subject))
    for hit in [*hits(case, sure, "route" in decision.passed), *inherited]:
        if hit.entry.sanction_id not in named:
            yield failed(f"sanction {hit.entry.sanction_id}", "It stops the message; the decision does not say so.")


def _ordered(entry: SanctionEntry) -> bool:
    return entry.authority == "regulator"


def _recorded(reason: Reason, decision: Decision, policy: Policy) -> Objection:
    """An objection as the decision tells it; its cap is its mode."""
    pack, cap = policy.pack, reason.mode
    if reason.gate in ("directive", "reputation"):
        throttled = any(c.evidence.get("step") == "THROTTLE" for c in decision.checks if c.check == "sanctions")
        return Objection(reason.code, reason.gate, reason.mode, "THROTTLE" if throttled else "REJECT", cap)
    if reason.gate == "recipient":
        action: Action = decision.action if decision.won == "recipient_block" else "DROP"
        return Objection(reason.code, reason.gate, reason.mode, action, cap, soft="SPAM_BOX")
    action, soft = pack.actions.get(reason.code, "REJECT"), pack.soft.get(reason.code, "LABEL")
    return Objection(reason.code, reason.gate, reason.mode, action, cap, soft, reason.basis)


def _verdict(decision: Decision, policy: Policy, asked: Asked, objections: list[Objection], told: bool) -> Judged:
    allowed = _allowed(decision, asked)
    ranks = policy.pack.ranks
    outcome = judge(objections, allowed, ranks)
    said = (decision.verdict, decision.action, decision.won)
    if tuple(outcome) != said:
        return failed("verdict", f"Checks and pack give {' '.join(outcome)}, the decision says {' '.join(said)}.")
    if decision.label != (policy.pack.label if outcome.action == "LABEL" else None):
        return failed("verdict", f"The label is not the pack's: {decision.label!r}.")
    ordered = reasons_of(objections, ranks)
    if [r.gate for r in ordered] != [r.gate for r in decision.reasons] or (not told and ordered != decision.reasons):
        return failed("verdict", "The reasons are not in the order of precedence.")
    if not told and asked.case is not None and shadow_of(objections, allowed, policy, outcome) != decision.shadow:
        return failed("verdict", "What profile enforce would say does not follow.")
    return passed("verdict", f"{' '.join(outcome[:2])} by {outcome.won} follows from checks and pack.")


def _allowed(decision: Decision, asked: Asked) -> list[str]:
    """The allow rules that apply. Where rows can't say so, the one that the decision says has won."""
    won = [decision.won] if decision.won in _ALLOWS else []
    if asked.case is None:
        return won
    try:
        found = allows(asked.case, "route" in decision.passed)
    except NotHeld:
        return won
    # A recipient's own list stays at the carrier.
    return [*found, "recipient_allow"] if won == ["recipient_allow"] else found
