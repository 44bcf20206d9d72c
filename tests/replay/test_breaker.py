"""The breaker in an embedded run: what a lost row comes to, and what never trips it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.contracts.decisions import Decision
from streams.contracts.feeds import RegistryValue
from streams.contracts.messages import Message
from streams.contracts.reports import Directive
from streams.contracts.reputation import Finding
from streams.engine.policy import Policies
from streams.packs import shipped
from streams.replay.embedded import Embedded
from tests.engine.kit import BANK, KEYS, T, a2p, account, alive, block, published, raw, relay, reseller, sender

STEP = 10_000
PAIR = f"pair:sender:kr:{BANK}>relay-7"
EXPIRED = "SENDER_REGISTRATION_EXPIRED"
BOUND = sender(relays=("relay-7",))
LOSS = T + 5 * STEP  # an epoch border


def changed(**over: Any) -> RegistryValue:
    """The bank's row with its newest entry ended or otherwise as `over` says."""
    return msgspec.structs.replace(BOUND, timeline=(msgspec.structs.replace(BOUND.timeline[0], **over),))


LOST = changed(to_ms=LOSS, end_recorded_at_ms=LOSS, dropped_by="g2")


class Evening:
    """A bank's traffic, by breaker epochs from T: ten messages in each, and what else is fed."""

    def __init__(self, **breaker: Any) -> None:
        self.run = Embedded(Policies(shipped(), "kr"), KEYS)
        self.run.policy(published(breaker={"max_ms": 20 * STEP} | breaker))
        for value in (
            *alive(until=2 * T),
            relay(),
            relay("relay-8"),
            reseller(),
            account(),
            block("active", f"kr:{BANK}"),
            BOUND,
        ):
            self.run.feed(value)
        self.sent = 0

    def epoch(self, number: int, sample: Message | None = None, times: int = 10) -> list[Decision]:
        """The decisions on an epoch's messages."""
        found = []
        for n in range(times):
            at = T + number * STEP + n * (STEP // times)
            self.sent += 1
            one = msgspec.structs.replace(
                sample or a2p(), event_id=f"m{self.sent}", event_time_ms=at, ingested_at_ms=at + 10
            )
            found.append(self.run.message(one, raw(one)))
        return found

    def said(self, number: int, sample: Message | None = None) -> str:
        """What all messages of an epoch came to, in one word each: verdict, or LABEL, and why it did not block."""
        return "+".join(sorted({_word(d) for d in self.epoch(number, sample)}))

    def reliefs(self) -> list[Finding]:
        return [f for f in self.run.findings if f.source == "breaker"]


def _word(decision: Decision) -> str:
    eased = [r.code for r in decision.reasons if r.code == "RELIEF"]
    eased += ["TRIAL" for check in decision.checks if "trial" in check.evidence]
    return " ".join([decision.action, *eased])


def test_a_lost_row_blocks_nobody_and_is_heard_of() -> None:
    evening = Evening()
    assert [evening.said(n) for n in range(5)] == ["DELIVER"] * 5
    evening.run.feed(LOST)
    assert [evening.said(n) for n in range(5, 10)] == [
        "LABEL TRIAL", "LABEL TRIAL", "LABEL RELIEF", "LABEL RELIEF", "LABEL RELIEF",
    ]  # fmt: skip
    (found,) = evening.reliefs()
    assert (found.subject, found.codes, found.counts) == (PAIR, (EXPIRED,), {"generation": 10, "passed": 0})
    assert (found.from_ms, found.to_ms) == (LOSS + 2 * STEP, LOSS + 22 * STEP)
    assert evening.run.late_enforcement == 0


def test_a_thin_stream_is_blocked_after_the_trial_and_relieved_once_it_trips() -> None:
    evening = Evening()
    evening.epoch(0)
    evening.run.feed(LOST)
    for n in (5, 6, 7, 8):
        thin = evening.epoch(n, times=2)
        assert {_word(d) for d in thin} == {"LABEL TRIAL" if n < 8 else "REJECT"}
    assert [evening.said(n) for n in (9, 10, 11)] == ["REJECT", "REJECT", "LABEL RELIEF"]


def test_the_row_comes_back() -> None:
    evening = Evening()
    evening.epoch(0)
    evening.run.feed(LOST)
    for n in range(5, 9):
        evening.epoch(n)
    back = T + 9 * STEP
    evening.run.feed(sender(relays=("relay-7",), version=2, from_ms=back, recorded_at_ms=back))
    assert [evening.said(n) for n in range(9, 14)] == ["DELIVER"] * 5
    assert [(f.reason, f.from_ms) for f in evening.reliefs()] == [
        ("FALSE_BLOCKS", LOSS + 2 * STEP), ("RELIEF_ENDED", T + 14 * STEP),
    ]  # fmt: skip
    ((row,),) = [row.timeline for row in evening.run.sanctions()]
    assert (row.to_ms, row.end_recorded_at_ms) == (T + 14 * STEP, T + 14 * STEP)


def test_at_the_packs_maximum_it_blocks() -> None:
    evening = Evening()
    evening.epoch(0)
    evening.run.feed(LOST)
    said = [evening.said(n) for n in range(5, 40)]
    assert said == ["LABEL TRIAL"] * 2 + ["LABEL RELIEF"] * 20 + ["REJECT"] * 13


def test_somebody_at_the_carrier_lifts_it() -> None:
    """`dualblock sanction lift`: a person's word counts two policy epochs on."""
    evening = Evening()
    evening.epoch(0)
    evening.run.feed(LOST)
    for n in range(5, 8):
        evening.epoch(n)
    (found,) = evening.reliefs()
    lift = Finding(
        subject=PAIR, finding_id="l1", source="person", step="OBSERVE", from_ms=T + 8 * STEP, reason="RELEASED",
        recorded_at_ms=T + 8 * STEP, releases=found.finding_id, reference="ops-2", version=1,
    )  # fmt: skip
    evening.run.order(lift)
    assert {evening.said(n) for n in range(8, 18)} == {"LABEL RELIEF"}
    assert {evening.said(n) for n in range(18, 24)} == {"REJECT"}


def test_an_order_ends_it() -> None:
    evening = Evening()
    evening.epoch(0)
    evening.run.feed(LOST)
    for n in range(5, 8):
        evening.epoch(n)
    (found,) = evening.reliefs()
    order = Directive(
        reference="ops-1", subject=PAIR, act="release", releases=found.finding_id, from_ms=T + 9 * STEP,
        recorded_at_ms=T + 8 * STEP, authority="carrier",
    )  # fmt: skip
    evening.run.directive(order)
    assert [evening.said(n) for n in (8, 9, 10, 11, 12)] == ["LABEL RELIEF"] + ["REJECT"] * 4


@pytest.mark.parametrize(
    ("feed", "sample"),
    [
        pytest.param(None, a2p(relay="relay-8"), id="a spoofing wave over another relay"),
        pytest.param(None, a2p(route={"international": True}), id="a spoofing wave over the bank's own relay"),
        pytest.param(changed(to_ms=LOSS), None, id="a registration that lapsed"),
        pytest.param(changed(to_ms=LOSS, end_recorded_at_ms=LOSS), None, id="a registration that was ended"),
        pytest.param(
            sender(relays=("relay-7",), version=2, state="suspended", from_ms=LOSS, recorded_at_ms=LOSS), None,
            id="a sender suspended",
        ),
        pytest.param(
            sender(relays=("relay-9",), version=2, from_ms=LOSS, recorded_at_ms=LOSS), None, id="a relay taken off"
        ),
        pytest.param(reseller(to_ms=LOSS), a2p(route={"chain": ("reseller-1",)}), id="a certificate that lapsed"),
        pytest.param(
            reseller(version=2, state="expelled", from_ms=LOSS, recorded_at_ms=LOSS),
            a2p(route={"chain": ("reseller-1",)}), id="a reseller expelled",
        ),
        pytest.param(
            relay(version=2, state="suspended", from_ms=LOSS, recorded_at_ms=LOSS), None, id="a relay suspended"
        ),
    ],
)  # fmt: skip
def test_what_never_trips_it(feed: RegistryValue | None, sample: Message | None) -> None:
    evening = Evening()
    for n in range(5):
        evening.epoch(n)
        if sample is not None and feed is not None:
            evening.epoch(n, sample)
    if feed is not None:
        evening.run.feed(feed)
    assert {evening.said(n, sample) for n in range(5, 15)} == {"REJECT"}
    assert evening.reliefs() == []


@pytest.mark.parametrize("subject", ["account:acct-1", "relay:relay-7", f"sender:kr:{BANK}"])
def test_an_order_never_trips_it_not_even_with_the_row_gone(subject: str) -> None:
    evening, sample = Evening(), a2p(route={"account_id": "acct-1"})
    for n in range(5):
        evening.epoch(n)
    order = Directive(reference="o-1", subject=subject, act="suspend", from_ms=LOSS, recorded_at_ms=LOSS)
    evening.run.directive(order)
    evening.run.feed(LOST)
    assert {evening.said(n, sample) for n in range(5, 15)} == {"REJECT"}
    assert evening.reliefs() == []


def test_a_relief_spares_nobody_the_regulator() -> None:
    evening = Evening()
    evening.epoch(0)
    evening.run.feed(LOST)
    for n in range(5, 8):
        evening.epoch(n)
    at = T + 8 * STEP
    evening.run.directive(
        Directive(reference="o-1", subject="relay:relay-7", act="suspend", from_ms=at, recorded_at_ms=at)
    )
    (found,) = evening.epoch(8, times=1)
    assert (found.verdict, found.won) == ("BLOCK", "directive")
    assert [r.mode for r in found.reasons] == ["BLOCK", "BLOCK"]


def test_forgers_of_another_pair_get_nothing_of_it() -> None:
    evening = Evening()
    evening.epoch(0)
    evening.run.feed(LOST)
    for n in range(5, 9):
        evening.epoch(n)
    assert evening.said(9) == "LABEL RELIEF"
    assert evening.said(9, a2p(relay="relay-8")) == "REJECT"
