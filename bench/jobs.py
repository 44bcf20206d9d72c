"""What a bulk send costs: to verify one job, and to ask a message's job at the gate.

    python -m bench.jobs [--recipients N] [--looks N] [--repeats N] [--write]

A job: decode the submission, verify (Ed25519 by joserfc), hash the list, make the filter, merge and encode the row. A
message: the check with the row on RocksDB, hot, as while a job is being sent; half of the recipients are strangers.
Times are of the CPU: each part is one thread that waits for nobody.
"""

from __future__ import annotations

import tempfile
import time
from random import Random

import msgspec

from bench import command
from bench.spread import spread
from streams.config import DEMO_KEYS
from streams.contracts.base import encoder
from streams.contracts.jobs import JobSubmission
from streams.contracts.messages import Message, Route, Sender
from streams.contracts.registry import KeyEntry, KeyRow
from streams.demo.signing import Signer
from streams.engine.case import Case
from streams.engine.checks.job import check
from streams.engine.jobs.assertion import Claims, bound, signed_by
from streams.engine.jobs.submitted import judge, take
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.packs import shipped
from streams.replica.changes import Change
from streams.replica.rocks import RocksReplica

_AT_MS = 1_765_944_000_000
_ENCODE = encoder().encode


def number(index: int) -> str:
    """The n-th recipient, as international digits, in a range that nobody has."""
    return f"82100{index:07d}"


def submission(signer: Signer, recipients: int) -> bytes:
    """A job of so many recipients, as it stands on the topic."""
    listed = tuple(number(index) for index in range(recipients))
    said = Claims(
        sub="acct-1", jti="job", iat=_AT_MS // 1000, exp=_AT_MS // 1000 + 3600, method="m", recipients=bound(listed)
    )  # fmt: skip
    made = JobSubmission(
        account_id="acct-1", job_id="job", recorded_at_ms=_AT_MS, assertion=signer.sign(said), recipients=listed
    )
    return _ENCODE(made)


def message(index: int) -> Message:
    """A message of the job to the n-th number."""
    return Message(
        event_id=f"e{index}", producer="b", event_time_ms=_AT_MS + 1, ingested_at_ms=_AT_MS + 1, leg="origination",
        channel="mt", traffic_class="a2p", sender=Sender(address="15881234"), recipient=number(index), job_id="job",
        route=Route(account_id="acct-1"),
    )  # fmt: skip


def measured(recipients: int, looks: int, repeats: int, directory: str) -> list[str]:
    """Verify, then ask, and say what it came to."""
    keys, policies, signer = Keys(*DEMO_KEYS), Policies(shipped(), "kr"), Signer("bench")
    key = KeyRow(key="key:acct-1/k1", timeline=(KeyEntry(alg="EdDSA", jwk=signer.public),))
    replica = RocksReplica(directory)
    replica.apply([Change("registry", 0, 0, key.key, _ENCODE(key))])
    policy = policies.at(replica, _AT_MS)
    told, verified, asked = [], [], []
    for size in (100, recipients):
        raw, each = submission(signer, size), []
        for _ in range(repeats):
            begun = time.process_time()
            sent = msgspec.json.decode(raw, type=JobSubmission)
            row = take(None, sent.key(), judge(sent, replica, policies, keys))
            value = _ENCODE(row)
            each.append(time.process_time() - begun)
        took = spread([1e3 * s for s in each]).shown("ms", 2)
        told.append(f"job      {took}, {size:,} recipients, row of {len(value):,} bytes")
    assert row.timeline[0].code is None
    for _ in range(repeats):
        begun = time.process_time()
        for _ in range(100):
            signed_by(sent.assertion, key.timeline[0])
        verified.append((time.process_time() - begun) / 100)
    replica.apply([Change("jobs", 0, 0, row.key, value)])
    rng, passed = Random(1), 0
    cases = [Case(message(rng.randrange(2 * recipients)), replica, policy) for _ in range(looks)]
    check(cases[0], keys)
    for _ in range(repeats):
        for case in cases:
            case._reads.clear()  # as new
        begun = time.process_time()
        found = [check(case, keys) for case in cases]
        asked.append((time.process_time() - begun) / looks)
        passed = sum(one is not None and one.outcome == "PASS" for one in found)
    replica.close()
    return [
        *told,
        f"verify   {spread([1e6 * s for s in verified]).shown('µs')} of it are the signature",
        f"message  {spread([1e6 * s for s in asked]).shown('µs', 2)} for its job, {passed / looks:.1%} were bound",
    ]


def main(arguments: list[str] | None = None) -> list[str]:
    """Run as a command; prints and returns the lines."""
    numbers = {"recipients": 50_000, "looks": 100_000, "repeats": 5}
    given = command.parser("jobs", "A bulk send, verified and asked.", numbers).parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="dualblock-jobs-") as directory:
        lines = measured(given.recipients, given.looks, given.repeats, directory)
    return command.told("jobs", given, arguments, lines)


if __name__ == "__main__":
    main()
