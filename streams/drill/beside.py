"""What stands beside a drill's registry: a partner's blacklist that changes as new lists come, and bulk sends."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

from streams.config import DEMO_KEYS
from streams.contracts.blacklists import BlacklistFile, BlacklistItem, BlacklistManifest, BlacklistRow, manifest_key
from streams.contracts.jobs import JobEntry, JobRow, job_key
from streams.contracts.registry import KeyEntry, KeyRow, PublicKey
from streams.engine.blacklisting import digest_of, take
from streams.engine.jobs.bloom import filter_of
from streams.engine.pseudonym import Keys

DAY_MS = 86_400_000
PARTNER = "carrier-b"
#: The account that must announce what it sends.
BULK_ACCOUNT = "acct-0"
_BOUND = 40  # recipients of a job
_LISTED = 12  # senders that a list may name


class PartnerList:
    """A partner's list, taken as `dualblock blacklist import` takes it. The first list names all of the
    senders given, later ones about half of them."""

    def __init__(self, seed: int, senders: Iterable[str]) -> None:
        self._random, self._senders = Random(seed), sorted(senders)[:_LISTED]
        self._rows: dict[str, BlacklistRow] = {}
        self._manifest: BlacklistManifest | None = None

    def newer(self, now_ms: int) -> bool:
        """Whether a list taken now would come after the one that is held."""
        return self._manifest is None or now_ms > self._manifest.recorded_at_ms

    def next(self, now_ms: int, at_ms: int) -> list[tuple[str, BlacklistRow | BlacklistManifest]]:
        """The rows that the next list changes, to count from `at_ms`, and behind them the manifest, by key. Raises
        BlacklistRefused when it is not `newer`."""
        held = self._manifest
        named = [key for key in self._senders if held is None or self._random.random() < 0.5]
        items = tuple(
            BlacklistItem(
                subject=f"sender:{key}", observed_at_ms=at_ms - DAY_MS, expires_ms=at_ms + DAY_MS,
                reason="REPORTS_CRITICAL_10D", grounds="person",
            )
            for key in named
        )  # fmt: skip
        file = BlacklistFile(
            issuer=PARTNER, sequence=1 if held is None else held.seq + 1, digest=digest_of(items), issued_at_ms=now_ms,
            fresh_until_ms=at_ms + DAY_MS, entries=items,
        )  # fmt: skip
        taken = take(file, held, self._rows, "block", now_ms, at_ms)
        assert taken is not None  # its number is new
        self._manifest = taken.manifest
        self._rows |= {row.key: row for row in taken.rows}
        return [*((row.key, row) for row in taken.rows), (manifest_key(PARTNER), taken.manifest)]


def jobs(recorded_at_ms: int) -> tuple[KeyRow, list[JobRow]]:
    """The key that the bulk account signs with, and its jobs: accepted, expired before anything is sent, refused."""
    key = KeyRow(
        key=f"key:{BULK_ACCOUNT}/k1",
        timeline=(
            KeyEntry(
                recorded_at_ms=recorded_at_ms, alg="EdDSA", jwk=PublicKey(kty="OKP", crv="Ed25519", x="A" * 43)
            ),
        ),
    )  # fmt: skip
    bound = filter_of([f"+{_recipient(n)}" for n in range(_BOUND)], _BOUND, Keys(*DEMO_KEYS))
    good: dict[str, Any] = {
        "recorded_at_ms": recorded_at_ms, "assertion": "0" * 32, "kid": "k1", "method": "desk",
        "issued_ms": recorded_at_ms, "expires_ms": recorded_at_ms + 7 * DAY_MS, "recipients": _BOUND, "filter": bound,
    }  # fmt: skip
    entries = (
        JobEntry(**good),
        JobEntry(**good | {"expires_ms": recorded_at_ms + 1}),
        JobEntry(recorded_at_ms=recorded_at_ms, assertion="1" * 32, code="JOB_SIGNATURE_BAD"),
    )
    rows = [JobRow(key=job_key(BULK_ACCOUNT, f"j{n}"), timeline=(entry,)) for n, entry in enumerate(entries)]
    return key, rows


def _recipient(number: int) -> str:
    """The n-th of those whom the jobs bind: every other one of those that the bulk account writes to."""
    return f"8210556{number * 2:05d}"


def job_of(draw: Random) -> tuple[str | None, str]:
    """(job, recipient) of the bulk account's next message: mostly a job, sometimes one that nobody submitted."""
    job = draw.choice((None, "j0", "j0", "j0", "j1", "j2", "j9"))
    return job, f"8210556{draw.randrange(2 * _BOUND):05d}"
