"""`votes`, `traffic`, `findings`, `sanctions`: the road from a report to a sanction."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from streams.contracts.base import Count, Entry, Id, Ms, Permille, Record, Short
from streams.contracts.decisions import FailBasis
from streams.contracts.messages import Leg
from streams.contracts.reports import Scope

Subject = Annotated[str, Meta(min_length=1, max_length=512, description="kind:name, e.g. sender:kr:15881234#0")]
Basis = Annotated[Literal["count", "rate"], Meta(description="distinct reporters, or reporters per delivered message")]
#: RELIEF stands on pairs only: the rules in its `codes` label their messages instead of blocking them.
StepName = Literal["OBSERVE", "WARN", "THROTTLE", "TEMP_BLOCK", "BLOCK", "RELIEF"]

#: Key prefix of the meter's watermarks in `traffic`: one for each decisions partition, in every traffic partition.
WATERMARK = "~watermark"


class Vote(Record, frozen=True, kw_only=True):
    """One reporter against one subject. Its epoch is that of `ingested_at_ms`."""

    subject: Subject
    reporter: Annotated[Id, Meta(description="pseudonym under the state key")]
    group: Annotated[Id | None, Meta(description="reporters of one group are one voter")] = None
    weight_permille: Permille = 1000
    basis: Basis
    leg: Leg = "termination"
    report_id: Id
    message_at_ms: Ms
    reported_at_ms: Ms
    ingested_at_ms: Ms
    category: str = "other"
    source: Annotated[Id | None, Meta(description="who took the report in")] = None
    jurisdiction: Annotated[
        Id | None, Meta(description="whose rules judged the message, if not the carrier's own: its thresholds count")
    ] = None


class Traffic(Record, frozen=True, kw_only=True):
    """What one decisions partition delivered for a subject in an epoch; `[first_offset, next_offset)` of it.

    A watermark (subject `~watermark`) says that the partition is metered up to and including `epoch`.
    """

    subject: Subject
    epoch: Annotated[int, Meta(description="number since 1970, in the policy's epoch length")]
    partition: Annotated[int, Meta(ge=0, description="of decisions")]
    first_offset: Count
    next_offset: Count
    delivered: Annotated[Count, Meta(description="messages allowed on the termination leg")]
    jurisdiction: Annotated[Id | None, Meta(description="whose rules judged them, if not the carrier's own")] = None


class PairTraffic(Record, frozen=True, kw_only=True, omit_defaults=True):
    """`pairs`: how a registered sender's messages over one relay fared in a breaker epoch, of one decisions partition.

    Counts are of the checks' outcomes, whatever mode they ran in and whatever relief stood.
    """

    subject: Annotated[Subject, Meta(description="e.g. pair:sender:kr:15881234>relay-7")]
    epoch: Annotated[int, Meta(description="number since 1970, in epochs of epoch_ms")]
    epoch_ms: Annotated[int, Meta(ge=1, description="length of a breaker epoch, by the policy of the messages' time")]
    partition: Annotated[int, Meta(ge=0, description="of decisions")]
    first_offset: Count
    next_offset: Count
    passed: Annotated[Count, Meta(description="sender proved, and no check of gate 1 failed")] = 0
    failed: Annotated[
        dict[str, dict[FailBasis, Count]], Meta(description="code → what its FAIL rested on → messages")
    ] = {}


class Finding(Record, frozen=True, kw_only=True):
    """An agent's conclusion about a subject; the sanction agent acts on it."""

    subject: Subject
    finding_id: Annotated[Id, Meta(description="becomes the sanction_id; the same conclusion has the same")]
    source: Literal["tally", "directive", "appeal", "person", "breaker", "review", "behaviour", "owner"]
    step: StepName
    from_ms: Ms
    to_ms: Ms | None = None
    recorded_at_ms: Ms = 0
    reason: Id
    counts: Annotated[dict[str, int], Meta(description="what was counted, by window")] = {}
    policy: Annotated[str, Meta(description="sha256 of the effective pack")] = ""
    authority: Annotated[Id, Meta(description="'regulator' makes it a directive")] = "carrier"
    scope: Scope = Scope()
    share_permille: Permille = 1000
    version: Count = 0
    codes: Annotated[tuple[Id, ...], Meta(description="step RELIEF: the codes that label instead of blocking")] = ()
    releases: Annotated[Id | None, Meta(description="the sanction_id that this finding ends, at from_ms")] = None
    sanction_id: Annotated[Id | None, Meta(description="source appeal or review: the sanction it is about")] = None
    appeal_id: Annotated[Id | None, Meta(description="source appeal: which one")] = None
    clears_through_epoch: Annotated[
        int | None, Meta(description="votes up to this epoch don't count again; null: they do")
    ] = None
    urgent: Annotated[Short, Meta(description="source person: why the notice could not come before")] = ""
    reference: Annotated[Short, Meta(description="of the order, the evidence or the decision")] = ""
    jurisdiction: Annotated[
        Id | None, Meta(description="source tally: whose threshold was reached, if not the carrier's own")
    ] = None


class AppealState(Record, frozen=True, kw_only=True):
    """An appeal against a sanction. While paused the sanction does not count."""

    appeal_id: Id
    filed_at_ms: Ms
    decide_by_ms: Annotated[Ms, Meta(description="open after this: overdue")]
    evidence: Short = ""
    paused_from_ms: Annotated[Ms | None, Meta(description="null: the sanction stands meanwhile")] = None
    paused_to_ms: Ms | None = None
    outcome: Literal["upheld", "refused"] | None = None
    decided_at_ms: Ms | None = None
    grounds: Annotated[Short, Meta(description="reference of the decision")] = ""


class SanctionEntry(Entry, frozen=True, kw_only=True):
    sanction_id: Annotated[Id, Meta(description="H(subject, step, start epoch), or H(reference) of a directive")]
    step: StepName
    share_permille: Permille = 1000
    scope: Scope = Scope()
    authority: Annotated[Id, Meta(description="'regulator' makes it a directive")] = "carrier"
    reason: Id
    codes: Annotated[tuple[Id, ...], Meta(description="step RELIEF: the codes that label instead of blocking")] = ()
    reference: Annotated[Short, Meta(description="of the order, where there was one")] = ""
    appeal_until_ms: Annotated[Ms | None, Meta(description="until when an appeal may be filed; null: not at all")] = (
        None
    )
    appeals: Annotated[tuple[AppealState, ...], Meta(description="in the order of filing")] = ()


class SanctionRow(Record, frozen=True, kw_only=True):
    """All sanctions of a subject; those current stand in parallel, the strictest wins."""

    subject: Subject
    timeline: tuple[SanctionEntry, ...]
