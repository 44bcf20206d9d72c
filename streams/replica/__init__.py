"""Local views of compacted topics: one on RocksDB and its in-memory twin."""
