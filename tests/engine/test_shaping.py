"""What a message adds, and to whose shape: retries nothing, a forged number's owner nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.contracts.messages import Message
from streams.contracts.shapes import Shape, Shapes
from streams.engine.decide import Decider
from streams.engine.pseudonym import state_pseudonym
from streams.engine.shaping import Open, Shaper, deltas, merged
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


def shapes(*messages: Message) -> dict[str, list[Shapes]]:
    """The deltas of one transaction, by subject."""
    rules = policies()
    decider, shaper, opened = Decider(rules, KEYS), Shaper(KEYS), Open()
    for one in messages:
        shaper.note(one, decider.decided(one, msgspec.json.encode(one), ROWS), opened)
    found: dict[str, list[Shapes]] = {}
    for delta in deltas(opened, 3, 100, 100 + len(messages)):
        found.setdefault(delta.subject, []).append(delta)
    return found


def one(subject: str, *messages: Message) -> Shape:
    """The subject's only shape."""
    (delta,) = shapes(*messages)[subject]
    (shape,) = delta.legs.values()
    return shape


def test_a_line_is_charged_when_the_network_says_it_is_the_line() -> None:
    (delta,) = shapes(message(), message(event_id="e2"))[LINE]
    assert (delta.epoch, delta.epoch_ms, delta.partition) == (T // MINUTE, MINUTE, 3)
    assert (delta.first_offset, delta.next_offset) == (100, 102)
    assert {leg: shape.sent for leg, shape in delta.legs.items()} == {"termination": 2}


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
    assert shapes(message(**over)) == {}


def test_an_account_is_always_charged_and_its_sender_only_over_its_own_route() -> None:
    assert set(shapes(a2p(route=ACCOUNT))) == {"account:acct-901", f"sender:kr:{BANK}#0"}
    assert set(shapes(a2p(relay="relay-8", route=ACCOUNT))) == {"account:acct-901"}


def test_unlisted_addresses_are_counted() -> None:
    odd = ACCOUNT | {"peer_ip": "198.51.100.7"}
    shape = one("account:acct-901", a2p(route=ACCOUNT), a2p(event_id="e2", route=odd))
    assert (shape.sent, shape.unlisted, len(shape.peers), len(shape.routes)) == (2, 1, 2, 1)


def test_recipients_fall_into_blocks_of_fifty_however_they_are_written() -> None:
    spelt = ("821055550100", "+82 10-5555-0101", "010-5555-0149", "821055550150", "alice@example")
    shape = one(LINE, *[message(event_id=f"e{n}", recipient=r) for n, r in enumerate(spelt)])
    assert sorted(bits for _, bits in shape.recipients) == [1, 1, 1 | 2 | 1 << 49]
    assert all("5555" not in str(name) for name, _ in shape.recipients)


def test_a_message_into_a_group_counts_its_size() -> None:
    assert one(LINE, message(), message(event_id="e2", group_chat=True, group_size=300)).sent == 301


def test_epochs_and_legs_are_kept_apart_and_come_together_again() -> None:
    away = message(event_id="e2", leg="origination")
    later = message(event_id="e3", event_time_ms=T + MINUTE)
    first, second = sorted(shapes(message(), away, later)[LINE], key=lambda delta: delta.epoch)
    assert first.legs.keys() == {"origination", "termination"} and second.epoch == first.epoch + 1
    both = merged(first.legs, second.legs)
    assert {leg: shape.sent for leg, shape in both.items()} == {"origination": 1, "termination": 2}


def test_texts_are_known_by_their_fingerprint() -> None:
    said = ("Your code is 1234", "Your code is 9876", "Your parcel waits")
    shape = one(LINE, *[message(event_id=f"e{n}", text=text) for n, text in enumerate(said)])
    assert sorted(count for _, count in shape.texts) == [1, 2]
