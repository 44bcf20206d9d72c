"""Local views of compacted topics: one on RocksDB and its in-memory twin."""

from streams.replica.base import Replica
from streams.replica.changes import Applied, Bad, Change, changed_at_ms
from streams.replica.memory import MemoryReplica
from streams.replica.rocks import RocksReplica

__all__ = ["Applied", "Bad", "Change", "MemoryReplica", "Replica", "RocksReplica", "changed_at_ms"]
