"""The rules, asked again from a bundle: does each check come out as the decision says, does the verdict follow from
checks and pack, the leak from `recorded_at`?
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from streams.contracts.base import read
from streams.contracts.decisions import Decision
from streams.contracts.evidence import Evidence
from streams.contracts.messages import Message
from streams.engine.accounts import ACCOUNTS
from streams.engine.case import Case, effective_time
from streams.engine.checks import CHECKS, job, names, origin, source
from streams.engine.decide import decision_id, leak_of
from streams.engine.grounds import Grounds, grounds
from streams.engine.jurisdiction import placed
from streams.engine.outcome import Check
from streams.engine.pack import Pack
from streams.engine.policy import Policies, Policy
from streams.engine.senders import SenderId
from streams.engine.subjects import is_business, listed_subjects
from streams.replay.evidence.disclose import STAND_IN
from streams.replay.evidence.judged import Judged, failed, holds, passed, unjudged
from streams.replay.evidence.verdict import Asked, verdict_follows
from streams.replay.evidence.view import BundleView, NotHeld
from streams.replay.explain import time_of

_MESSAGE = msgspec.json.Decoder(Message)
#: What they compare an account's displayed name with, or that name itself.
_OF_WHAT_IT_SHOWS = (origin.NAME, names.INSTITUTION, names.LOOKALIKE)
_ORDER = {name: number for number, (name, _) in enumerate(CHECKS)}


def follows(
    evidence: Evidence, decision: Decision, view: BundleView, policies: Policies, policy: Policy, same_rules: bool
) -> Iterator[Judged]:
    """Ask the rules again. same_rules: this engine is the one that decided; else only the verdict is looked at."""
    case: Case | None = None
    place = policies
    if evidence.message is None:
        yield unjudged("message", "It is no longer held, or could not be read.")
    else:
        try:
            case, place = _case(evidence, decision, view, policies)
        except (ValueError, NotHeld) as error:
            yield failed("message", f"It can't be read: {error}.")
            return
        yield _message(evidence, decision, case)
        if (None if place is policies else place.jurisdiction) != decision.jurisdiction:
            yield failed("jurisdiction", "By message and relay another one's rules hold than the decision says.")
            return
    answers: list[Check] = []
    unasked: set[str] = {name for name, _ in CHECKS} | {job.NAME}
    rests = Grounds(answers)
    if decision.sender.kind == "unread":  # our own error decided, and no check spoke
        same_rules = False
    if case is not None and same_rules:
        told: list[Judged] = []
        answers, unasked = _ask(evidence, decision, case, told)
        rests = _grounds(decision, case, answers, place)
        yield from told
        yield from _compare(decision, rests.checks)
    asked = Asked(case if same_rules else None, answers, rests, frozenset(unasked))
    yield from verdict_follows(evidence, decision, policy, asked)
    own = policies.at(view, decision.event_time_ms).pack
    yield _leak(decision, case if same_rules else None, rests, unasked, own)


def _case(evidence: Evidence, decision: Decision, view: BundleView, policies: Policies) -> tuple[Case, Policies]:
    """The case as the gate had it, and whose policies judge it."""
    message = read(_MESSAGE, evidence.message or "")
    own = policies.at(view, message.event_time_ms)
    e_ms, late = effective_time(message, own.pack.skew_ms)
    case, place = placed(Case(message, view, policies.at(view, e_ms) if late else own), policies)
    shown = evidence.stand_in
    if shown is not None:
        number = STAND_IN if shown.number else None
        case.sender = SenderId(decision.sender.key, shown.kind, shown.word, number, True)
    return case, place


def _message(evidence: Evidence, decision: Decision, case: Case) -> Judged:
    message = case.message
    wrong = [
        name
        for name, said, held in (
            ("decision_id", decision.decision_id, decision_id(message.producer, message.leg, message.event_id)),
            ("event_id", decision.event_id, message.event_id),
            ("leg", decision.leg, message.leg),
            ("event_time_ms", decision.event_time_ms, case.e_ms),
            ("recipient", decision.recipient, message.recipient),
            ("sender", decision.sender.key, case.sender.key),
            ("sender kind", decision.sender.kind, case.sender.kind),
            ("relay", decision.route.relay_id, message.route.relay_id),
            ("subjects", decision.subjects, _subjects(decision, case)),
            ("owner epoch", decision.sender.owner_epoch, _owner_epoch(decision, case)),
            ("registered", decision.sender.registered, _registered(decision, case)),
        )
        if said != held
    ]
    if decision.sender.kind == "unread":  # our own error decided: it names nothing of the message
        wrong = [name for name in wrong if name in ("decision_id", "event_id", "leg", "event_time_ms")]
    kept = ", ".join(evidence.withheld) or "nothing"
    return holds(
        "message", not wrong, f"Message and decision say the same; withheld: {kept}.",
        f"Message and decision differ in {', '.join(wrong)}.",
    )  # fmt: skip


def _subjects(decision: Decision, case: Case) -> tuple[str, ...]:
    try:
        return listed_subjects(case)
    except NotHeld:
        return decision.subjects


def _owner_epoch(decision: Decision, case: Case) -> int:
    try:
        return case.number().owner_epoch if is_business(case) else 0
    except NotHeld:
        return decision.sender.owner_epoch


def _registered(decision: Decision, case: Case) -> bool:
    try:
        looked = is_business(case) or case.message.traffic_class == "a2p"
        return looked and case.sender_row().entry is not None
    except NotHeld:
        return decision.sender.registered


def _ask(evidence: Evidence, decision: Decision, case: Case, told: list[Judged]) -> tuple[list[Check], set[str]]:
    """What the checks answer, and the names of those that can't be asked."""
    answers: list[Check] = []
    unasked: set[str] = set()
    own = {c.check for c in decision.checks if c.outcome == "UNKNOWN" and _broke(decision)}
    for name, function in CHECKS:
        why = _why_not(name, evidence, case)
        if not why and name in own:
            why = "it broke when it was asked: our own error, which never blocks"
        if not why:
            try:
                answer = function(case)
                if answer is not None:
                    answers.append(answer)
                continue
            except NotHeld as missing:
                if not missing.withheld:
                    told.append(failed(f"check {name}", f"It reads {missing.what}, which is not in the bundle."))
                    unasked.add(name)
                    continue
                why = f"it reads {missing.what}, which stays at the carrier"
        unasked.add(name)
        told.append(unjudged(f"check {name}", f"{why[:1].upper()}{why[1:]}."))
    if job.NAME in (*decision.passed, *(c.check for c in decision.checks)):
        unasked.add(job.NAME)
        told.append(unjudged(f"check {job.NAME}", "It reads whom the job binds, which stays at the carrier."))
    return answers, unasked


