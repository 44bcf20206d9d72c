"""How large the store of deliveries is, and what a delivery and a look-up cost.

    python -m bench.recent [--people N] [--each N] [--write]

Each of N people gets so many messages over ten days, in the order of time, as `recent` brings them; then the store is
compacted, measured, and extrapolated to one and to thirty million people.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from random import Random

from bench.command import parser, told
from streams.contracts.base import encoder
from streams.contracts.recent import Delivery, Recent
from streams.replica.recents import Taken
from streams.replica.recents_rocks import RocksRecents

TEN_DAYS_MS = 10 * 86_400_000
T = 1_765_080_000_000
BATCH = 400  # deliveries of one gate's transaction in one partition


def deliveries(people: int, each: int, rng: Random) -> list[Delivery]:
    """All of them, by time. Few senders and relays, many texts, as traffic is."""
    keys = [f"~{rng.getrandbits(80):020x}" for _ in range(people)]
    senders = [f"~{rng.getrandbits(80):020x}" for _ in range(2000)]
    texts = [f"{rng.getrandbits(64):016x}" for _ in range(20_000)]
    total, found = people * each, []
    for n in range(total):
        at_ms = T + n * TEN_DAYS_MS // total
        found.append(
            Delivery(
                keys[rng.randrange(people)], at_ms, f"smsc1-20251217-{n:09d}", senders[rng.randrange(len(senders))],
                "mt", "a2p", f"relay-{rng.randrange(30):02d}", f"acct-{rng.randrange(3000):04d}",
                texts[rng.randrange(len(texts))], None, False, (f"reseller-{rng.randrange(60):02d}",),
            )
        )  # fmt: skip
    return found


def main(arguments: list[str] | None = None) -> list[str]:
    """Run as a command; prints and returns the lines."""
    given = parser("recent", "The store of deliveries.", {"people": 50_000, "each": 10}).parse_args(arguments)
    made, encode = deliveries(given.people, given.each, Random(1)), encoder().encode
    records = [
        Taken("recent", 0, n, encode(Recent(deliveries=tuple(made[at : at + BATCH]))))
        for n, at in enumerate(range(0, len(made), BATCH))
    ]
    with tempfile.TemporaryDirectory(prefix="dualblock-bench-") as held:
        store = RocksRecents(held)
        begun = time.process_time()
        for at in range(0, len(records), 20):
            store.take(records[at : at + 20])
        put_us = (time.process_time() - begun) * 1e6 / len(made)
        store.compact()
        looked = made[:: max(1, len(made) // 2000)]
        begun = time.process_time()
        for one in looked:
            store.deliveries(one.recipient, 0)
        get_us = (time.process_time() - begun) * 1e6 / len(looked)
        store.close()
        size = sum(path.stat().st_size for path in Path(held).rglob("*.sst"))
    on_topic = sum(len(record.value) for record in records) / len(made)
    a_person = size / given.people
    lines = [
        f"people   {given.people:,}, {given.each} messages each over ten days",
        f"delivery {size / len(made):.0f} bytes on disk, {on_topic:.0f} bytes on the topic before compression",
        f"person   {a_person:,.0f} bytes on disk",
        f"disk     {a_person * 1e6 / 1e9:,.1f} GB for 1 million people, {a_person * 30e6 / 1e9:,.0f} GB for 30 million",
        f"cost     {put_us:.1f} µs CPU a delivery taken, {get_us:.0f} µs a report looked up",
    ]
    return told("recent", given, arguments, lines)


if __name__ == "__main__":
    main()
