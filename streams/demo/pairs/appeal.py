"""A pair on fairness: two accounts that a person at the carrier has sanctioned, both object; one is right."""

from __future__ import annotations

from streams.contracts.appeals import Appeal
from streams.contracts.registry import Routes
from streams.contracts.reputation import Finding
from streams.demo.cast import Account, Owner, both_legs, labels
from streams.demo.clock import DAY_FROM_MS, DAY_TO_MS, HOUR_MS, epoch_start, spread
from streams.demo.numbers import sender
from streams.demo.pairs.base import Pair, Sizes
from streams.demo.stage import Line, Stage
from streams.demo.texts import words
from streams.engine.sanctioning import person_id

CODE = "PROHIBITED_CONTENT"
_FILED, _DECIDED = 2, 6  # epochs of the day; a decision counts from the second one after its own


def appealed(stage: Stage, sizes: Sizes) -> Pair:
    """Both accounts are blocked since the evening before. The attack's appeal is refused, so it stays blocked; the
    twin's is upheld, and it sends again from when that counts."""
    owner = Owner(stage, "sanctioned account, appeal refused")
    attack, twin = labels(owner.name)
    relay = owner.relay()
    text = words("[새길유통] 주문하신 상품 {n}개 준비되었습니다", "[Saegil] Your order of {n} items is ready")
    for label, act, from_ms in ((attack, "refuse", DAY_FROM_MS), (twin, "uphold", epoch_start(_DECIDED + 2))):
        account = owner.account(relay, owner.chain(relay, 1))
        number = owner.number("fixed")
        owner.register(number, account.org, Routes(mode="exclusive", relays=(relay,)))
        _sanctioned(stage, account, act)
        line = Line(label=label, sender=sender(number), traffic_class="a2p")
        legs = both_legs(line, account, name_account=True)
        for i, event_ms in enumerate(spread(owner.rng, sizes.side, from_ms, DAY_TO_MS)):
            owner.send(legs[i % 2], (event_ms,), text)
    return Pair(owner.name, "appeal upheld", CODE)


def _sanctioned(stage: Stage, account: Account, act: str) -> None:
    subject, reference = f"account:{account.id}", f"desk-{account.id}"
    imposed_ms = DAY_FROM_MS - 3 * HOUR_MS
    stage.orders.append(
        Finding(
            subject=subject, finding_id=person_id("carrier", reference), source="person", step="BLOCK",
            from_ms=imposed_ms, recorded_at_ms=imposed_ms, reason=CODE, reference=reference, version=1,
            urgent="prohibited content is being sent",
        )
    )  # fmt: skip
    for name, epoch in (("file", _FILED), (act, _DECIDED)):
        stage.appeals.append(
            Appeal(
                appeal_id=f"appeal-{account.id}", act=name, subject=subject,  # type: ignore[arg-type]  # one of the three acts
                sanction_id=person_id("carrier", reference), evidence=f"{name}-{account.id}",
                recorded_at_ms=epoch_start(epoch) + 60_000,
            )
        )  # fmt: skip
