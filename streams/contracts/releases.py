"""`releases`, `releases.reviews`: recipients take messages out of the spam box, and a person looks where many do."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from streams.contracts.base import Count, Id, Ms, Record, Short
from streams.contracts.reputation import Subject
from streams.contracts.settings import Recipient


class Release(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A recipient takes a held message out of the spam box, or a person decides a review. Key: subject.

    Never who the recipient is, and nothing of the text.
    """

    release_id: Annotated[Id, Meta(description="the spam box's own number; the same release again has the same")]
    act: Annotated[
        Literal["release", "overturn", "confirm"],
        Meta(
            description="release: by a recipient; overturn: holding was wrong; confirm: it was right; both by a person"
        ),
    ]
    subject: Annotated[Subject, Meta(description="the message's sender, or the campaign of its text")]
    recipient: Annotated[Recipient | None, Meta(description="who released; null in a decision")] = None
    event_id: Annotated[Id | None, Meta(description="of the message held, as its decision names it")] = None
    released_at_ms: Annotated[Ms | None, Meta(description="when it was taken out; null in a decision")] = None
    review_id: Annotated[Id | None, Meta(description="in a decision: on which review")] = None
    sanction_id: Annotated[
        Id | None, Meta(description="in a decision: on which sanction of the subject it is; null: none stands")
    ] = None
    grounds: Annotated[Short, Meta(description="in a decision: where its grounds are written down")] = ""
    authority: Annotated[Id, Meta(description="in a decision: who decides, as who imposed it")] = "carrier"
    recorded_at_ms: Ms


class ReleaseReview(Record, frozen=True, kw_only=True, omit_defaults=True):
    """So many different recipients released messages of a subject that a person has to look. Key: subject.

    Opening it changes nothing else: no sanction, no weight. Of records with one id the last on the topic counts.
    """

    review_id: Annotated[Id, Meta(description="H(subject, the release that opened it)")]
    subject: Subject
    opened_at_ms: Ms
    releasers: Annotated[Count, Meta(description="different recipients by now, each once")]
    outcome: Annotated[
        Literal["overturned", "confirmed"] | None, Meta(description="what the person decided; null: open")
    ] = None
    decided_at_ms: Ms | None = None
    sanction_id: Id | None = None
    grounds: Short = ""
    authority: Id = "carrier"
