"""A submission against key rows: one outcome each; the row is the same in any order and any number of times."""

from itertools import permutations, product

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey

from streams.contracts.jobs import JobSubmission
from streams.contracts.registry import KeyEntry, KeyRow, PublicKey
from streams.demo.signing import Signer
from streams.engine.jobs.submitted import SubmissionRefused, take
from streams.engine.timeline import current
from tests.engine.jobs.kit import (
    ACCOUNT,
    ME,
    OTHER,
    SIGNER,
    STRANGER,
    claims,
    key,
    outcome,
    row,
    submission,
)
from tests.engine.kit import DAY, HOUR, MINUTE, T, raw

FORGER = Signer("forger")
SECOND = Signer(ACCOUNT, "k2")
signed = SIGNER.sign
NOW = T // 1000
ELSEWHERE = key(Signer("acct-2"), "acct-2")
CASES = [
    ("good", signed(claims()), (key(),), "accepted"),
    ("fully specified algorithm", signed(claims(), alg="Ed25519"), (key(alg="Ed25519"),), "accepted"),
    ("no JWS", "not a token", (key(),), "JOB_ASSERTION_MALFORMED"),
    ("no JWS of ours", signed(claims(), typ="JWT"), (key(),), "JOB_ASSERTION_MALFORMED"),
    ("no key named", signed(claims(), kid=None), (key(),), "JOB_ASSERTION_MALFORMED"),
    ("must be understood", signed(claims(), crit=["x"], x=1), (key(),), "JOB_ASSERTION_MALFORMED"),
    ("a claim missing", signed({"sub": ACCOUNT}), (key(),), "JOB_ASSERTION_MALFORMED"),
    ("expires before it is issued", signed(claims(exp=NOW - 1)), (key(),), "JOB_ASSERTION_MALFORMED"),
    ("valid for too long", signed(claims(exp=NOW + 604_801)), (key(),), "JOB_ASSERTION_MALFORMED"),
    ("valid for as long as may be", signed(claims(exp=NOW + 604_800)), (key(),), "accepted"),
    ("issued in the future", signed(claims(iat=NOW + 361)), (key(),), "JOB_ASSERTION_MALFORMED"),
    ("issued by a clock that is a little ahead", signed(claims(iat=NOW + 360)), (key(),), "accepted"),
    ("no row of the key", signed(claims()), (), "JOB_KEY_UNKNOWN"),
    ("a row that nobody knew yet", signed(claims()), (key(recorded_at_ms=T + HOUR),), "JOB_KEY_UNKNOWN"),
    ("somebody else's key", FORGER.sign(claims()), (key(),), "JOB_SIGNATURE_BAD"),
    ("another algorithm named", signed(claims(), alg="ES256"), (key(),), "JOB_SIGNATURE_BAD"),
    ("another algorithm pinned", signed(claims()), (key(alg="Ed25519"),), "JOB_SIGNATURE_BAD"),
    ("a row that holds no such key", signed(claims(), alg="ES256"), (key(alg="ES256"),), "JOB_SIGNATURE_BAD"),
    ("no algorithm", signed(claims(), alg="none").rpartition(".")[0] + ".", (key(),), "JOB_SIGNATURE_BAD"),
    ("key retired before", signed(claims()), (key(to_ms=T - 1),), "JOB_KEY_RETIRED"),
    ("key retired in words", signed(claims()), (key(state="retired"),), "JOB_KEY_RETIRED"),
    ("key not yet in force", signed(claims()), (key(from_ms=T + 1),), "JOB_KEY_RETIRED"),
    ("key retired right after", signed(claims()), (key(to_ms=T + 1),), "accepted"),
    ("key compromised", signed(claims()), (key(state="compromised"),), "JOB_KEY_COMPROMISED"),
    ("other account", Signer("acct-2").sign(claims(sub="acct-2")), (key(), ELSEWHERE), "JOB_OTHER_ACCOUNT"),
    ("other job", signed(claims(jti="autumn-sale")), (key(),), "JOB_OTHER_JOB"),
    ("other recipients", signed(claims((ME, STRANGER))), (key(),), "JOB_RECIPIENTS_DIFFER"),
    ("fewer recipients", signed(claims((ME,))), (key(),), "JOB_RECIPIENTS_DIFFER"),
    ("expired before it came", signed(claims(iat=NOW - 60, exp=NOW + 60)), (key(),), "JOB_EXPIRED"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "assertion", "rows", "code"), CASES, ids=[c[0] for c in CASES])
def test_outcome(what: str, assertion: str, rows: tuple[KeyRow, ...], code: str) -> None:
    assert outcome(submission(assertion), *rows) == code


def test_a_key_that_the_assertion_brings_along_is_never_used() -> None:
    public = FORGER.public
    forged = FORGER.sign(claims(), jwk={"kty": public.kty, "crv": public.crv, "x": public.x})
    assert outcome(submission(forged), key()) == "JOB_SIGNATURE_BAD"


