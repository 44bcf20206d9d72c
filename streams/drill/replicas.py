"""A dead worker's replica against the model: what stands on its disk is the topics up to the offsets it keeps."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from streams.contracts.blacklists import manifest_key
from streams.contracts.feeds import FEED_PREFIX, MANIFEST_PREFIX
from streams.engine.skeleton import skeletons_of
from streams.replay.history import Record
from streams.replica.changes import Change, Entity
from streams.replica.memory import MemoryReplica
from streams.replica.rocks import RocksReplica

Logs = Mapping[Entity, Sequence[Record]]


def keep(state: Path, target: Path) -> Path:
    """A copy of a replica's directory, so that looking at it changes nothing for the worker that comes back to it."""
    shutil.copytree(state, target, ignore=shutil.ignore_patterns("LOCK"))
    return target


def differences(directory: Path, logs: Logs) -> list[str]:
    """Keys whose value on disk is not the last one below the replica's own offset. logs: committed, uncompacted."""
    replica = RocksReplica(str(directory), skeletons_of)
    try:
        offsets = replica.next_offsets()
        model = MemoryReplica(skeletons_of)
        for entity, records in logs.items():
            for one in records:
                if one.offset < offsets.get((entity, one.partition), 0):
                    model.apply([Change(entity, one.partition, one.offset, one.key.decode(), one.value)])
        return [
            f"{entity} {one.key.decode()}"
            for entity, records in logs.items()
            for one in {(r.partition, r.key): r for r in records}.values()
            if _held(replica, entity, one) != _held(model, entity, one)
        ]
    finally:
        replica.close()


def _held(replica: RocksReplica | MemoryReplica, entity: Entity, record: Record) -> object:
    key = record.key.decode()
    if entity == "sanctions":
        return replica.sanctions(key)
    if entity == "settings":
        return replica.settings(key)
    if entity == "blacklists":
        named = {manifest_key(m.issuer): m for m in replica.blacklists()}
        return named.get(key) or replica.blacklisted(key)
    if entity == "policy":
        return replica.policy(key)
    if key.startswith((FEED_PREFIX, MANIFEST_PREFIX)):
        return replica.held(key, record.partition)
    return replica.row(key)
