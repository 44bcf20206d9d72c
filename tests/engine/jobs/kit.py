"""A customer who signs for bulk sends: keys, rows and submissions around `T`."""

from __future__ import annotations

from typing import Any

from streams.contracts.feeds import Manifest, RegistryValue
from streams.contracts.jobs import JobRow, JobSubmission
from streams.contracts.registry import KeyEntry, KeyRow
from streams.demo.signing import Signer
from streams.engine.jobs.assertion import Claims, bound
from streams.engine.jobs.submitted import judge, take
from tests.engine.kit import DAY, KEYS, MINUTE, T, beat, policies, view

ACCOUNT, JOB = "acct-1", "spring-sale"
ME, OTHER, STRANGER = "821055501111", "821055502222", "821055503333"
SIGNER = Signer(ACCOUNT)
FEEDS = {"kr-signing-keys": "kr:key", "kr-bulk-jobs": "kr:job"}


def key(signer: Signer = SIGNER, account: str = ACCOUNT, alg: str = "EdDSA", **over: Any) -> KeyRow:
    """The row of a key."""
    entry = KeyEntry(alg=alg, jwk=signer.public, **over)  # type: ignore[arg-type]  # tests pin wrong ones, too
    return KeyRow(key=f"key:{account}/{signer.kid}", timeline=(entry,))


def claims(recipients: tuple[str, ...] = (ME, OTHER), **over: Any) -> Claims:
    """Issued at T, good for an hour."""
    fields = {"sub": ACCOUNT, "jti": JOB, "iat": T // 1000, "exp": T // 1000 + 3600, "method": "certificate"}
    return Claims(**(fields | over), recipients=bound(recipients))  # type: ignore[arg-type]  # fields by name


def submission(assertion: str | None = None, **over: Any) -> JobSubmission:
    """Submitted a minute after T, signed by the account's key."""
    fields = {
        "account_id": ACCOUNT, "job_id": JOB, "recorded_at_ms": T + MINUTE, "recipients": (ME, OTHER),
        "assertion": assertion or SIGNER.sign(claims()),
    }  # fmt: skip
    return JobSubmission(**(fields | over))


def outcome(sent: JobSubmission, *rows: RegistryValue) -> str:
    """The code of a submission, or `accepted`."""
    return judge(sent, view(*rows), policies(), KEYS).code or "accepted"


def row(*sent: JobSubmission, rows: tuple[RegistryValue, ...] = (key(),)) -> JobRow:
    """The job's row after these submissions."""
    held: JobRow | None = None
    for one in sent or (submission(),):
        held = take(held, one.key(), judge(one, view(*rows), policies(), KEYS))
    assert held is not None
    return held


def vouched(*names: str) -> list[RegistryValue]:
    """Feeds of keys and jobs that are complete and fresh for a day around T."""
    found: list[RegistryValue] = []
    for feed in names or tuple(FEEDS):
        found.append(beat(feed, T - DAY, T + DAY, words=(FEEDS[feed],)))
        found.append(Manifest(generation=f"g-{feed}", feed=feed, from_ms=T - DAY, partition=0, rows=0))
    return found