def test_a_public_key_is_no_secret_to_sign_with() -> None:
    """The classic confusion: HMAC over the public key's bytes, taken for a signature."""
    secret = OctKey.import_key(SIGNER.public.x)
    forged = jws.serialize_compact(
        {"alg": "HS256", "typ": "job+jwt", "kid": SIGNER.kid}, raw(claims()), secret, algorithms=["HS256"]
    )
    assert outcome(submission(forged), key()) == "JOB_SIGNATURE_BAD"


def test_es256() -> None:
    private = ECKey.generate_key("P-256")
    held = private.as_dict(private=False)
    public = PublicKey(kty="EC", crv="P-256", x=str(held["x"]), y=str(held["y"]))
    rows = KeyRow(key=f"key:{ACCOUNT}/k1", timeline=(KeyEntry(alg="ES256", jwk=public),))
    header = {"alg": "ES256", "typ": "job+jwt", "kid": "k1"}
    good = jws.serialize_compact(header, raw(claims()), private, algorithms=["ES256"])
    other = jws.serialize_compact(header, raw(claims()), ECKey.generate_key("P-256"), algorithms=["ES256"])
    assert outcome(submission(good), rows) == "accepted"
    assert outcome(submission(other), rows) == "JOB_SIGNATURE_BAD"
    assert outcome(submission(signed(claims())), rows) == "JOB_SIGNATURE_BAD"


def test_rotation_has_no_gap() -> None:
    """The new key's row is there before the old one ends: each instant has a key that counts, most have two."""
    old, new = key(SIGNER, to_ms=T + HOUR), key(SECOND, from_ms=T - HOUR, recorded_at_ms=T - DAY)
    for at in (T - 2 * HOUR, T, T + HOUR - 1000, T + HOUR, T + 2 * HOUR):
        said = claims(iat=at // 1000, exp=at // 1000 + 600)
        codes = [outcome(submission(s.sign(said), recorded_at_ms=at), old, new) for s in (SIGNER, SECOND)]
        assert "accepted" in codes, at
    assert codes == ["JOB_KEY_RETIRED", "accepted"]


def test_a_list_must_be_ascending() -> None:
    for listed in ((OTHER, ME), (ME, ME)):
        with pytest.raises(SubmissionRefused, match="RECIPIENTS_NOT_ASCENDING"):
            outcome(submission(recipients=listed), key())


BAD = submission("garbage", recorded_at_ms=T)
WORSE = submission("rubbish", recorded_at_ms=T + 1)
FIRST = submission(recorded_at_ms=T + 10)
AGAIN = submission(recorded_at_ms=T + 20)  # the same assertion once more
REUSED = submission(signed(claims((ME, STRANGER))), recipients=(ME, STRANGER), recorded_at_ms=T + 30)
LATER = submission(signed(claims((STRANGER,))), recipients=(STRANGER,), recorded_at_ms=T + 40)


@pytest.mark.parametrize(
    "sent", [(BAD, FIRST), (BAD, WORSE, FIRST, AGAIN), (FIRST, REUSED, LATER), (BAD, REUSED, FIRST)]
)
def test_any_order_any_number_of_times(sent: tuple[JobSubmission, ...]) -> None:
    wanted = row(*sent)
    for order in permutations(sent):
        assert row(*order) == wanted
        assert row(*(one for one in order for _ in range(2))) == wanted
    for one, other in product(sent, sent):
        assert row(*sent, one, other) == wanted


def test_a_refused_one_counts_until_one_is_accepted() -> None:
    held = row(BAD, WORSE, FIRST, AGAIN)
    codes = [entry.code if (entry := current(held.timeline, T + at)) else "-" for at in (-1, 0, 9, 10, 99)]
    assert codes == ["-", "JOB_ASSERTION_MALFORMED", "JOB_ASSERTION_MALFORMED", None, None]
    late = submission("rubbish", recorded_at_ms=T + 50)
    assert row(FIRST, late) == row(FIRST), "nobody can spoil a job that was accepted"


def test_the_first_list_stays_and_the_second_use_is_noted() -> None:
    (entry,) = row(LATER, FIRST, REUSED).timeline
    assert (entry.recipients, entry.reused_at_ms) == (2, REUSED.recorded_at_ms)
    assert entry.filter == row(FIRST).timeline[0].filter
    assert row(FIRST, AGAIN).timeline[0].reused_at_ms is None


def test_what_names_an_assertion_is_what_was_signed() -> None:
    """A signature can be written in more than one way: another spelling of it is no second use."""
    one = row(FIRST).timeline[0]
    assert take(None, "job:a/b", one).timeline == (one,)
    mangled = FIRST.assertion.rpartition(".")[0] + ".AAAA"
    assert outcome(submission(mangled), key()) == "JOB_SIGNATURE_BAD"
    assert row(submission(mangled)).timeline[0].assertion == one.assertion


def test_no_number_stands_in_a_row() -> None:
    said = raw(row()).decode()
    assert not any(number[-8:] in said for number in (ME, OTHER))


def test_times() -> None:
    entry = row().timeline[0]
    assert (entry.issued_ms, entry.expires_ms) == (T, T + HOUR)
    assert (entry.from_ms, entry.recorded_at_ms, entry.version) == (T + MINUTE,) * 3
