"""A pair on partners' blacklists: two registered senders on a trusted list; one of them is delisted in time."""

from __future__ import annotations

from streams.contracts.blacklists import BlacklistFile, BlacklistItem, BlacklistManifest, BlacklistRow
from streams.contracts.registry import Routes
from streams.demo.cast import Owner, both_legs, labels
from streams.demo.clock import DAY_FROM_MS, DAY_TO_MS, EPOCH_MS, HOUR_MS, epoch_start, spread
from streams.demo.numbers import e164, sender
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.stage import Line, Stage
from streams.demo.texts import words
from streams.engine.blacklisting import digest_of, take
from streams.engine.epochs import effect_of, epoch_of

ISSUER = "carrier-b"
_TAKEN_MS = DAY_FROM_MS - 4 * HOUR_MS
_DELISTED = 6  # the epoch of the day in which the second list is taken; it counts from the second one after


def listed_by_partner(stage: Stage, sizes: Sizes) -> Pair:
    """Both senders are registered and come over their own route. The attack's is on the list all day; the twin's is no
    longer on the list that counts an hour before it sends again."""
    owner = Owner(stage, "on a partner's list")
    attack, twin = labels(owner.name)
    relay = owner.relay()
    text = words("[하늘대리] 기사 배정까지 {n}분 걸립니다", "[Haneul] Your driver arrives in {n} minutes")
    subjects: list[str] = []
    for label, from_ms in ((attack, DAY_FROM_MS), (twin, epoch_start(_DELISTED + 2) + HOUR_MS)):
        account = owner.account(relay)
        number = owner.number("fixed")
        owner.register(number, account.org, Routes(mode="exclusive", relays=(relay,)))
        subjects.append(f"sender:{e164(number)}")
        line = Line(label=label, sender=sender(number), traffic_class="a2p")
        legs = both_legs(line, account, name_account=True)
        for i, event_ms in enumerate(spread(owner.rng, sizes.side, from_ms, DAY_TO_MS)):
            owner.send(legs[i % 2], (event_ms,), text)
    _shared(stage, subjects)
    return Pair(owner.name, "delisted an hour before", "BLACKLISTED_SENDER")


def _shared(stage: Stage, subjects: list[str]) -> None:
    """Two lists, as `dualblock blacklist import` takes them: the second no longer names the last subject."""
    manifest: BlacklistManifest | None = None
    rows: dict[str, BlacklistRow] = {}
    for number, (named, now_ms) in enumerate(
        ((subjects, _TAKEN_MS), (subjects[:-1], epoch_start(_DELISTED) + 60_000)), 1
    ):
        at_ms = effect_of(epoch_of(now_ms, EPOCH_MS), EPOCH_MS)
        taken = take(_list(number, named, now_ms), manifest, rows, "block", now_ms, at_ms)
        if taken is None:
            raise ValueError("a list of another number is never the one held")
        manifest = taken.manifest
        rows |= {row.key: row for row in taken.rows}
        stage.blacklists += [(now_ms, row) for row in taken.rows]
        stage.blacklists.append((now_ms, manifest))


def _list(number: int, subjects: list[str], at_ms: int) -> BlacklistFile:
    entries = tuple(
        BlacklistItem(
            subject=subject, observed_at_ms=at_ms - 48 * HOUR_MS, expires_ms=DAY_TO_MS + 30 * 24 * HOUR_MS,
            reason="PROHIBITED_CONTENT", grounds="appeal_refused", counts={"10d": 14},
        )
        for subject in sorted(subjects)
    )  # fmt: skip
    return BlacklistFile(
        issuer=ISSUER, sequence=number, digest=digest_of(entries), issued_at_ms=at_ms,
        fresh_until_ms=at_ms + 72 * HOUR_MS, entries=entries,
    )  # fmt: skip
