"""Registry: timelines equal the merge of the feeds, each change written once, in row and history alike."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from streams.contracts.base import encoder
from streams.contracts.feeds import Heartbeat, RegistryValue, decode_registry
from streams.drill.simulation.errors import Broken
from streams.drill.simulation.log import Headers, Record
from streams.drill.simulation.replicas import DiskReplica
from streams.engine.registry import RowRefused, merge

if TYPE_CHECKING:
    from streams.drill.simulation.schedule import Played


def check(played: Played) -> None:
    """`registry`, its history, its dead letters and both kinds of replica against a fold over `feeds`."""
    log = played.cluster.log
    for partition in range(log.count("feeds")):
        expected, refused = _fold(log.whole(("feeds", partition)))
        for entity in ("registry", "registry.history"):
            found = [(r.key, r.value) for r in log.whole((entity, partition))]
            if found != expected:
                raise Broken(f"registry: {entity}[{partition}] holds {len(found)} changes, the feeds make {expected}")
        dead = sum(_source(r.headers) == partition for _, r in log.every("feeds.dead"))
        if dead != refused:
            raise Broken(f"registry: {refused} rows refused, {dead} dead letters")
    for worker in played.cluster.loops:
        if "registry" in worker.replicator.entities:
            _compare(played, worker.name, worker.disk)
    for agent in played.cluster.agents:
        _compare(played, agent.name, agent.replica)


def _fold(feeds: list[Record]) -> tuple[list[tuple[bytes | None, bytes]], int]:
    encode = encoder().encode
    held: dict[bytes | None, RegistryValue] = {}
    found: list[tuple[bytes | None, bytes]] = []
    refused = 0
    for record in feeds:
        value = decode_registry((record.key or b"").decode(), record.value or b"")
        try:
            merged = merge(held.get(record.key), value)
        except RowRefused:
            refused += 1
            continue
        if merged is not None:
            held[record.key] = merged
            found.append((record.key, encode(merged)))
    return found, refused


def _source(headers: Headers) -> int:
    return int(dict(headers)["partition"])


def _compare(played: Played, name: str, replica: DiskReplica) -> None:
    """A replica holds the newest value of every key of every partition."""
    log = played.cluster.log
    encode = encoder().encode
    beats: dict[str, set[int]] = defaultdict(set)
    for partition in range(log.count("registry")):
        newest = {r.key or b"": r.value for r in log.whole(("registry", partition))}
        for key, value in newest.items():
            held = replica.held(key.decode(), partition)
            if held is None or encode(held) != value:
                raise Broken(f"replica: {name} holds {held} under {key!r}, the topic {value!r}")
            if isinstance(held, Heartbeat):
                beats[held.feed].update(s for b in held.beats for s in range(b.recorded_at_ms, b.fresh_until_ms, 1000))
    for feed, seconds in beats.items():
        seen = replica.feed(feed)
        fresh = {s for b in seen.beats for s in range(b.recorded_at_ms, b.fresh_until_ms, 1000)} if seen else set()
        if fresh != seconds:
            raise Broken(
                f"replica: {name} takes {feed} for fresh at {sorted(fresh ^ seconds)} or not, unlike the topic"
            )
