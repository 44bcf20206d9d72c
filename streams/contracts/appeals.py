"""`appeals`, `notices`, `reviews`, `outcomes`, `epochs`: a sanction's subject is told, may object, and is answered."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from streams.contracts.base import Id, Ms, Record, Short
from streams.contracts.reports import Scope
from streams.contracts.reputation import StepName, Subject

NoticeKind = Literal[
    "before", "after", "withdrawn", "ended", "appeal_filed", "appeal_upheld", "appeal_refused", "appeal_overdue",
]  # fmt: skip


class Appeal(Record, frozen=True, kw_only=True):
    """Somebody objects to a sanction, or the one who imposed it answers. Key: subject, as `sanctions` has it."""

    appeal_id: Annotated[Id, Meta(description="the portal's own number; filing and decision share it")]
    act: Annotated[Literal["file", "uphold", "refuse"], Meta(description="uphold: the appeal, so the sanction ends")]
    subject: Subject
    sanction_id: Annotated[Id, Meta(description="of the sanction appealed, as its notice names it")]
    evidence: Annotated[Short, Meta(description="reference of what was handed in, or of the decision's grounds")]
    authority: Annotated[Id, Meta(description="who decides; filing: ignored")] = "carrier"
    recorded_at_ms: Ms


class Notice(Record, frozen=True, kw_only=True):
    """What the subject of a sanction is told. A person stands there as a pseudonym; the carrier knows who it is."""

    notice_id: Annotated[Id, Meta(description="H(sanction_id, kind): the same notice again has the same")]
    subject: Subject
    sanction_id: Id
    kind: Annotated[NoticeKind, Meta(description="before: ahead of the start; after: it was urgent, see why_after")]
    step: StepName
    scope: Scope = Scope()
    from_ms: Ms
    to_ms: Annotated[Ms | None, Meta(description="null: until lifted, or, on an appeal, as it was")] = None
    reason: Id
    authority: Annotated[Id, Meta(description="who imposed it, and so who may lift it")]
    why_after: Annotated[Short, Meta(description="why the notice could not come before")] = ""
    reference: Annotated[Short, Meta(description="of the order, the evidence or the decision")] = ""
    appeal_id: Id | None = None
    appeal_until_ms: Annotated[Ms | None, Meta(description="until when an appeal may be filed")] = None
    decide_by_ms: Annotated[Ms | None, Meta(description="until when an open appeal has to be decided")] = None
    recorded_at_ms: Ms


class Review(Record, frozen=True, kw_only=True):
    """What looking at a sanction again came to. Votes up to `epoch` don't count again unless it was confirmed."""

    review_id: Annotated[Id, Meta(description="the finding that ended or confirmed the sanction")]
    subject: Subject
    sanction_id: Id
    result: Annotated[
        Literal["overturned", "confirmed", "lifted"],
        Meta(description="by an appeal upheld or refused; lifted: by a person, nobody was wrong"),
    ]
    epoch: Annotated[int, Meta(description="of the decision, in the policy's epoch length")]
    recorded_at_ms: Ms


class Outcome(Record, frozen=True, kw_only=True):
    """How one voter's reports fared: an appeal overturned or confirmed the sanction that they led to. Key: reporter.

    Counts for weights from the epoch after that of `recorded_at_ms`.
    """

    outcome_id: Annotated[Id, Meta(description="H(review, voter): the same outcome again has the same")]
    reporter: Annotated[Id, Meta(description="pseudonym under the state key; a group is g:<group>")]
    subject: Subject
    sanction_id: Id
    overturned: bool
    report_id: Annotated[Id | None, Meta(description="of one report, where the outcome is on that one alone")] = None
    recorded_at_ms: Ms
    erased: Annotated[
        bool, Meta(description="the history up to here is forgotten, and the weight starts again at the floor")
    ] = False


class Closed(Record, frozen=True, kw_only=True):
    """All decisions up to and including this epoch are metered; told to every partition of `epochs`."""

    epoch: Annotated[int, Meta(description="number since 1970, in the policy's epoch length")]
