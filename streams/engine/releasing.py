"""Releases: many different recipients take a subject's messages out of the spam box, and a person has to look why.

That they do proves nothing: people release spam, too. So releases open a review and do nothing else; only the person's
outcome ends a sanction and tells reporters how they fared.
"""

from __future__ import annotations

import hashlib

import msgspec

from streams.contracts.base import Record
from streams.contracts.releases import Release, ReleaseReview
from streams.contracts.reputation import Finding
from streams.engine.case import Case
from streams.engine.epochs import effect_of, epoch_of
from streams.engine.fingerprint import fingerprint
from streams.engine.pack import MAX_RELEASERS, Pack
from streams.engine.pseudonym import Keys
from streams.engine.recipient import recipient_key
from streams.engine.subjects import campaign_subject, sender_subject

#: Reviews of a subject that are remembered.
MAX_REVIEWS = 50
KINDS = ("sender", "campaign")
OVERTURNED, CONFIRMED = "REVIEW_OVERTURNED", "REVIEW_CONFIRMED"


class ReleaseRefused(ValueError):
    """A release or decision that can't be taken. `reason` is a code for the dead letter."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


class Gathered(Record, frozen=True, kw_only=True):
    """The state of one subject; a value of the releases table.

    releasers: recipient → when they released last, since the last decision and within the pack's window. spent_ms: the
    last decision; releases until then don't count again. opened_by: review → the release that opened it.
    """

    subject: str
    releasers: dict[str, int] = {}
    newest_ms: int = -(2**53)
    spent_ms: int = -(2**53)
    reviews: tuple[ReleaseReview, ...] = ()
    opened_by: dict[str, str] = {}


def releases_of(
    case: Case, keys: Keys, *, release_id: str, recipient: str, text: str | None, relay_id: str | None,
    event_id: str | None, recorded_at_ms: int,
) -> list[Release]:  # fmt: skip
    """The releases of one message, at the time of its case: of its sender, and of its text's campaign over its relay.

    The template alone is the campaign here: of its bands each would open a review of its own.
    """
    subjects = [sender_subject(case, keys)]
    exact = fingerprint(text) if text is not None else None
    if exact is not None:
        subjects.append(campaign_subject(relay_id, exact))
    person = recipient_key(recipient, case.pack.grammar, keys)
    return [
        Release(
            release_id=release_id, act="release", subject=subject, recipient=person, event_id=event_id,
            released_at_ms=case.e_ms, recorded_at_ms=recorded_at_ms,
        )
        for subject in subjects
    ]  # fmt: skip


def take(state: Gathered | None, release: Release, pack: Pack) -> tuple[Gathered, tuple[ReleaseReview, ...]]:
    """The subject's state after a release or a decision, and the reviews to be told, as they stand now.

    The same again changes nothing and tells the same. Raises ReleaseRefused.
    """
    held = state if state is not None else Gathered(subject=release.subject)
    if release.subject.partition(":")[0] not in KINDS:
        raise ReleaseRefused("NOT_RELEASABLE", f"{release.subject} is neither a sender nor a campaign")
    return _released(held, release, pack) if release.act == "release" else _decided(held, release)


def finding_of(decision: Release, pack: Pack) -> Finding | None:
    """What the sanction agent is told of a decision; it counts from two epochs on. None where no sanction stands."""
    if decision.act == "release" or decision.sanction_id is None:
        return None
    epoch = epoch_of(decision.recorded_at_ms, pack.epoch_ms)
    overturned = decision.act == "overturn"
    named = f"review/{decision.review_id}/{decision.act}".encode("utf-8", "replace")
    return Finding(
        subject=decision.subject,
        finding_id=hashlib.sha256(named).hexdigest()[:20],
        source="review",
        step="OBSERVE",
        from_ms=effect_of(epoch, pack.epoch_ms),
        recorded_at_ms=decision.recorded_at_ms,
        reason=OVERTURNED if overturned else CONFIRMED,
        authority=decision.authority,
        releases=decision.sanction_id if overturned else None,
        sanction_id=decision.sanction_id,
        clears_through_epoch=epoch if overturned else None,
        reference=decision.grounds,
    )


def _released(
    held: Gathered, release: Release, pack: Pack
) -> tuple[Gathered, tuple[ReleaseReview, ...]]:  # fmt: skip
    rules, at_ms = pack.releases, release.released_at_ms
    if release.recipient is None or at_ms is None:
        raise ReleaseRefused("NO_RECIPIENT", "a release says who released, and when")
    if at_ms > release.recorded_at_ms + pack.skew_ms:
        raise ReleaseRefused("RELEASED_IN_THE_FUTURE", "released after it was recorded")
    if release.recorded_at_ms - at_ms > rules.window_ms:
        raise ReleaseRefused("RELEASE_TOO_LATE", f"recorded more than {rules.window_ms} ms after it was made")
    held = _counted(held, release.recipient, at_ms, rules.window_ms)
    opened = next((r for r in held.reviews if r.outcome is None), None)
    if opened is not None:
        now = msgspec.structs.replace(opened, releasers=max(opened.releasers, len(held.releasers)))
        return _with(held, now), (now,)
    if 0 < rules.min_releasers <= len(held.releasers) and release.recipient in held.releasers:
        named = f"release-review/{release.subject}/{release.release_id}".encode("utf-8", "replace")
        review = ReleaseReview(
            review_id=hashlib.sha256(named).hexdigest()[:20],
            subject=release.subject,
            opened_at_ms=release.recorded_at_ms,
            releasers=len(held.releasers),
        )
        held = msgspec.structs.replace(held, opened_by=held.opened_by | {review.review_id: release.release_id})
        return _with(held, review), (review,)
    return held, tuple(r for r in held.reviews if held.opened_by.get(r.review_id) == release.release_id)


def _counted(held: Gathered, recipient: str, at_ms: int, window_ms: int) -> Gathered:
    """With one releaser more, or the same once more; without those that the window has left."""
    newest_ms = max(held.newest_ms, at_ms)
    oldest_ms = max(newest_ms - window_ms, held.spent_ms + 1)
    releasers = {who: at for who, at in held.releasers.items() if at >= oldest_ms}
    if at_ms >= oldest_ms and (recipient in releasers or len(releasers) < MAX_RELEASERS):
        releasers[recipient] = max(at_ms, releasers.get(recipient, at_ms))
    return msgspec.structs.replace(held, releasers=releasers, newest_ms=newest_ms)


def _decided(held: Gathered, decision: Release) -> tuple[Gathered, tuple[ReleaseReview, ...]]:
    review = next((r for r in held.reviews if r.review_id == decision.review_id), None)
    if review is None:
        raise ReleaseRefused("NO_SUCH_REVIEW", f"{decision.review_id} was not opened for {decision.subject}")
    decided = msgspec.structs.replace(
        review,
        outcome="overturned" if decision.act == "overturn" else "confirmed",
        decided_at_ms=decision.recorded_at_ms,
        sanction_id=decision.sanction_id,
        grounds=decision.grounds,
        authority=decision.authority,
    )
    if review.outcome is not None and review != decided:
        raise ReleaseRefused("ALREADY_DECIDED", f"{decision.review_id} was {review.outcome}")
    spent_ms = max(held.spent_ms, decision.recorded_at_ms)
    left = {who: at for who, at in held.releasers.items() if at > spent_ms}
    return _with(msgspec.structs.replace(held, releasers=left, spent_ms=spent_ms), decided), (decided,)


def _with(held: Gathered, review: ReleaseReview) -> Gathered:
    others = [r for r in held.reviews if r.review_id != review.review_id]
    every = sorted([*others, review], key=lambda r: (r.outcome is None, r.opened_at_ms, r.review_id))[-MAX_REVIEWS:]
    names = {r.review_id for r in every}
    opened_by = {name: by for name, by in held.opened_by.items() if name in names}
    return msgspec.structs.replace(held, reviews=tuple(every), opened_by=opened_by)
