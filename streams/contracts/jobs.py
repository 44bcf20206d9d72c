"""`jobs.submitted`, `jobs`: who answers for a bulk send, to whom it may go. Numbers stand in submissions only."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from streams.contracts.base import Count, Entry, Id, Ms, Record

#: So many recipients a job may have: the list fits a record of 1 MB, and a filter of 64 KiB still tells them apart.
MAX_RECIPIENTS = 50_000
Name = Annotated[str, Meta(pattern=r"^[^/\s]{1,100}$", description="no slash: keys are made of two of them")]
Recipient = Annotated[str, Meta(pattern=r"^[1-9][0-9]{6,14}$", description="E.164 digits without the plus")]
JobFault = Annotated[
    Literal[
        "JOB_ASSERTION_MALFORMED",
        "JOB_KEY_UNKNOWN",
        "JOB_KEY_RETIRED",
        "JOB_KEY_COMPROMISED",
        "JOB_SIGNATURE_BAD",
        "JOB_OTHER_ACCOUNT",
        "JOB_OTHER_JOB",
        "JOB_RECIPIENTS_DIFFER",
        "JOB_EXPIRED",
    ],
    Meta(description="why the assertion was not accepted"),
]


def job_key(account_id: str, job_id: str) -> str:
    """The key of a job on both topics."""
    return f"job:{account_id}/{job_id}"


class JobSubmission(Record, frozen=True, kw_only=True):
    """A bulk send announced by an account. Key: `job:<account>/<id>`, as on `jobs`."""

    account_id: Annotated[Name, Meta(description="as the portal authenticated it")]
    job_id: Name
    recorded_at_ms: Annotated[Ms, Meta(description="when the portal took it")]
    assertion: Annotated[str, Meta(max_length=4096, description="JWS in compact serialization (RFC 7515 section 7.1)")]
    recipients: Annotated[
        tuple[Recipient, ...], Meta(min_length=1, max_length=MAX_RECIPIENTS, description="each once, ascending")
    ]

    def key(self) -> str:
        """The record key."""
        return job_key(self.account_id, self.job_id)


class JobEntry(Entry, frozen=True, kw_only=True, omit_defaults=True):
    """What one submission came to. With a code, nothing below `code` is to be relied on."""

    assertion: Annotated[str, Meta(pattern="^[0-9a-f]{32}$", description="SHA-256 of what was signed, 128 bits")]
    code: Annotated[JobFault | None, Meta(description="null: accepted")] = None
    kid: Annotated[str, Meta(max_length=100, description="the key named by the assertion")] = ""
    method: Annotated[str, Meta(max_length=64, description="how the sender's identity was verified")] = ""
    issued_ms: Ms = 0
    expires_ms: Annotated[Ms, Meta(description="messages from this event time on are not covered")] = 0
    recipients: Annotated[Count, Meta(description="how many are bound")] = 0
    filter: Annotated[
        bytes, Meta(max_length=65_536, description="Bloom filter of the recipients' state pseudonyms, base64")
    ] = b""
    reused_at_ms: Annotated[
        Ms | None, Meta(description="when another assertion, signed as well, came for the same job; this one stays")
    ] = None


class JobRow(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A job: the earliest submission that was refused, until the earliest that was accepted."""

    key: Annotated[Id, Meta(description="job:<account>/<id>")]
    timeline: tuple[JobEntry, ...] = ()
