"""decide: one message, the rows as of its event time, one policy → one decision, the same bytes every time."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import phonenumbers

from streams.contracts.decisions import (
    CheckRecord,
    Decision,
    Evidence,
    FailBasis,
    Gate,
    Mode,
    Reason,
    SenderSeen,
    Shadow,
    Versions,
)
from streams.contracts.messages import Leg, Message
from streams.engine.advertising import without_label
from streams.engine.blacklist import UNLISTED, listed
from streams.engine.case import LONG_AGO, Case, effective_time
from streams.engine.checks import check_job
from streams.engine.claims import Claim, names_passed, records_of
from streams.engine.content import content_checks
from streams.engine.fingerprint import fingerprint
from streams.engine.grounds import RELIEF, Grounds, grounds
from streams.engine.hosts import VERSION as SUFFIXES
from streams.engine.hosts import link_subjects
from streams.engine.intake import identity
from streams.engine.jurisdiction import placed
from streams.engine.lists import NOTHING, Lists
from streams.engine.outcome import Check
from streams.engine.pack import Pack
from streams.engine.policy import Policies, Policy
from streams.engine.precedence import MODE_ORDER, Objection, Outcome, judge, reasons_of
from streams.engine.pseudonym import Keys, input_hash, recipient_pseudonym
from streams.engine.recall import Claims
from streams.engine.recipient import Wanted, wanted
from streams.engine.reputation import Hit, campaign_by_bands, hits, ordered_above
from streams.engine.short import short_hash
from streams.engine.skeleton import DATA_SHA256
from streams.engine.subjects import band_subjects, campaign_subject
from streams.engine.view import View

ENGINE_VERSION = "0.1.0"
DATA_VERSION = short_hash(
    f"{phonenumbers.__version__}/{unicodedata.unidata_version}/{DATA_SHA256}/{SUFFIXES}".encode(), size=6
)

#: A gate's senders and routes of the last minutes; some kilobytes each.
RECALLED = 8192
#: Of a claim of which nothing failed.
UNTOUCHED = Grounds([])
NO_BASES: Mapping[str, FailBasis] = MappingProxyType({})


class Decided(NamedTuple):
    """A decision; the sender's subject as control topics know it ("" where nothing was judged), which the decision
    does not hold where it is a person's; and the carrier's own pack, which counts."""

    decision: Decision
    sender: str
    pack: Pack


class Decider:
    """Decides messages. Holds no state but the policies and keys it was given, and what it may forget; every gate
    gives the same answer."""

    def __init__(self, policies: Policies, keys: Keys, recall: int = RECALLED) -> None:
        """recall: claims that are remembered (`recall.Claims`), 0 for none: who checks others judges all himself."""
        self.policies, self.keys, self._claims = policies, keys, Claims(keys, recall)
        self._lists: dict[str, Lists] = {}

    def decide(self, message: Message, raw: bytes, view: View, flags: tuple[str, ...] = ()) -> Decision:
        """The decision on a message whose bytes were `raw`; `flags` are what intake noted. `observed` is left empty."""
        return self.decided(message, raw, view, flags).decision

    def decided(self, message: Message, raw: bytes, view: View, flags: tuple[str, ...] = ()) -> Decided:
        """The same, for who counts messages as well."""
        own = policy = self.policies.at(view, message.event_time_ms)
        e_ms, late = when = effective_time(message, own.pack.skew_ms)
        if late:
            own = policy = self.policies.at(view, e_ms)
        try:
            case, place = placed(Case(message, view, own, None if late else when), self.policies)
            policy = case.policy
            case.flags.extend(flags)
            claim = self._claims.of(case)
            return Decided(self._conclude(case, raw, claim, place, own.pack), claim.senders[0], own.pack)
        except Exception as error:  # any error of ours: the message must not pay for it
            failed = CheckRecord(check="decide", outcome="UNKNOWN", evidence={"why": type(error).__name__})
            ids = (message.producer, message.leg, message.event_id)
            return Decided(self._allowed(ids, e_ms, raw, policy, "CHECK_FAILED", (failed,)), "", own.pack)

    def invalid(self, raw: bytes, reason: str) -> Decision | None:
        """ALLOW with EVENT_INVALID for bytes that are no event but name one, so that nobody waits; None otherwise."""
        named = identity(raw)
        if named is None:
            return None
        why = CheckRecord(check="intake", outcome="UNKNOWN", evidence={"why": reason})
        ids = (named.producer, named.leg, named.event_id)
        return self._allowed(ids, named.at_ms, raw, self.policies.default, "EVENT_INVALID", (why,))

    def _allowed(
        self, ids: tuple[str, Leg, str], at_ms: int, raw: bytes, policy: Policy, code: str, why: tuple[CheckRecord, ...]
    ) -> Decision:
        producer, leg, event_id = ids
        return Decision(
            decision_id=decision_id(producer, leg, event_id),
            event_id=event_id,
            event_time_ms=at_ms,
            leg=leg,
            verdict="ALLOW",
            action="DELIVER",
            reasons=(Reason(code=code, gate="own", mode="OBSERVE"),),
            checks=why,
            sender=SenderSeen(key="~", kind="unread", registered=False),
            recipient="~",
            versions=self._versions(policy, "", raw),
        )

    def _versions(self, policy: Policy, read: str, raw: bytes) -> Versions:
        return Versions(
            policy=policy.version,
            read=read,
            data=DATA_VERSION,
            input=input_hash(self.keys, raw),
            engine=ENGINE_VERSION,
        )

    def _lists_of(self, jurisdiction: str) -> Lists:
        held = self._lists.get(jurisdiction)
        if held is None:
            held = self._lists[jurisdiction] = Lists(jurisdiction)
        return held

    def _conclude(self, case: Case, raw: bytes, claim: Claim, place: Policies, own: Pack) -> Decision:
        """place: whose rules hold; own: the carrier's pack, which knows its clocks."""
        message, pack, keys = case.message, case.pack, self.keys
        text, checks, passed, clear = message.content.text, claim.checks, claim.passed, claim.clear
        if message.job_id is not None or claim.requires_job:
            checks = checks + check_job(case, keys)
            passed, clear = names_passed(checks), False
        mark = fingerprint(text)
        route_passes = claim.route_passes
        linked, paths = link_subjects(text, pack.shared_hosts)
        campaign = () if mark is None else (campaign_subject(message.route.relay_id, mark),)
        if claim.clear:
            stopped = hits(case, (*campaign, *linked, *paths), route_passes)
        else:
            stopped = hits(case, (*claim.senders, *campaign, *claim.hands, *linked, *paths), route_passes)
            stopped += ordered_above(case, claim.above)
        if mark is not None and not route_passes and all([hit.kind != "campaign" for hit in stopped]):
            stopped += campaign_by_bands(case, band_subjects(message.route.relay_id, text))
        rests = UNTOUCHED if clear else grounds(case, checks, bool(stopped), place)
        checks = checks if clear else rests.checks
        lists = self._lists_of(place.jurisdiction).at(case.view, pack) if pack.lists else NOTHING
        unlabelled = without_label(text, pack.advertising)
        content = content_checks(case, keys, route_passes, lists, linked, unlabelled is not None)
        hosts = () if route_passes else linked
        by_partners = listed(case, claim.listings, hosts) if claim.listings != UNLISTED or hosts else []
        wish = wanted(case, keys)
        objections = [] if clear else objections_of(checks, case.policy, rests.bases)
        said = claim.records if clear else tuple(records_of(checks))
        if stopped or content or by_partners or wish.check is not None:  # hardly ever
            objections += _sanction_objections(stopped, case.policy)
            objections += objections_of([*by_partners, *content], case.policy)
            said = (*said, *records_of(content), *_sanction_records(stopped), *records_of(by_partners))
            said = (*said, *_recipient_records(wish))
        if rests.relieved:
            objections.append(Objection(RELIEF, "own", "OBSERVE", "REJECT", "OBSERVE"))
        if wish.check is not None:
            objections += _recipient_objections(wish, case.policy)
        allowed = [*claim.allowed]
        if wish.allowed and objections:
            allowed.append("recipient_allow")
        outcome = judge(objections, allowed, pack.ranks)
        return Decision(
            decision_id=decision_id(message.producer, message.leg, message.event_id),
            event_id=message.event_id,
            event_time_ms=case.e_ms,
            leg=message.leg,
            verdict=outcome.verdict,
            action=outcome.action,
            label=pack.label if outcome.action == "LABEL" else None,
            reasons=reasons_of(objections, pack.ranks),
            passed=(*passed, *names_passed(content)) if content else passed,
            checks=said,
            won=outcome.won,
            flags=tuple(case.flags),
            shadow=shadow_of(objections, allowed, case.policy, outcome),
            leak=None if clear else leak_of(case, [c for c in checks if c.name not in rests.softened], own),
            sender=claim.sender,
            recipient=recipient_pseudonym(keys, message.recipient.removeprefix("+")),
            route=claim.route,
            subjects=claim.listed,
            fingerprint=mark,
            group_size=message.group_size,
            # So that the same text is known again when it comes without the label.
            advertised=None if unlabelled is None else fingerprint(unlabelled),
            jurisdiction=None if place is self.policies else place.jurisdiction,
            versions=self._versions(case.policy, case.versions_read(), raw),
        )


