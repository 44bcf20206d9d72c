"""Seven pairs on who signs for a bulk send: none at all, too old, for somebody else, by a key that no longer counts."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from streams.contracts.jobs import JobSubmission
from streams.contracts.registry import KeyEntry, KeyRow, Routes
from streams.demo.cast import Owner, labels
from streams.demo.clock import DAY_FROM_MS, DAY_TO_MS, HOUR_MS, MINUTE_MS, REGISTRY_AT_MS, at, rhythm, spread
from streams.demo.numbers import sender
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.signing import Signer
from streams.demo.stage import Draft, Label, Line, Stage, Text
from streams.demo.texts import coined, words
from streams.engine.jobs.assertion import Claims, bound


def _parcels(firm: str) -> Text:
    """What a parcel service writes; the firm's name makes it the firm's own."""
    return words(f"[{firm}택배] 물품 {{n}} 오늘 배송 예정입니다", f"[{firm}] Parcel {{n}} arrives today")


_EVENING = DAY_FROM_MS - 2 * HOUR_MS


class _Customer:
    """An account with a registered number and a key of its own. required: it sends nothing without a job."""

    def __init__(self, owner: Owner, *, required: bool = True, key_to_ms: int | None = None) -> None:
        relay = owner.relay()
        self.owner, self.account = owner, owner.account(relay, requires_job=required)
        number = owner.number("fixed")
        owner.register(number, self.account.org, Routes(mode="exclusive", relays=(relay,)))
        self.signer = Signer(f"{owner.stage.seed}/{self.account.id}")
        entry = KeyEntry(to_ms=key_to_ms, recorded_at_ms=REGISTRY_AT_MS, alg="EdDSA", jwk=self.signer.public)
        owner.row(KeyRow(key=f"key:{self.account.id}/{self.signer.kid}", timeline=(entry,)))
        self._sender = sender(number, 1)

    def send(self, label: Label, times: list[int], job: str | None) -> list[str]:
        """Messages at the relay; answers their recipients, ascending."""
        line = Line(
            label=label, sender=self._sender, traffic_class="a2p", leg="origination", route=self.account.route(),
            job_id=job,
        )  # fmt: skip
        drafts: list[Draft] = self.owner.send(line, times, _parcels(coined(crc32(self.owner.name.encode()))))
        return sorted({draft.recipient for draft in drafts})

    def claims(self, job: str, recipients: list[str], issued_ms: int, **over: Any) -> Claims:
        """What it signs, valid until an hour after the day unless it says otherwise."""
        exp = (DAY_TO_MS + HOUR_MS) // 1000
        fields: dict[str, Any] = {"sub": self.account.id, "jti": job, "iat": issued_ms // 1000, "exp": exp}
        return Claims(**(fields | over), method="certificate", recipients=bound(tuple(recipients)))

    def submit(self, job: str, recipients: list[str], assertion: str, recorded_ms: int = _EVENING) -> None:
        """Announce a job."""
        self.owner.stage.jobs.append(
            JobSubmission(
                account_id=self.account.id, job_id=job, recorded_at_ms=recorded_ms, assertion=assertion,
                recipients=tuple(recipients),
            )
        )  # fmt: skip

    def signed(self, job: str, recipients: list[str], issued_ms: int = _EVENING - MINUTE_MS, **over: Any) -> None:
        """Announce a job a minute after it was signed, as it should be done, or with other claims."""
        said = self.claims(job, recipients, issued_ms, **over)
        self.submit(job, recipients, self.signer.sign(said), issued_ms + MINUTE_MS)


def job_missing(stage: Stage, sizes: Sizes) -> Pair:
    """An account that must sign for what it sends, and does not; its twin has no such duty."""
    owner = Owner(stage, "job missing")
    for label, required in zip(labels(owner.name), (True, False), strict=True):
        _Customer(owner, required=required).send(label, rhythm(owner.rng, sizes.side), None)
    return Pair(owner.name, "no duty to have one", "JOB_MISSING")


def job_expired(stage: Stage, sizes: Sizes) -> Pair:
    """What is sent in the minute after the assertion has expired; its twin in the minute before."""
    owner = Owner(stage, "assertion expired")
    attack, twin = labels(owner.name)
    customer, noon, job = _Customer(owner), at(12), "lunch"
    before = customer.send(twin, spread(owner.rng, sizes.side, noon - MINUTE_MS, noon), job)
    after = customer.send(attack, spread(owner.rng, sizes.side, noon, noon + MINUTE_MS), job)
    customer.signed(job, sorted(before + after), exp=noon // 1000)
    return Pair(owner.name, "a minute earlier", "JOB_EXPIRED")


def job_of_another(stage: Stage, sizes: Sizes) -> Pair:
    """An assertion that another account signed, copied; its twin is the account that signed it."""
    owner = Owner(stage, "other account's job")
    attack, twin = labels(owner.name)
    thief, signer = _Customer(owner), _Customer(owner)
    mine = signer.send(twin, rhythm(owner.rng, sizes.side), "spring")
    signer.signed("spring", mine)
    thief.send(attack, rhythm(owner.rng, sizes.side), "spring")
    copied = signer.signer.sign(signer.claims("spring", mine, _EVENING - MINUTE_MS))
    thief.submit("spring", mine, copied)
    return Pair(owner.name, "own", "JOB_OTHER_ACCOUNT")


def other_job(stage: Stage, sizes: Sizes) -> Pair:
    """Yesterday's assertion under the name of a new job; its twin is the job that it was signed for."""
    owner = Owner(stage, "other job's assertion")
    attack, twin = labels(owner.name)
    customer = _Customer(owner)
    signed_for = customer.send(twin, rhythm(owner.rng, sizes.side), "first")
    customer.signed("first", signed_for)
    again = customer.send(attack, rhythm(owner.rng, sizes.side), "second")
    assertion = customer.signer.sign(customer.claims("first", again, _EVENING - MINUTE_MS))
    customer.submit("second", again, assertion)
    return Pair(owner.name, "own", "JOB_OTHER_JOB")


