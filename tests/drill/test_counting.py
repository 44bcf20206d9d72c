"""Millions of decisions are counted without being kept."""

from __future__ import annotations

from streams.drill.counting import Tally
from streams.replay.history import Record


def record(key: bytes = b"k") -> Record:
    return Record(0, 0, key, b"", 0)


def test_each_input_once() -> None:
    tally = Tally(2, every=10)
    for offset in range(100_000):
        tally.add(record(), (offset % 2, offset // 2))
    assert (tally.count, tally.distinct, tally.doubled, tally.out_of_order) == (100_000, 100_000, 0, 0)
    assert len(tally.sample) == 10_000 and (1, 20) in tally.sample and (1, 21) not in tally.sample


def test_what_is_doubled_or_out_of_order_is_counted() -> None:
    tally = Tally(1, every=10)
    for offset in (0, 1, 1, 3, 2):
        tally.add(record(), (0, offset))
    assert (tally.count, tally.distinct, tally.doubled, tally.out_of_order) == (5, 4, 1, 1)
    tally.add(record(b"another sender"), (0, 4))
    tally.add(record(), (0, 5))
    assert tally.out_of_order == 1
