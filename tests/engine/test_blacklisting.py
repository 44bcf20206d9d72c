"""Taking partners' lists: what then stands, until when, and which lists are refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.contracts.base import encoder
from streams.contracts.blacklists import BlacklistFile, BlacklistItem, BlacklistManifest, BlacklistRow, Trust
from streams.engine.blacklisting import BlacklistRefused, delta, digest_of, read_list, take
from streams.engine.timeline import current
from tests.engine.kit import DAY, HOUR, MINUTE, T

HOST, SHOP, MAN = "host:prizes.example", "sender:kr:15881234", "person:" + "0f" * 20
KEYS = {name: f"carrier-b:{name}" for name in (HOST, SHOP, MAN)}


def item(subject: str = HOST, **over: Any) -> BlacklistItem:
    fields: dict[str, Any] = {
        "subject": subject, "observed_at_ms": T - DAY, "expires_ms": T + 30 * DAY, "reason": "FRAUD",
        "grounds": "person", "counts": {"10d": 7},
    }  # fmt: skip
    return BlacklistItem(**(fields | over))


def snapshot(number: int, *entries: BlacklistItem, **over: Any) -> BlacklistFile:
    ordered = tuple(sorted(entries, key=lambda e: e.subject))
    fields: dict[str, Any] = {
        "issuer": "carrier-b", "sequence": number, "digest": digest_of(ordered), "issued_at_ms": T,
        "fresh_until_ms": T + number * DAY, "entries": ordered,
    }  # fmt: skip
    return BlacklistFile(**(fields | over))


class Held:
    """What an importer holds."""

    def __init__(self) -> None:
        self.manifest: BlacklistManifest | None = None
        self.rows: dict[str, BlacklistRow] = {}

    def take(self, file: BlacklistFile, at_ms: int, trust: Trust | None = None) -> tuple[int, int] | None:
        """Take a list a minute before it counts; how many it listed and delisted."""
        taken = take(file, self.manifest, self.rows, trust, at_ms - MINUTE, at_ms)
        if taken is None:
            return None
        self.manifest = taken.manifest
        self.rows |= {row.key: row for row in taken.rows}
        return taken.listed, taken.delisted

    def at(self, e_ms: int) -> dict[str, str]:
        """Subjects that stand at a time, with their trust."""
        found = {name: current(self.rows[key].timeline, e_ms) for name, key in KEYS.items() if key in self.rows}
        return {name: entry.trust for name, entry in found.items() if entry is not None}


@pytest.fixture
def held() -> Held:
    made = Held()
    assert made.take(snapshot(1, item(HOST), item(SHOP, expires_ms=T + HOUR)), T) == (2, 0)
    return made


def test_a_first_list_counts_in_shadow_until_entry_or_list_ends(held: Held) -> None:
    assert held.at(T - 1) == {}
    assert held.at(T) == {HOST: "shadow", SHOP: "shadow"}
    assert held.at(T + HOUR) == {HOST: "shadow"}, "the entry has expired"
    assert held.at(T + DAY) == {}, "the list is no longer fresh"


def test_the_next_list_keeps_what_is_the_same_and_ends_what_it_no_longer_names(held: Held) -> None:
    assert held.take(snapshot(2, item(HOST), item(MAN)), T + MINUTE) == (1, 1)
    assert held.at(T) == {HOST: "shadow", SHOP: "shadow"}
    assert held.at(T + MINUTE) == {HOST: "shadow", MAN: "shadow"}
    (entry,) = held.rows[KEYS[HOST]].timeline
    assert (entry.from_ms, entry.seq, entry.version, entry.to_ms) == (T, 1, T - MINUTE, T + 2 * DAY)


def test_what_a_list_says_otherwise_is_another_entry(held: Held) -> None:
    held.take(snapshot(2, item(HOST, counts={"10d": 9})), T + MINUTE)
    first, second = held.rows[KEYS[HOST]].timeline
    assert (first.to_ms, second.from_ms, second.counts) == (T + MINUTE, T + MINUTE, {"10d": 9})


def test_between_two_lists_that_do_not_touch_nothing_counts(held: Held) -> None:
    held.take(snapshot(5, item(HOST)), T + 2 * DAY)
    assert [held.at(e) for e in (T + DAY - 1, T + DAY, T + 2 * DAY - 1, T + 2 * DAY)] == [
        {HOST: "shadow"}, {}, {}, {HOST: "shadow"},
    ]  # fmt: skip


def test_an_old_list_never_lists_again(held: Held) -> None:
    first = snapshot(1, item(HOST), item(SHOP))
    held.take(snapshot(2), T + MINUTE)
    before = dict(held.rows)
    for old in (first, snapshot(2, item(SHOP))):
        with pytest.raises(BlacklistRefused) as refused:
            held.take(old, T + HOUR)
        assert refused.value.reason == "OLD_SEQUENCE"
    assert (held.rows, held.at(T + HOUR)) == (before, {})


def test_the_same_list_again_changes_nothing_but_the_trust(held: Held) -> None:
    same = snapshot(1, item(HOST), item(SHOP, expires_ms=T + HOUR))
    assert held.take(same, T + MINUTE) is None
    assert held.take(same, T + MINUTE, "block") == (0, 0)
    assert held.at(T) == {HOST: "shadow", SHOP: "shadow"}
    assert held.at(T + MINUTE) == {HOST: "block", SHOP: "block"}
    held.take(snapshot(2, item(HOST)), T + HOUR)
    assert held.at(T + HOUR) == {HOST: "block"}, "trust stays until it is said anew"


def test_a_delta_leads_to_what_the_snapshot_leads_to(held: Held) -> None:
    other = Held()
    other.manifest, other.rows = held.manifest, dict(held.rows)
    one = snapshot(1, item(HOST), item(SHOP, expires_ms=T + HOUR))
    two = snapshot(2, item(HOST), item(MAN))
    assert (delta(one, two).entries, delta(one, two).removed) == ((item(MAN),), (SHOP,))
    assert held.take(two, T + MINUTE) == other.take(delta(one, two), T + MINUTE) == (1, 1)
    assert (held.rows, held.manifest) == (other.rows, other.manifest)


def test_a_delta_needs_the_list_that_it_changes() -> None:
    one, two, three = (snapshot(n, item(HOST)) for n in (1, 2, 3))
    held = Held()
    cases: list[tuple[BlacklistFile, int, str]] = [
        (delta(one, two), T, "OTHER_BASE"),
        (delta(two, three), T, "OTHER_BASE"),
        (delta(one, two), T + DAY, "STALE_BASE"),
    ]
    for file, at_ms, reason in cases:
        with pytest.raises(BlacklistRefused) as refused:
            held.take(file, at_ms)
        assert refused.value.reason == reason
        if held.manifest is None:
            held.take(one, T)


@pytest.mark.parametrize(
    ("over", "reason"),
    [({"fresh_until_ms": T}, "STALE"), ({"issued_at_ms": T + 10 * MINUTE}, "FROM_THE_FUTURE")],
)
def test_a_list_out_of_its_time_is_refused(over: dict[str, int], reason: str) -> None:
    with pytest.raises(BlacklistRefused) as refused:
        Held().take(snapshot(1, item(), **over), T)
    assert refused.value.reason == reason


def test_a_clock_that_went_back_is_refused(held: Held) -> None:
    with pytest.raises(BlacklistRefused, match="clock"):
        held.take(snapshot(2), T)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[" * 100_000,
        b"\xff",
        encoder().encode(snapshot(1, item(), item())),
        encoder().encode(snapshot(1, item(), digest="0" * 64)),
        encoder().encode(snapshot(1, item(), removed=(SHOP,))),
        encoder().encode(snapshot(1, item(), fresh_until_ms=T)),
        encoder().encode(snapshot(1, base=1)),
        encoder().encode(snapshot(2, item(), base=1, removed=(HOST,))),
        encoder().encode(snapshot(1, item())).replace(b"host:prizes", b"relay:relay"),
    ],
)
def test_what_is_no_list_is_refused_whole(payload: bytes) -> None:
    with pytest.raises(BlacklistRefused) as refused:
        read_list(payload)
    assert refused.value.reason == "NOT_A_LIST"


def test_a_list_comes_back_as_it_was_written() -> None:
    file = snapshot(3, item(HOST), item(MAN))
    assert read_list(encoder().encode(file)) == file
    assert digest_of(reversed(file.entries)) == file.digest
    assert msgspec.json.decode(encoder().encode(delta(snapshot(1), file)), type=BlacklistFile).base == 1