def decision_id(producer: str, leg: str, event_id: str) -> str:
    """20 hex digits of H(producer, leg, event id): a repeated event gets the same one."""
    named = f"{producer}\x00{leg}\x00{event_id}".encode("utf-8", "replace")
    return hashlib.sha256(named).hexdigest()[:20]


def mode_of(policy: Policy, code: str, cap: Mode = "BLOCK") -> Mode:
    """The mode a code runs in: the pack's, never stricter than the check's own cap."""
    mode = policy.pack.modes.get(code, policy.pack.default_mode)
    return mode if MODE_ORDER[mode] <= MODE_ORDER[cap] else cap


def objections_of(
    checks: list[Check], policy: Policy, bases: Mapping[str, FailBasis] = NO_BASES
) -> list[Objection]:  # fmt: skip
    """What failed, with the mode each code runs in. UNKNOWN never objects; our own failure is named and harmless."""
    found: list[Objection] = []
    for check in checks:
        for code in check.codes:
            cap: Mode = "OBSERVE" if check.gate == "own" else check.cap
            action = policy.pack.actions.get(code, "REJECT")
            soft = policy.pack.soft.get(code, "LABEL")
            mode = mode_of(policy, code, cap)
            found.append(Objection(code, check.gate, mode, action, cap, soft, basis=bases.get(code)))
    return found


