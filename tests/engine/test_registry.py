"""The registrar's merge: what a feed says into what is held; the same again changes nothing."""

from typing import Any

import msgspec
import pytest

from streams.contracts.feeds import Manifest, RegistryValue
from streams.contracts.registry import (
    AllowEntry,
    AllowRow,
    BlockRow,
    BlockStates,
    NumberEntry,
    NumberRow,
    NumberStatus,
    RelayRow,
    SenderRow,
)
from streams.engine.blocks import encode
from streams.engine.registry import KEEP_MS, RowRefused, counts_from, merge, recorded_at
from tests.engine.kit import account, allow, beat, relay, sender

KEY = "number:+821055501111"


def entry(version: int = 1, status: NumberStatus = "active", **over: Any) -> NumberEntry:
    return NumberEntry(version=version, status=status, **over)


def row(*entries: NumberEntry) -> NumberRow:
    return NumberRow(key=KEY, timeline=entries)


def block(generation: str, as_of: int, status: NumberStatus = "active") -> BlockRow:
    states = BlockStates(generation=generation, as_of_ms=as_of, states=encode({1: status}))
    return BlockRow(key="block:+82105550", current=states)


OPEN = entry(1, recorded_at_ms=10)
ENDED = msgspec.structs.replace(OPEN, to_ms=60, end_recorded_at_ms=50)
PLANNED = msgspec.structs.replace(OPEN, to_ms=100)
MERGES: list[tuple[str, list[NumberEntry], list[NumberEntry], list[NumberEntry]]] = [
    ("the first", [], [OPEN], [OPEN]),
    ("a newer one", [OPEN], [entry(2)], [OPEN, entry(2)]),
    ("two at once, in any order", [], [entry(2), OPEN], [OPEN, entry(2)]),
    ("an end keeps version and recorded_at", [OPEN], [ENDED], [ENDED]),
    ("an end without the time of its change", [OPEN], [msgspec.structs.replace(OPEN, to_ms=60)],
     [msgspec.structs.replace(OPEN, to_ms=60, end_recorded_at_ms=60)]),
    ("a planned end comes sooner", [PLANNED], [ENDED], [ENDED]),
    ("an end and what follows", [OPEN], [ENDED, entry(2, from_ms=60)], [ENDED, entry(2, from_ms=60)]),
    ("the whole story again", [ENDED, entry(2)], [ENDED, entry(2)], [ENDED, entry(2)]),
    ("its beginning again, after the end", [ENDED, entry(2)], [OPEN], [ENDED, entry(2)]),
    ("what is forgotten", [], [entry(1, to_ms=5), entry(2, recorded_at_ms=KEEP_MS + 6)],
     [entry(2, recorded_at_ms=KEEP_MS + 6)]),
    ("what is forgotten, told again", [entry(2, recorded_at_ms=KEEP_MS + 6)],
     [entry(1, to_ms=5), entry(2, recorded_at_ms=KEEP_MS + 6), entry(3)],
     [entry(2, recorded_at_ms=KEEP_MS + 6), entry(3)]),
    ("the last one always stays", [], [entry(1, to_ms=5)], [entry(1, to_ms=5)]),
]  # fmt: skip


@pytest.mark.parametrize(("what", "held", "new", "after"), MERGES, ids=[c[0] for c in MERGES])
def test_merge(what: str, held: list[NumberEntry], new: list[NumberEntry], after: list[NumberEntry]) -> None:
    before: RegistryValue | None = row(*held) if held else None
    merged = merge(before, row(*new))
    assert (merged or before) == row(*after)
    assert merge(merged or before, row(*new)) is None, "redelivered, it changes nothing"


