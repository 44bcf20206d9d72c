"""A submission becomes an entry of its job's row: verified once, here, and never again for a message."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from streams.contracts.jobs import JobEntry, JobFault, JobRow, JobSubmission
from streams.contracts.registry import KeyRow
from streams.engine.jobs.assertion import Assertion, NoAssertion, bound, digest_of, read_assertion, signed_by
from streams.engine.jobs.bloom import filter_of
from streams.engine.jobs.keys import key_name, standing
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.view import View


class SubmissionRefused(ValueError):
    """No submission at all: nothing is to be said of its job. `reason` is a code for the dead letter."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def judge(submission: JobSubmission, view: View, policies: Policies, keys: Keys) -> JobEntry:
    """What a submission comes to, with the rows as of `recorded_at_ms`. Raises SubmissionRefused.

    The first that holds is its code: unreadable, key unknown or compromised, signature, key retired when it was issued,
    other account, other job, other recipients, expired.
    """
    listed = submission.recipients
    if any(one >= other for one, other in zip(listed, listed[1:], strict=False)):
        raise SubmissionRefused("RECIPIENTS_NOT_ASCENDING", "each recipient stands once, in ascending order")
    try:
        said = read_assertion(submission.assertion)
    except NoAssertion:
        return _entry(submission, digest_of(submission.assertion), "JOB_ASSERTION_MALFORMED")
    pack = policies.at(view, submission.recorded_at_ms).pack
    issued_ms, expires_ms = said.claims.iat * 1000, said.claims.exp * 1000
    if not issued_ms < expires_ms <= issued_ms + pack.identity.max_lifetime_ms:
        return _entry(submission, said.digest, "JOB_ASSERTION_MALFORMED", kid=said.kid)
    if issued_ms > submission.recorded_at_ms + pack.skew_ms:
        return _entry(submission, said.digest, "JOB_ASSERTION_MALFORMED", kid=said.kid)
    fault = _fault(submission, said, view, issued_ms) or _mismatch(submission, said)
    if fault is None and submission.recorded_at_ms >= expires_ms:
        fault = "JOB_EXPIRED"
    told: dict[str, Any] = {"kid": said.kid, "issued_ms": issued_ms, "expires_ms": expires_ms}
    if fault is not None:
        return _entry(submission, said.digest, fault, **told)
    held = filter_of((f"+{digits}" for digits in listed), len(listed), keys)
    return _entry(
        submission, said.digest, None, **told, method=said.claims.method, recipients=len(listed), filter=held
    )  # fmt: skip


def take(row: JobRow | None, key: str, entry: JobEntry) -> JobRow:
    """The job's row after an entry. The same entries give the same row in any order and any number of times.

    The earliest that was accepted stays; before it the earliest that was refused counts. A second one that is signed
    as well only says that the job was used again: it binds nobody, and it takes nothing from whom the first one binds.
    """
    entries = [*(row.timeline if row is not None else ()), entry]
    accepted = sorted((x for x in entries if x.code is None), key=_order)
    refused = min((x for x in entries if x.code is not None), key=_order, default=None)
    made: list[JobEntry] = []
    if accepted:
        first = accepted[0]
        again = [x.recorded_at_ms for x in accepted if x.assertion != first.assertion]
        again += [x.reused_at_ms for x in accepted if x.reused_at_ms is not None]
        made.append(replace(first, reused_at_ms=min(again, default=None)))
    if refused is not None and (not accepted or refused.recorded_at_ms < accepted[0].recorded_at_ms):
        made.insert(0, replace(refused, to_ms=accepted[0].recorded_at_ms if accepted else None))
    return JobRow(key=key, timeline=tuple(made))


def _order(entry: JobEntry) -> tuple[int, str]:
    return entry.recorded_at_ms, entry.assertion


def _fault(submission: JobSubmission, said: Assertion, view: View, issued_ms: int) -> JobFault | None:
    """The key is that of the account that the assertion names: whether it is the one that submitted it comes after."""
    row = view.row(key_name(said.claims.sub, said.kid))
    found = standing(row if isinstance(row, KeyRow) else None, issued_ms, submission.recorded_at_ms)
    if found.key is None or found.fault == "JOB_KEY_COMPROMISED":
        return found.fault
    return found.fault if signed_by(submission.assertion, found.key) else "JOB_SIGNATURE_BAD"


def _mismatch(submission: JobSubmission, said: Assertion) -> JobFault | None:
    if said.claims.sub != submission.account_id:
        return "JOB_OTHER_ACCOUNT"
    if said.claims.jti != submission.job_id:
        return "JOB_OTHER_JOB"
    return None if said.claims.recipients == bound(submission.recipients) else "JOB_RECIPIENTS_DIFFER"


def _entry(submission: JobSubmission, digest: str, code: JobFault | None, **told: Any) -> JobEntry:
    at_ms = submission.recorded_at_ms
    return JobEntry(assertion=digest, code=code, from_ms=at_ms, recorded_at_ms=at_ms, version=max(at_ms, 0), **told)
