"""job: has the account signed for this bulk send, and may it go to this recipient?

The signature was verified when the job was submitted; here only the job's row is read, and whether its key has become
known as compromised since. It needs the recipient, so it is asked beside `CHECKS`, not among them.
"""

from __future__ import annotations

from streams.contracts.jobs import JobEntry
from streams.engine.case import Case
from streams.engine.jobs.bloom import may_hold
from streams.engine.outcome import Check
from streams.engine.pseudonym import Keys
from streams.engine.senders import classify

NAME = "job"
PASS = Check(NAME, "PASS", gate="standing")
MISSING, EXPIRED, UNBOUND, REUSED = "JOB_MISSING", "JOB_EXPIRED", "JOB_RECIPIENT_UNBOUND", "JOB_REUSED"
KEY_UNKNOWN, COMPROMISED = "JOB_KEY_UNKNOWN", "JOB_KEY_COMPROMISED"


def check(case: Case, keys: Keys) -> Check | None:
    """FAIL with the job's code, JOB_MISSING, JOB_EXPIRED, JOB_RECIPIENT_UNBOUND, JOB_REUSED or JOB_KEY_COMPROMISED.

    No account, or neither a job nor the duty to have one: nothing to say.
    """
    account_id, job_id = case.message.route.account_id, case.message.job_id
    if account_id is None:
        return None
    account = case.account_row(account_id).entry
    required = account is not None and account.requires_job
    if job_id is None:
        return _missing(case) if required and case.message.leg in case.pack.identity.legs else None
    read = case.job_row(account_id, job_id)
    if read.entry is None:
        return _missing(case) if required else _unknown("nobody submitted this job here")
    return _judged(case, account_id, read.entry, keys)


def _judged(case: Case, account_id: str, job: JobEntry, keys: Keys) -> Check:
    if job.code == KEY_UNKNOWN:
        return _key_unknown(case, account_id, job)
    if job.code is not None:
        return _fail(job.code, job.recorded_at_ms)
    since_ms = case.compromised_since(account_id, job.kid)
    if since_ms is not None:
        return _fail(COMPROMISED, since_ms)
    reused = job.reused_at_ms is not None and job.reused_at_ms <= case.e_ms
    if case.e_ms >= job.expires_ms:
        return _fail(REUSED if reused else EXPIRED, job.recorded_at_ms)
    number = classify(case.message.recipient, None, case.pack.grammar).number
    if number is None or not number.startswith("+"):
        return _unknown("the recipient is no number that a job can name")
    if may_hold(job.filter, job.recipients, number, keys):
        return PASS
    return _fail(REUSED if reused else UNBOUND, job.recorded_at_ms)


def _key_unknown(case: Case, account_id: str, job: JobEntry) -> Check:
    """The job agent saw no such key; that is a fact only where the feed of keys vouches for it."""
    if not case.key_row(account_id, job.kid).absent:
        return _unknown("the key came after the job")
    absence = case.absence(case.country_word("key"))
    return _fail(KEY_UNKNOWN, job.recorded_at_ms) if absence.proved else _unknown(absence.why)


def _missing(case: Case) -> Check:
    absence = case.absence(case.country_word("job"))
    if not absence.proved:
        return _unknown(absence.why)
    return Check(NAME, "FAIL", (MISSING,), {}, absence.since_ms, gate="standing", basis="absence")


def _unknown(why: str) -> Check:
    return Check(NAME, "UNKNOWN", (), {"why": why}, gate="standing")


def _fail(code: str, since_ms: int) -> Check:
    return Check(NAME, "FAIL", (code,), {}, since_ms, gate="standing")
