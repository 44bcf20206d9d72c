"""A million recipients with rules of their own in a gate's replica: what they take on disk and in memory, and a lookup.

    python -m bench.recipients [--recipients N] [--looks N] [--seed N] [--write]

The replica is the gate's, on RocksDB in a temporary directory. Each recipient blocks three senders, allows one and
names two keywords. Lookups are by number, as the gate makes them (classify, pseudonym, read, find the entry that
counts); half of them ask for people who set nothing.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import Random

from bench.command import parser, told
from streams.config import DEMO_KEYS
from streams.contracts.base import encoder
from streams.contracts.settings import SettingsEntry, SettingsRow, Wishes
from streams.engine.pack import Grammar
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys, state_pseudonym
from streams.engine.recipient import recipient_key
from streams.engine.timeline import current
from streams.packs import shipped
from streams.replica.changes import Change
from streams.replica.rocks import RocksReplica

_BATCH = 5000
_AT_MS = 1_765_944_000_000


def number(index: int) -> str:
    """The n-th subscriber, as international digits, in a range that nobody has."""
    return f"82100{index:07d}"


def changes(count: int, grammar: Grammar, keys: Keys, seed: int) -> Iterator[Change]:
    """One row for each of `count` recipients."""
    rng, encode = Random(seed), encoder().encode
    for index in range(count):
        block = tuple(state_pseudonym(keys, f"kr:0100{rng.randrange(10**7):07d}") for _ in range(3))
        wishes = Wishes(block=block, allow=("kr:15881234",), keywords=("(광고)", "대출"))
        entry = SettingsEntry(request_id=f"r{index:08d}", wishes=wishes, from_ms=_AT_MS, recorded_at_ms=_AT_MS)
        row = SettingsRow(recipient=recipient_key(number(index), grammar, keys), timeline=(entry,))
        yield Change("settings", 0, index, row.recipient, encode(row))


def batches(items: Iterable[Change]) -> Iterator[list[Change]]:
    """In portions as the replicator takes them."""
    held = iter(items)
    while batch := list(islice(held, _BATCH)):
        yield batch


def resident_mib() -> float:
    """Memory of this process now, in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def measured(count: int, looks: int, seed: int, directory: str) -> list[str]:
    """Fill, look up, and say what it came to."""
    keys = Keys(*DEMO_KEYS)
    grammar = Policies(shipped(), "kr").default.pack.grammar
    before, begun = resident_mib(), time.perf_counter()
    replica = RocksReplica(directory)
    for batch in batches(changes(count, grammar, keys, seed)):
        replica.apply(batch)
    filled = time.perf_counter() - begun
    disk = sum(path.stat().st_size for path in Path(directory).rglob("*") if path.is_file())
    rng, found = Random(seed + 1), 0
    asked = [number(rng.randrange(2 * count)) for _ in range(looks)]
    begun = time.perf_counter()
    for one in asked:
        row = replica.settings(recipient_key(one, grammar, keys))
        found += row is not None and current(row.timeline, _AT_MS) is not None
    each = (time.perf_counter() - begun) / looks
    after = resident_mib()
    replica.close()
    return [
        f"fill     {count:,} rows in {filled:.1f} s, {disk / count:.0f} bytes each on disk",
        f"memory   {after - before:.0f} MiB more, block cache and hot rows included",
        f"lookup   {each * 1e6:.1f} µs from the number to the entry that counts, {found / looks:.0%} had one",
    ]


def main(arguments: list[str] | None = None) -> list[str]:
    """Run as a command; prints and returns the lines."""
    numbers = {"recipients": 1_000_000, "looks": 200_000, "seed": 1}
    given = parser("recipients", "Recipients' rules in a replica.", numbers).parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="dualblock-recipients-") as directory:
        lines = measured(given.recipients, given.looks, given.seed, directory)
    return told("recipients", given, arguments, lines)


if __name__ == "__main__":
    main()
