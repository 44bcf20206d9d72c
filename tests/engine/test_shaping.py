"""What a message adds, and to whose shape: retries nothing, a forged number's owner nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.contracts.messages import Message
from streams.contracts.shapes import Fact, Shape
from streams.engine.decide import Decider
from streams.engine.pseudonym import state_pseudonym
from streams.engine.shaping import Shaper, merged, summed_up
from streams.engine.sketches import BLOCKS, estimate, least
from tests.engine.kit import (
    BANK,
    KEYS,
    MINUTE,
    PHONE,
    T,
    a2p,
    account,
    alive,
    block,
    message,
    policies,
    relay,
    reseller,
    sender,
    view,
)  # fmt: skip

LINE = f"sender:{state_pseudonym(KEYS, 'kr:' + PHONE)}#0"
ACCOUNT = {"account_id": "acct-901", "peer_ip": "203.0.113.9"}
ROWS = view(
    *alive(), relay(), reseller(), account("acct-901", networks=("203.0.113.0/24",)), sender(relays=("relay-7",)),
    block("active", f"kr:{BANK}"), block("active", "+821055501111"),
)  # fmt: skip


def facts(*messages: Message) -> dict[str, list[Fact]]:
    """What each of their subjects is told."""
    decider, shaper = Decider(policies(), KEYS), Shaper(KEYS)
    found: dict[str, list[Fact]] = {}
    for one in messages:
        subjects, fact = shaper.fact(one, decider.decided(one, msgspec.json.encode(one), ROWS)) or ((), None)
        for subject in subjects:
            assert fact is not None
            found.setdefault(subject, []).append(fact)
    return found


def one(subject: str, *messages: Message) -> Shape:
    """The subject's only shape."""
    (legs,) = summed_up(facts(*messages)[subject]).values()
    (shape,) = legs.values()
    return shape


def test_a_line_is_charged_when_the_network_says_it_is_the_line() -> None:
    first, second = facts(message(), message(event_id="e2"))[LINE]
    assert first == second and (first.epoch, first.leg, first.size) == (T // MINUTE, "termination", 1)


@pytest.mark.parametrize(
    "over",
    [
        {"origin_number": "07055502222"},  # forged
        {"origin_number": None},  # nobody knows
        {"channel": "mt", "traffic_class": "a2p"},  # from the web
        {"retry_of": "e0"},
    ],
)
def test_a_line_is_not_charged_for(over: dict[str, Any]) -> None:
    assert facts(message(**over)) == {}


def test_an_account_is_always_charged_and_its_sender_only_over_its_own_route() -> None:
    assert set(facts(a2p(route=ACCOUNT))) == {"account:acct-901", f"sender:kr:{BANK}#0"}
    assert set(facts(a2p(relay="relay-8", route=ACCOUNT))) == {"account:acct-901"}


def test_unlisted_addresses_are_counted() -> None:
    odd = ACCOUNT | {"peer_ip": "198.51.100.7"}
    shape = one("account:acct-901", a2p(route=ACCOUNT), a2p(event_id="e2", route=odd))
    assert (shape.sent, shape.unlisted, len(shape.peers), len(shape.routes)) == (2, 1, 2, 1)


def test_recipients_fall_into_blocks_of_fifty_however_they_are_written() -> None:
    spelt = ("821055550100", "+82 10-5555-0101", "010-5555-0149", "821055550150", "alice@example")
    shape = one(LINE, *[message(event_id=f"e{n}", recipient=r) for n, r in enumerate(spelt)])
    assert sorted(bits for _, bits in shape.recipients) == [1, 1, 1 | 2 | 1 << 49]
    assert all("5555" not in str(name) for name, _ in shape.recipients)


def test_blocks_of_fifty_lie_as_evenly_as_hashes_would_and_never_on_each_other() -> None:
    numbers = [f"8210{n:08d}" for n in range(0, 8_000_000, 50)]
    places = [fact.place for fact in facts(*[message(event_id=n, recipient=n) for n in numbers[:1000]])[LINE]]
    assert len(set(places)) == 1000
    least_of = least(dict.fromkeys(places, 1), BLOCKS)
    assert abs(estimate(BLOCKS, BLOCKS, least_of[-1][0], BLOCKS) - 1000) < 380  # three standard errors


def test_a_message_into_a_group_counts_its_size() -> None:
    assert one(LINE, message(), message(event_id="e2", group_chat=True, group_size=300)).sent == 301


def test_epochs_and_legs_are_kept_apart_and_come_together_again() -> None:
    away = message(event_id="e2", leg="origination")
    later = message(event_id="e3", event_time_ms=T + MINUTE)
    (epoch, first), (after, second) = summed_up(facts(message(), later, away)[LINE]).items()
    assert first.keys() == {"origination", "termination"} and after == epoch + 1
    both = merged(first, second)
    assert {leg: shape.sent for leg, shape in both.items()} == {"origination": 1, "termination": 2}


def test_texts_are_known_by_their_fingerprint() -> None:
    said = ("Your code is 1234", "Your code is 9876", "Your parcel waits")
    shape = one(LINE, *[message(event_id=f"e{n}", text=text) for n, text in enumerate(said)])
    assert sorted(count for _, count in shape.texts) == [1, 2]
