"""RocksDB under the agents' tables, within one budget for all of a worker.

The framework gives each partition of each table a cache and three write buffers of its own: with nine tables over eight
partitions that is gigabytes, which fill over hours and look like a leak.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import faust
from faust.stores.rocksdb import RocksDBOptions
from rocksdict import BlockBasedOptions, Cache, Options

if TYPE_CHECKING:
    from streams.agents.app import AgentApp

#: RocksDB keeps one buffer that is written to and one that is on its way to the disk.
WRITE_BUFFERS = 2


class Budget:
    """cache_bytes: of one cache of data blocks that all stores share; indexes and filters beside it are 2 bytes a key.
    write_buffer_bytes: of each of a store's `WRITE_BUFFERS`."""

    def __init__(self, cache_bytes: int, write_buffer_bytes: int) -> None:
        self._cache = Cache(cache_bytes)
        self._write_buffer_bytes = write_buffer_bytes

    def options(self) -> Options:
        """Of one more store."""
        table = BlockBasedOptions()
        table.set_bloom_filter(10, False)  # full filter, 10 bits; the framework's has 3
        table.set_block_cache(self._cache)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_block_based_table_factory(table)
        options.set_write_buffer_size(self._write_buffer_bytes)
        options.set_max_write_buffer_number(WRITE_BUFFERS)
        # Small buffers make small files: merged soon, into a first level of their size, or every table keeps four open.
        options.set_level_zero_file_num_compaction_trigger(2)
        options.set_max_bytes_for_level_base(16 * self._write_buffer_bytes)
        options.set_keep_log_file_num(2)
        return options


class _Within(RocksDBOptions):
    """The framework's options, taken from a budget."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(use_rocksdict=True)
        self._budget = budget

    def as_options(self) -> Options:
        return self._budget.options()


class StoredTable(faust.Table[bytes, bytes]):
    """A table whose stores keep to the app's budget."""

    def _new_store(self) -> Any:
        store = super()._new_store()
        cast("Any", store).rocksdb_options = _Within(cast("AgentApp", self.app).budget)
        return store