def unbound_recipient(stage: Stage, sizes: Sizes) -> Pair:
    """A signed job, sent to people who are not on its list as well; its twin are those who are."""
    owner = Owner(stage, "unbound recipient")
    attack, twin = labels(owner.name)
    customer = _Customer(owner)
    customer.signed("members", customer.send(twin, rhythm(owner.rng, sizes.side), "members"))
    customer.send(attack, rhythm(owner.rng, sizes.side), "members")
    return Pair(owner.name, "own", "JOB_RECIPIENT_UNBOUND")


def key_retired(stage: Stage, sizes: Sizes) -> Pair:
    """A job issued a minute after its key was retired; its twin a minute before. Both are sent in the afternoon."""
    owner = Owner(stage, "key retired")
    retired = at(10)
    customer = _Customer(owner, key_to_ms=retired)
    for label, issued_ms in zip(labels(owner.name), (retired + MINUTE_MS, retired - MINUTE_MS), strict=True):
        sent = customer.send(label, spread(owner.rng, sizes.side, at(12), DAY_TO_MS), label[1])
        customer.signed(label[1], sent, issued_ms)
    return Pair(owner.name, "issued before", "JOB_KEY_RETIRED")


def bad_signature(stage: Stage, sizes: Sizes) -> Pair:
    """An assertion signed with a key that only claims to be the account's; its twin is signed with the account's."""
    owner = Owner(stage, "bad signature")
    attack, twin = labels(owner.name)
    customer, forger = _Customer(owner), Signer("forger")
    good = customer.send(twin, rhythm(owner.rng, sizes.side), "real")
    customer.signed("real", good)
    bad = customer.send(attack, rhythm(owner.rng, sizes.side), "forged")
    customer.submit("forged", bad, forger.sign(customer.claims("forged", bad, _EVENING - MINUTE_MS)))
    return Pair(owner.name, "good", "JOB_SIGNATURE_BAD")
