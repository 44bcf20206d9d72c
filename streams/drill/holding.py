"""What a worker's memory is held by, as the worker itself can tell: RocksDB, caches of functions and rows.

The soak judges resident memory alone; this says why it is what it is.
"""

from __future__ import annotations

import functools
import gc
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import msgspec
from faust.stores.rocksdb import Store
from rocksdict import Rdict

from streams.replica.rocks import RocksReplica

EVERY_S = 15.0
_MANY, _KINDS = 100, 12
_MIB = 2**20
_MEMTABLES = "rocksdb.cur-size-all-mem-tables"
_READERS = "rocksdb.estimate-table-readers-mem"
_BLOCKS = "rocksdb.block-cache-usage"


def holding(root: object) -> dict[str, float]:
    """MiB by what holds them, and how many entries each cache holds. root: the worker's loop or app."""
    found: dict[str, float] = {"rss_mib": _rss_mib()}
    for name, cache in _function_caches():
        found[f"cache {name} of {cache.cache_info().maxsize}"] = cache.cache_info().currsize
    stores: list[Rdict] = []
    for one in _reached(root):
        if isinstance(one, Store):
            stores += one._dbs.values()
        elif isinstance(one, RocksReplica):
            stores.append(one._db)
            found["cached rows"] = found.get("cached rows", 0) + len(one._cache)
    for name in (_MEMTABLES, _READERS, _BLOCKS):
        found[f"{name}_mib"] = round(sum(_property(store, name) for store in stores) / _MIB, 3)
    found["stores"] = len(stores)
    objects = gc.get_objects()
    found["objects"] = len(objects)
    kinds = Counter(type(one).__qualname__ for one in objects)
    return found | {f"kind {name}": number for name, number in kinds.most_common(_KINDS)}


def _function_caches() -> Iterator[tuple[str, functools._lru_cache_wrapper[object]]]:
    for name, module in tuple(sys.modules.items()):
        if name.startswith("streams."):
            for attribute, cache in tuple(vars(module).items()):
                own = isinstance(cache, functools._lru_cache_wrapper) and cache.__module__ == name
                if own and cache.cache_info().currsize > _MANY:
                    yield f"{name.removeprefix('streams.')}.{attribute}", cache


def _reached(root: object) -> Iterator[object]:
    """Everything that hangs on `root`. Not by `gc.get_objects`: what was frozen is not in there."""
    seen, waiting = {id(root)}, [root]
    while waiting:
        one = waiting.pop()
        yield one
        for other in gc.get_referents(one):
            if (
                id(other) not in seen
                and gc.is_tracked(other)
                and not isinstance(other, ModuleType | type | FunctionType)
            ):
                seen.add(id(other))
                waiting.append(other)


def _property(store: Rdict, name: str) -> int:
    try:
        return int(store.property_int_value(name) or 0)
    except Exception:  # closed meanwhile; rocksdict has no narrower one
        return 0


def _rss_mib() -> float:
    lines = Path("/proc/self/status").read_text().splitlines() if sys.platform == "linux" else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 0.0)


def tell(path: Path, root: object) -> None:
    """Write a line to `path` every `EVERY_S` seconds, from a thread. root: see `holding`."""

    def run() -> None:
        begun = time.monotonic()
        while True:
            time.sleep(EVERY_S)
            try:
                line: dict[str, float | str] = {"at_min": round((time.monotonic() - begun) / 60, 2), **holding(root)}
            except RuntimeError as error:  # a dict that grew while it was looked at
                line = {"error": str(error)}
            with path.open("ab") as out:
                out.write(msgspec.json.encode(line) + b"\n")

    threading.Thread(target=run, name="drill-holding", daemon=True).start()