def _broke(decision: Decision) -> bool:
    return any(r.code == "CHECK_FAILED" for r in decision.reasons)


def _why_not(name: str, evidence: Evidence, case: Case) -> str:
    if name == origin.NAME and case.message.channel == "mo" and "origin_number" in evidence.withheld:
        return "the origin number stays at the carrier"
    if name in _OF_WHAT_IT_SHOWS and case.sender.kind in ACCOUNTS and "sender.address" in evidence.withheld:
        return "what the account showed stays at the carrier"
    if name == source.NAME and "route.peer_ip" in evidence.withheld:
        return "the peer's address stays at the carrier"
    return ""


def _grounds(decision: Decision, case: Case, answers: list[Check], policies: Policies) -> Grounds:
    stopped = any(c.check == "sanctions" for c in decision.checks)
    try:
        return grounds(case, answers, stopped, policies)
    except NotHeld:
        return Grounds(answers)


def _compare(decision: Decision, answers: list[Check]) -> Iterator[Judged]:
    """One line for each check that was asked and has an answer, and for each that the decision has and we don't."""
    recorded = {c.check: (c.outcome, c.evidence) for c in decision.checks if c.check in _ORDER}
    recorded |= {name: ("PASS", {}) for name in decision.passed if name in _ORDER}
    for check in answers:
        evidence = {} if check.outcome == "PASS" else msgspec.to_builtins(check.evidence)
        said = recorded.pop(check.name, None)
        now = f"{check.outcome} {' '.join(check.codes)}".strip()
        right = said is not None and (said[0], msgspec.to_builtins(said[1])) == (check.outcome, evidence)
        then = "nothing" if said is None else f"{said[0]} {said[1] or ''}".strip()
        yield holds(f"check {check.name}", right, f"{now}, again.", f"The engine says {now}, the decision {then}.")


def _leak(decision: Decision, case: Case | None, rests: Grounds, unasked: set[str], own: Pack) -> Judged:
    if case is None:
        return unjudged("leak", "Without the message, or with another engine, it can't be told.")
    failing = [c for c in rests.checks if c.name not in rests.softened]
    if unasked & {c.check for c in decision.checks if c.outcome == "FAIL"}:
        return unjudged("leak", "A check that failed can't be asked again.")
    found = leak_of(case, failing, own)
    if found != decision.leak:
        return failed("leak", f"The rows give {found or 'no leak'}, the decision says {decision.leak or 'no leak'}.")
    upstream = case.message.upstream
    if found is None or found == "no_gate" or upstream is None:
        said = {None: "None follows.", "no_gate": "No usable verdict of a first gate came with it."}[found]
        return passed("leak", said)
    since = next(c.since_ms for c in failing if found in c.codes)
    known = "always" if since < 0 else time_of(since)
    return passed(
        "leak", f"{found} was known since {known}; the first gate said ALLOW at {time_of(upstream.event_time_ms)}."
    )
