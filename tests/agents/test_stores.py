"""What RocksDB may hold in memory for the agents' tables is one budget, and it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streams.agents import AgentSettings, bytes_table, create_app
from streams.agents.stores import WRITE_BUFFERS

MIB = 1 << 20
CACHE, BUFFER, PARTITIONS = 2 * MIB, MIB // 4, 3


def stores(data_dir: Path) -> list[Any]:
    """The stores of two tables, each partition's."""
    app = create_app(
        AgentSettings(
            bootstrap="127.0.0.1:1", group="g", instance_id="i", data_dir=data_dir, partitions=PARTITIONS,
            block_cache_bytes=CACHE, write_buffer_bytes=BUFFER,
        )
    )  # fmt: skip
    tables = [bytes_table(app, name, PARTITIONS) for name in ("one", "two")]
    return [table.inner.data._db_for_partition(n) for table in tables for n in range(PARTITIONS)]


def held(store: Any, name: str) -> int:
    return int(store.property_int_value(f"rocksdb.{name}"))


def test_memory_stays_within_the_budget_whatever_is_written_and_read(tmp_path: Path) -> None:
    opened, value = stores(tmp_path), b"x" * 1000
    for n in range(4_000):
        for store in opened:
            store.put(b"%08d" % n, b"%d" % n + value)
    for store in opened:
        # What is on its way to the disk counts, too; RocksDB closes a buffer a little after it is full.
        assert 0 < held(store, "cur-size-all-mem-tables") <= WRITE_BUFFERS * BUFFER * 1.5
        store.flush()
        assert all(store.get(b"%08d" % n) for n in range(4_000))
    shared = {held(store, "block-cache-usage") for store in opened}
    assert len(shared) == 1, "each store has a cache of its own"
    assert CACHE / 2 < shared.pop() <= CACHE * 1.1
    for store in opened:
        store.close()
