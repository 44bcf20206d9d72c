"""`decisions`: the evidence. Everything but `observed` is a function of event, rows and policy."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from streams.contracts.base import Count, Id, Ms, Record
from streams.contracts.messages import Leg, Verdict

Action = Literal["DELIVER", "LABEL", "SPAM_BOX", "REJECT", "DROP", "THROTTLE"]
Mode = Literal["OBSERVE", "LABEL", "BLOCK"]
Gate = Literal["directive", "forgery", "standing", "reputation", "blacklist", "recipient", "content", "own"]
Outcome = Literal["PASS", "FAIL", "UNKNOWN"]
FailBasis = Annotated[
    Literal["absence", "generation", "policy", "row"],
    Meta(description="no row; a row or state that a new generation dropped; a new policy; a row or the message itself"),
]
Evidence = str | int | bool | None | tuple[str, ...]


class Reason(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One code that spoke against the message and the mode it ran in."""

    code: Annotated[Id, Meta(description="what failed, e.g. NUMBER_TERMINATED")]
    gate: Annotated[Gate, Meta(description="which part of the rules objects")]
    mode: Annotated[Mode, Meta(description="what the policy lets this code do")]
    basis: Annotated[FailBasis | None, Meta(description="forgery, business senders: what the FAIL rests on")] = None


class CheckRecord(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A check that did not pass. Those that did are named in `passed`."""

    check: Id
    outcome: Annotated[Outcome, Meta(description="UNKNOWN: data was missing or stale; it never blocks")]
    evidence: Annotated[dict[str, Evidence], Meta(description="facts; never text or recipient")] = {}


class Shadow(Record, frozen=True, kw_only=True):
    """What the enforce profile would have said, where that differs."""

    verdict: Verdict
    action: Action
    codes: Annotated[tuple[str, ...], Meta(description="codes that would have blocked")] = ()


class SenderSeen(Record, frozen=True, kw_only=True, omit_defaults=True):
    key: Annotated[str, Meta(description="business senders in clear, others as a pseudonym (~)")]
    kind: Annotated[str, Meta(description="by the sender grammar, e.g. mobile, alphanumeric")]
    registered: Annotated[bool, Meta(description="a sender row counted at event time")]
    owner_epoch: Annotated[int, Meta(ge=0, description="how often the number has changed hands; 0 is left out")] = 0


class RouteSeen(Record, frozen=True, kw_only=True):
    relay_id: Id | None = None


class Versions(Record, frozen=True, kw_only=True):
    """What the decision rests on; enough to compute it again."""

    policy: Annotated[str, Meta(description="sha256: and 128 bits of it in base64url, over the effective pack")]
    read: Annotated[
        str, Meta(description="version of each row read, in order; - for no row, those at the end left out")
    ]
    data: Annotated[str, Meta(description="hash over number plan, Unicode and confusables data")]
    input: Annotated[str, Meta(description="keyed hash of the event's bytes")]
    engine: str


class Observed(Record, frozen=True, kw_only=True):
    """When and where it was computed; outside the evidence."""

    decided_at_ms: Ms
    gate: Id
    source: Annotated[tuple[int, int], Meta(description="partition and offset of the event in messages")]


class Decision(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One decision on one message event. Empty fields are left out: it is written for every message."""

    decision_id: Annotated[Id, Meta(description="H(producer, leg, event_id): a repeated event gets the same")]
    event_id: Annotated[Id, Meta(description="of the message event")]
    event_time_ms: Annotated[Ms, Meta(description="the time at which rows were read")]
    leg: Leg
    verdict: Verdict
    action: Annotated[Action, Meta(description="ALLOW: DELIVER, LABEL, SPAM_BOX; BLOCK: REJECT, DROP, THROTTLE")]
    label: Annotated[str | None, Meta(description="what to put before the text when action is LABEL")] = None
    reasons: Annotated[tuple[Reason, ...], Meta(description="highest precedence first")] = ()
    passed: Annotated[tuple[str, ...], Meta(description="checks that passed")] = ()
    checks: Annotated[tuple[CheckRecord, ...], Meta(description="checks that did not pass")] = ()
    won: Annotated[str, Meta(description="the rank of precedence that decided")] = "default"
    flags: Annotated[tuple[str, ...], Meta(description="oddities that decide nothing, e.g. ton_mismatch")] = ()
    shadow: Shadow | None = None
    leak: Annotated[str | None, Meta(description="what the upstream gate should have seen, or no_gate")] = None
    sender: SenderSeen
    recipient: Annotated[str, Meta(description="pseudonym")]
    route: RouteSeen = RouteSeen()
    subjects: Annotated[
        tuple[str, ...], Meta(description="account and resellers; sender and relay name themselves")
    ] = ()
    fingerprint: Annotated[str | None, Meta(description="of the text, numbers and links masked")] = None
    group_size: Annotated[Count | None, Meta(description="of the message: it counts so many times")] = None
    advertised: Annotated[
        str | None, Meta(description="the text carries the advertising label: fingerprint of the rest of it")
    ] = None
    jurisdiction: Annotated[str | None, Meta(description="whose rules judged it; left out for the carrier's own")] = (
        None
    )
    versions: Versions
    observed: Observed | None = None


class Progress(Record, frozen=True, kw_only=True):
    """`progress`: how far a component has processed a partition. Key: component/topic/partition."""

    component: Id
    topic: Id
    partition: Annotated[int, Meta(ge=0)]
    next_offset: Annotated[Count, Meta(description="one past the last record processed (for a replica: applied)")]
    event_time_ms: Annotated[Ms, Meta(description="highest event time processed")] = 0

    def key(self) -> str:
        """The record's key on the topic."""
        return f"{self.component}/{self.topic}/{self.partition}"