def _sanction_objections(stopped: list[Hit], policy: Policy) -> list[Objection]:
    found: list[Objection] = []
    for hit in stopped:
        mode = mode_of(policy, "DIRECTIVE" if hit.directive else "SANCTION", hit.cap)
        gate: Gate = "directive" if hit.directive else "reputation"
        found.append(Objection(hit.entry.reason, gate, mode, hit.action, hit.cap))
    return found


def _recipient_objections(wish: Wanted, policy: Policy) -> list[Objection]:
    if wish.check is None or wish.check.outcome != "FAIL":
        return []
    code = wish.check.codes[0]
    # Somebody who wants it in the spam box still gets it: this wish alone never blocks.
    cap: Mode = "LABEL" if wish.action == "SPAM_BOX" else "BLOCK"
    return [Objection(code, "recipient", mode_of(policy, code, cap), wish.action, cap, soft="SPAM_BOX")]


def _recipient_records(wish: Wanted) -> list[CheckRecord]:
    return [] if wish.check is None else records_of([wish.check])


def _sanction_records(stopped: list[Hit]) -> list[CheckRecord]:
    found: list[CheckRecord] = []
    for hit in stopped:
        entry = hit.entry
        evidence: dict[str, Evidence] = {"on": hit.kind, "sanction_id": entry.sanction_id, "step": entry.step}
        if hit.others:
            evidence["bands"] = hit.others
        if hit.directive and entry.reference:
            evidence["reference"] = entry.reference
        if hit.above:
            evidence["above"] = hit.above
        found.append(CheckRecord(check="sanctions", outcome="FAIL", evidence=evidence))
    return found


def shadow_of(objections: list[Objection], allowed: list[str], policy: Policy, said: Outcome) -> Shadow | None:
    """What the enforce profile would say, where it differs from what was said."""
    if not objections:
        return None
    enforce = policy.pack.enforce
    raised: list[Objection] = []
    for o in objections:
        name = {"directive": "DIRECTIVE", "reputation": "SANCTION"}.get(o.gate, o.code)
        target = min(enforce.get(name, o.mode), o.cap, key=MODE_ORDER.__getitem__)
        raised.append(o._replace(mode=target) if MODE_ORDER[target] > MODE_ORDER[o.mode] else o)
    outcome = judge(raised, allowed, policy.pack.ranks)
    if (outcome.verdict, outcome.action) == (said.verdict, said.action):
        return None
    codes = tuple(o.code for o in raised if o.mode == "BLOCK")
    return Shadow(verdict=outcome.verdict, action=outcome.action, codes=codes)


def leak_of(case: Case, checks: list[Check], own: Pack) -> str | None:
    """What the origination gate should have stopped: a termination FAIL on a row recorded an epoch before upstream
    said ALLOW. `no_gate` when no upstream verdict came with it, or one older than the skew (backdating hides nothing).
    """
    message = case.message
    if message.leg != "termination" or message.route.relay_id is None or all([c.outcome != "FAIL" for c in checks]):
        return None
    failed = [c for c in checks if c.outcome == "FAIL" and c.gate != "own"]
    if not failed:
        return None
    upstream = message.upstream
    if upstream is None or case.e_ms - upstream.event_time_ms > own.skew_ms:
        return "no_gate"
    if upstream.verdict != "ALLOW":
        return None
    known_by = upstream.event_time_ms - own.epoch_ms
    return next((c.codes[0] for c in failed if c.since_ms <= known_by or c.since_ms == LONG_AGO), None)
