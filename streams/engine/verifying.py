"""Asked before anything is sent: what would the gates say of this sender over this route? By their own checks.

Only the checks that need neither text nor recipient nor what the network sees: on the message itself a gate may find
more. Nothing here is a decision.
"""

from __future__ import annotations

from streams.contracts.messages import Message, Route, Sender
from streams.contracts.verify import AccountFacts, Answer, Because, Doubt, Question, SenderFacts, Standing
from streams.engine.blacklist import NAME as BLACKLIST
from streams.engine.blacklist import listed, listings
from streams.engine.case import Case
from streams.engine.checks import CHECKS, CheckFunction, run_checks
from streams.engine.decide import mode_of
from streams.engine.jurisdiction import placed
from streams.engine.lineage import above
from streams.engine.outcome import Check
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.registry import KEEP_MS
from streams.engine.reputation import Hit, hits, ordered_above
from streams.engine.subjects import hands, sender_subjects
from streams.engine.view import View

#: Clocks of callers differ from ours by that much at most; what is asked about a later time can't be known.
SKEW_MS = 2_000
MAX_PARENTS = 16
#: About the sender alone, whoever carries it.
OF_SENDER = ("format", "allocation", "status", "do-not-originate", "registration")
#: About the sender over this route, and about the route.
OF_ROUTE = ("route", "institution", "lookalike", "certification", "chain")
#: Asked of messages only, and why.
NEEDS_MORE = {
    "origin": "the number that the network set",
    "abroad": "the trunk and what the HLR said",
    "signalling": "what the SMSC saw on the network",
    "source": "the address of the peer",
}


Asked = tuple[tuple[str, CheckFunction], ...]
_SENDER: Asked = tuple(c for c in CHECKS if c[0] in OF_SENDER)
_ROUTE: Asked = tuple(c for c in CHECKS if c[0] in OF_SENDER or c[0] in OF_ROUTE)
_HANDS: Asked = tuple(c for c in CHECKS if c[0] in ("certification", "chain"))


def verify(question: Question, relay: str, view: View, policies: Policies, keys: Keys, now_ms: int) -> Answer:
    """The answer for a caller whose own relay is `relay`.

    About another's route it says `standing` alone, and nothing that depends on the route: else whoever forges senders
    would ask which route lets them through. Raises nothing: our own failure is `unknown`.
    """
    at_ms = now_ms if question.at_ms is None else question.at_ms
    own = question.relay in (None, relay)
    for early, why in ((at_ms < now_ms - KEEP_MS, "no row reaches back so far"), (at_ms > now_ms + SKEW_MS, "not yet")):
        if early:
            return Answer(standing="unknown", at_ms=at_ms, doubts=(Doubt(check="time", why=why),) if own else ())
    case = _case(question, relay if own else None, at_ms, view, policies)
    if question.sender is None:
        answers = run_checks(case, _HANDS if own else ())
    else:
        answers = run_checks(case, _ROUTE if own else _SENDER)
        answers += listed(case, listings(case, keys, any(c.name == "route" and c.outcome == "PASS" for c in answers)))
    passed = tuple(c.name for c in answers if c.outcome == "PASS")
    stopped = hits(case, _subjects(case, question, keys), "route" in passed) + ordered_above(case, above(case))
    standing = _standing([c for c in answers if _counts(c, case)], stopped, question, own)
    if not own:
        return Answer(standing=standing, at_ms=at_ms)
    return Answer(
        standing=standing,
        at_ms=at_ms,
        reasons=(*_because(answers, case), *_sanctions(stopped, case)),
        doubts=tuple(
            Doubt(check=c.name, why=str(c.evidence.get("why", ""))) for c in answers if c.outcome == "UNKNOWN"
        ),
        passed=passed,
        policy=case.policy.version,
        read=case.versions_read(),
    )


