"""A reader at e ignores what was recorded after e, whatever it is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contracts.feeds import RegistryValue, key_of
from streams.contracts.policy import PolicyEntry
from streams.contracts.registry import (
    AllowEntry,
    BlockRow,
    BlockStates,
    NumberEntry,
    RelayEntry,
    SenderEntry,
)
from streams.contracts.reputation import SanctionEntry, SanctionRow
from streams.engine.blocks import encode
from streams.engine.decide import Decider
from streams.engine.policy import Policies
from streams.engine.registry import merge
from streams.packs import shipped
from tests.engine.kit import (
    HOUR,
    KEYS,
    T,
    a2p,
    alive,
    allow,
    block,
    decide,
    message,
    number,
    published,
    raw,
    relay,
    sender,
    view,
)
from tests.engine.properties import CASES, HERE

AFTER = st.integers(T + 1, T + 10 * HOUR)
NUMBER = number("active", recorded_at_ms=T - HOUR)
LATER: list[tuple[str, RegistryValue, Any]] = [
    ("number", NUMBER, lambda at: NumberEntry(status="terminated", version=2, recorded_at_ms=at)),
    ("sender", sender(relays=("relay-7",)), lambda at: SenderEntry(state="suspended", version=2, recorded_at_ms=at)),
    ("relay", relay(), lambda at: RelayEntry(state="suspended", version=2, recorded_at_ms=at)),
    ("allow", allow(), lambda at: AllowEntry(version=2, recorded_at_ms=at, to_ms=at + 1, owner="x", reason="y",
                                             rank="emergency", routes=("relay-7",))),
]  # fmt: skip


@pytest.mark.parametrize(("what", "row", "later"), LATER, ids=[c[0] for c in LATER])
@settings(CASES, max_examples=20)
@given(at=AFTER)
def test_a_timeline_ignores_what_was_recorded_later(what: str, row: Any, later: Any, at: int) -> None:
    longer = msgspec.structs.replace(row, timeline=(*row.timeline, later(at)))
    for sent in (message(), a2p()):
        assert raw(decide(sent, view(*alive(), row))) == raw(decide(sent, view(*alive(), longer)))


@settings(CASES, max_examples=20)
@given(at=AFTER)
def test_a_key_that_begins_later_is_not_there_yet(at: int) -> None:
    for sent, row in ((message(), number("terminated", recorded_at_ms=at)), (a2p(), sender(recorded_at_ms=at))):
        assert raw(decide(sent, view(*alive()))) == raw(decide(sent, view(*alive(), row)))


@settings(CASES, max_examples=20)
@given(at=AFTER)
def test_an_end_written_later_leaves_what_was(at: int) -> None:
    ended = merge(NUMBER, msgspec.structs.replace(
        NUMBER, timeline=(msgspec.structs.replace(NUMBER.timeline[0], to_ms=at, end_recorded_at_ms=at),)
    ))  # fmt: skip
    assert ended is not None
    assert raw(decide(message(), view(*alive(), NUMBER))) == raw(decide(message(), view(*alive(), ended)))


@settings(CASES, max_examples=20)
@given(at=AFTER)
def test_blocks_heartbeats_manifests_sanctions_and_policies_alike(at: int) -> None:
    base: list[RegistryValue] = [*alive(), block("active")]
    later = BlockStates(generation="later", as_of_ms=at, states=encode({1111: "terminated"}))
    grown = merge(base[-1], BlockRow(key=key_of(base[-1]), current=later))
    assert grown is not None
    # A heartbeat that says the same words: freshness at e is a function of the beats recorded by e. (What a feed is
    # complete for has no time of its own; a change of words counts at once, for the past as well.)
    beats = [merge(v, w) or v for v, w in zip(base[:-1], alive(since=at, until=at + HOUR), strict=True)]
    after = [v if hasattr(v, "beats") else base[n] for n, v in enumerate(beats)]
    told = SanctionRow(
        subject=HERE, timeline=(SanctionEntry(sanction_id="s", step="BLOCK", reason="R", recorded_at_ms=at),)
    )
    entry = PolicyEntry(version=2, recorded_at_ms=at, profile="observe")
    policy = msgspec.structs.replace(published(), timeline=(*published().timeline, entry))
    decider = Decider(Policies(shipped(), "kr"), KEYS)
    for sent in (message(), a2p()):
        one = decider.decide(sent, b"", view(*base, published=published()))
        two = decider.decide(sent, b"", view(*after, grown, sanctions=[told], published=policy))
        assert raw(one) == raw(two)
