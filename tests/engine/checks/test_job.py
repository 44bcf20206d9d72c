"""job: has the account signed for this bulk send, and may it go to this recipient?"""

from typing import Any

import pytest

from streams.contracts.jobs import JobRow
from streams.contracts.registry import KeyEntry
from streams.demo.signing import Signer
from streams.engine.checks.job import check
from tests.engine.jobs.kit import ACCOUNT, JOB, ME, SIGNER, STRANGER, claims, key, row, submission, vouched
from tests.engine.kit import HOUR, KEYS, MINUTE, T, a2p, account, case, decide, said, sender, view

REQUIRED = account(ACCOUNT, requires_job=True)
FREE = account(ACCOUNT)
AT = T + 2 * MINUTE
REUSED = row(
    submission(), submission(SIGNER.sign(claims((STRANGER,))), recipients=(STRANGER,), recorded_at_ms=AT - 1)
)  # fmt: skip
UNKNOWN_KEY = row(rows=())


def asked(*rows: Any, jobs: tuple[JobRow, ...] = (), **over: Any) -> str:
    sent: dict[str, Any] = {
        "leg": "origination", "job_id": JOB, "recipient": ME, "event_time_ms": AT, "route": {"account_id": ACCOUNT},
    }  # fmt: skip
    return said(check(case(a2p(**(sent | over)), view(*rows, jobs=jobs)), KEYS))


CASES: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("bound", (REQUIRED, key()), {"jobs": (row(),)}, "PASS"),
    ("bound, written otherwise", (REQUIRED, key()), {"jobs": (row(),), "recipient": "010-5550-1111"}, "PASS"),
    ("bound, on the other leg", (REQUIRED, key()), {"jobs": (row(),), "leg": "termination"}, "PASS"),
    ("bound, though nobody asks for it", (FREE, key()), {"jobs": (row(),)}, "PASS"),
    ("no job", (REQUIRED, *vouched()), {"job_id": None}, "JOB_MISSING"),
    ("no job, account without the duty", (FREE, *vouched()), {"job_id": None}, "-"),
    ("no job, account without a row", vouched(), {"job_id": None}, "-"),
    ("no job, where none is named", (REQUIRED, *vouched()), {"job_id": None, "leg": "termination"}, "-"),
    ("no job, feed not complete", (REQUIRED,), {"job_id": None}, "UNKNOWN"),
    ("no account", (REQUIRED, *vouched()), {"route": {"account_id": None}}, "-"),
    ("a job nobody submitted", (REQUIRED, *vouched()), {}, "JOB_MISSING"),
    ("a job nobody submitted, feed not complete", (REQUIRED, *vouched("kr-signing-keys")), {}, "UNKNOWN"),
    ("a job nobody submitted, no duty", (FREE, *vouched()), {}, "UNKNOWN"),
    ("a job not yet recorded", (REQUIRED, *vouched()), {"jobs": (row(),), "event_time_ms": T}, "JOB_MISSING"),
    ("another account's job", (account("acct-2", requires_job=True), *vouched()),
     {"jobs": (row(),), "route": {"account_id": "acct-2"}}, "JOB_MISSING"),
    ("a minute before it expires", (REQUIRED, key()), {"jobs": (row(),), "event_time_ms": T + HOUR - MINUTE}, "PASS"),
    ("expired", (REQUIRED, key()), {"jobs": (row(),), "event_time_ms": T + HOUR}, "JOB_EXPIRED"),
    ("unbound", (REQUIRED, key()), {"jobs": (row(),), "recipient": STRANGER}, "JOB_RECIPIENT_UNBOUND"),
    ("no number", (REQUIRED, key()), {"jobs": (row(),), "recipient": "15881234"}, "UNKNOWN"),
    ("reused, bound by the first", (REQUIRED, key()), {"jobs": (REUSED,)}, "PASS"),
    ("reused, bound by the second", (REQUIRED, key()), {"jobs": (REUSED,), "recipient": STRANGER}, "JOB_REUSED"),
    ("reused later", (REQUIRED, key()), {"jobs": (REUSED,), "recipient": STRANGER, "event_time_ms": AT - 2},
     "JOB_RECIPIENT_UNBOUND"),
    ("refused", (REQUIRED, key()), {"jobs": (row(submission(Signer("x").sign(claims()))),)}, "JOB_SIGNATURE_BAD"),
    ("refused, though nobody asks for it", (FREE, key()), {"jobs": (row(submission("x")),)}, "JOB_ASSERTION_MALFORMED"),
    ("key unknown", (REQUIRED, *vouched()), {"jobs": (UNKNOWN_KEY,)}, "JOB_KEY_UNKNOWN"),
    ("key unknown, feed not complete", (REQUIRED, *vouched("kr-bulk-jobs")), {"jobs": (UNKNOWN_KEY,)}, "UNKNOWN"),
    ("key unknown then, known now", (REQUIRED, key(), *vouched()), {"jobs": (UNKNOWN_KEY,)}, "UNKNOWN"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "rows", "over", "answer"), CASES, ids=[c[0] for c in CASES])
def test_job(what: str, rows: tuple[Any, ...], over: dict[str, Any], answer: str) -> None:
    assert asked(*rows, **over) == answer


def compromised(from_ms: int) -> Any:
    """The account's key, known to be compromised from a time on, and declared good again later."""
    fields: dict[str, Any] = {"alg": "EdDSA", "jwk": SIGNER.public}
    states = [("active", 0), ("compromised", from_ms), ("active", from_ms + MINUTE)]
    entries = [
        KeyEntry(version=n, state=state, from_ms=at, recorded_at_ms=at, **fields)
        for n, (state, at) in enumerate(states)
    ]
    return key().__class__(key=key().key, timeline=tuple(entries))


def test_a_compromised_key_fails_what_it_signed_before_and_for_good() -> None:
    for since, answer in ((AT + 1, "PASS"), (AT, "JOB_KEY_COMPROMISED"), (AT - 5 * MINUTE, "JOB_KEY_COMPROMISED")):
        assert asked(REQUIRED, compromised(since), jobs=(row(),)) == answer


def test_a_retired_key_leaves_what_it_signed_before() -> None:
    assert asked(REQUIRED, key(to_ms=T + MINUTE), jobs=(row(),)) == "PASS"


def test_it_blocks_with_standing() -> None:
    sent = a2p(leg="origination", job_id=JOB, recipient=STRANGER, event_time_ms=AT, route={"account_id": ACCOUNT})
    held = view(REQUIRED, key(), sender(relays=("relay-7",)), jobs=(row(),))
    decision = decide(sent, held)
    assert (decision.verdict, decision.won) == ("BLOCK", "standing")
    assert [(r.code, r.gate) for r in decision.reasons] == [("JOB_RECIPIENT_UNBOUND", "standing")]
    good = decide(
        a2p(leg="origination", job_id=JOB, recipient=ME, event_time_ms=AT, route={"account_id": ACCOUNT}), held
    )
    assert good.verdict == "ALLOW"
    assert "job" in good.passed