def _case(question: Question, relay: str | None, at_ms: int, view: View, policies: Policies) -> Case:
    """The message that would be sent, without what nobody knows yet."""
    route = Route() if relay is None else Route(relay_id=relay, chain=question.chain, account_id=question.account)
    message = Message(
        event_id="-", producer="-", event_time_ms=at_ms, ingested_at_ms=at_ms, leg=question.leg,
        channel=question.channel, traffic_class=question.traffic_class, recipient="-", route=route,
        sender=Sender(address=question.sender or "", ton=question.ton),
    )  # fmt: skip
    return placed(Case(message, view, policies.at(view, at_ms)), policies)[0]


def _subjects(case: Case, question: Question, keys: Keys) -> tuple[str, ...]:
    """Under sanction: the sender, and of the caller's own route its hands."""
    if question.sender is None:
        return hands(case)
    return (*sender_subjects(case, keys), *hands(case))


def _counts(answer: Check, case: Case) -> bool:
    """What a partner's list says in the shadow is told, and held against nobody."""
    return answer.gate != BLACKLIST or any(mode_of(case.policy, code, answer.cap) != "OBSERVE" for code in answer.codes)


def _standing(answers: list[Check], stopped: list[Hit], question: Question, own: bool) -> Standing:
    if stopped or any(c.outcome == "FAIL" for c in answers):
        return "invalid"
    said = {c.name: c.outcome for c in answers}
    if question.sender is not None:
        if said.get("registration", said.get("status")) != "PASS":
            return "unknown"
        return "unknown" if said.get("route") == "UNKNOWN" else "valid"
    return "valid" if own and said.get("certification") == "PASS" else "unknown"


def _because(answers: list[Check], case: Case) -> tuple[Because, ...]:
    return tuple(
        Because(code=code, check=c.name, gate=c.gate, mode=mode_of(case.policy, code, c.cap))
        for c in answers
        for code in c.codes
    )


def _sanctions(stopped: list[Hit], case: Case) -> tuple[Because, ...]:
    return tuple(
        Because(
            code=hit.entry.reason,
            check="sanctions",
            gate="directive" if hit.directive else "reputation",
            mode=mode_of(case.policy, "DIRECTIVE" if hit.directive else "SANCTION", hit.cap),
        )
        for hit in stopped
    )


def sender_facts(address: str, relay: str, view: View, policies: Policies, now_ms: int) -> SenderFacts:
    """The sender's row as far as the caller may see it: what it is, and, where its owner listed the caller, the row."""
    case = _case(Question(sender=address), relay, now_ms, view, policies)
    entry = case.sender_row().entry
    facts = SenderFacts(key=case.sender.key, kind=case.sender.kind)
    if entry is None or relay not in entry.routes.relays:
        return facts
    own = tuple(a for a in entry.routes.accounts if chain_of(a, relay, case) is not None)
    return SenderFacts(
        key=facts.key, kind=facts.kind, registered=entry.state == "active", state=entry.state, owner=entry.owner,
        mode=entry.routes.mode, accounts=own, legs=entry.legs, version=entry.version,
    )  # fmt: skip


def account_facts(account: str, relay: str, view: View, policies: Policies, now_ms: int) -> AccountFacts | None:
    """One of the caller's accounts; None when it is another's, or none."""
    case = _case(Question(account=account), relay, now_ms, view, policies)
    entry, chain = case.account_row(account).entry, chain_of(account, relay, case)
    if entry is None or chain is None:
        return None
    return AccountFacts(
        account=account, state=entry.state, reseller=entry.reseller, owner=entry.owner, chain=chain,
        version=entry.version,
    )  # fmt: skip


def chain_of(account: str, relay: str, case: Case) -> tuple[str, ...] | None:
    """The resellers between a relay and an account, from the relay outwards; None when the account isn't the relay's.

    Parents that lead in a circle lead nowhere.
    """
    entry = case.account_row(account).entry
    name, found = None if entry is None else entry.reseller, list[str]()
    while name is not None and len(found) <= MAX_PARENTS:
        if name == relay:
            return tuple(reversed(found))
        found.append(name)
        reseller = case.reseller_row(name).entry
        name = None if reseller is None else reseller.parent
    return None