REFUSED: list[tuple[str, RegistryValue | None, RegistryValue, str]] = [
    ("another kind under the key", relay(), SenderRow(key="relay:relay-7", timeline=()), "KIND_CHANGED"),
    ("a key of another kind", None, RelayRow(key="sender:relay-7", timeline=relay().timeline), "WRONG_KEY"),
    ("a block under a row's key", None, BlockRow(key="number:+8210", current=block("g", 1).current), "WRONG_KEY"),
    ("no entries", None, row(), "EMPTY_TIMELINE"),
    ("no entries, something held", row(OPEN), row(), "EMPTY_TIMELINE"),
    ("it ends before it begins", None, row(entry(from_ms=5, to_ms=4)), "ENDS_BEFORE_IT_BEGINS"),
    ("an old version", row(entry(3)), row(entry(2)), "OLD_VERSION"),
    ("a version that says something else", row(OPEN), row(entry(1, "terminated", recorded_at_ms=10)), "VERSION_REUSED"),
    ("an end before the change", row(OPEN), row(msgspec.structs.replace(OPEN, to_ms=40, end_recorded_at_ms=50)),
     "END_IN_THE_PAST"),
    ("an end of what had ended", row(ENDED), row(msgspec.structs.replace(OPEN, to_ms=90, end_recorded_at_ms=70)),
     "ALREADY_ENDED"),
    ("a block that does not decode", None,
     BlockRow(key="block:+8210", current=BlockStates(generation="g", as_of_ms=1, states="AAAA")), "BAD_BLOCK"),
    ("a block's previous that does not decode", None,
     msgspec.structs.replace(block("g2", 2), previous=BlockStates(generation="g", as_of_ms=1, states="")), "BAD_BLOCK"),
    ("an old generation", block("g2", 2), block("g1", 1), "OLD_GENERATION"),
    ("another generation of the same time", block("g2", 2), block("g3", 2), "OLD_GENERATION"),
    ("another feed's generation", Manifest(generation="g", feed="a", from_ms=0, partition=0, rows=0),
     Manifest(generation="g", feed="b", from_ms=0, partition=0, rows=0), "GENERATION_TAKEN"),
    ("a protected sender for ever", None, allow(to_ms=None), "ALLOW_WITHOUT_END"),
    ("an emergency on any route", None, allow("emergency"), "ALLOW_WITHOUT_ROUTE"),
    ("a network that is none", None, account(networks=("203.0.113.0/33",)), "BAD_NETWORK"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "held", "new", "reason"), REFUSED, ids=[c[0] for c in REFUSED])
def test_what_is_refused(what: str, held: RegistryValue | None, new: RegistryValue, reason: str) -> None:
    with pytest.raises(RowRefused) as refused:
        merge(held, new)
    assert refused.value.reason == reason


def test_an_emergency_may_stand_without_an_end() -> None:
    rule = AllowEntry(rank="emergency", routes=("relay-7",), owner="desk", reason="flood warning")
    new = AllowRow(key="allow:kr:15881234", timeline=(rule,))
    assert merge(None, new) == new


def test_a_block_keeps_its_predecessor() -> None:
    one, two, three = block("g1", 1), block("g2", 2, "terminated"), block("g3", 3)
    merged = merge(merge(one, two), three)
    assert isinstance(merged, BlockRow)
    assert (merged.current, merged.previous) == (three.current, two.current)


def test_a_generation_again_changes_nothing() -> None:
    merged = merge(block("g1", 1), block("g2", 2))
    assert merge(merged, block("g2", 2)) is None
    assert merge(merged, block("g1", 1)) is None


def test_heartbeats_and_manifests() -> None:
    one = beat("f", 0, 10, ("a",))
    merged = merge(one, beat("f", 5, 20, ("a",)))
    assert merged == beat("f", 0, 20, ("a",))
    assert merge(merged, one) is None
    manifest = Manifest(generation="g", from_ms=0, partition=0, rows=0)
    assert merge(None, manifest) == manifest
    assert merge(manifest, manifest) is None


TIMES: list[tuple[str, RegistryValue, int, int]] = [
    ("a change for now", row(entry(from_ms=5, recorded_at_ms=7)), 7, 7),
    ("a planned change", row(entry(from_ms=9, recorded_at_ms=7)), 7, 9),
    ("an end", row(ENDED), 50, 60),
    ("a heartbeat", beat("f", 5, 10), 5, 5),
    ("a manifest", Manifest(generation="g", from_ms=5, partition=0, rows=0), 5, 5),
    ("a block", block("g", 5), 5, 5),
    ("a sender", sender(recorded_at_ms=4, from_ms=4), 4, 4),
]


@pytest.mark.parametrize(("what", "value", "recorded", "counts"), TIMES, ids=[c[0] for c in TIMES])
def test_when_it_was_written_and_from_when_it_counts(
    what: str, value: RegistryValue, recorded: int, counts: int
) -> None:
    assert (recorded_at(value), counts_from(value)) == (recorded, counts)
