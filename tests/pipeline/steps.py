"""The real steps as a worker process runs them, and records for them to eat."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import msgspec

from streams.contracts.decisions import Decision, SenderSeen, Versions
from streams.contracts.messages import Content, Message, Route, Sender
from streams.engine.decide import Decider
from streams.engine.policy import Policies, layer
from streams.engine.pseudonym import Keys
from streams.engine.skeleton import skeletons_of
from streams.packs import shipped
from streams.pipeline import gate, registrar
from streams.pipeline.behaviour import BehaviourStep
from streams.pipeline.following import Following
from streams.pipeline.gate import Gate
from streams.pipeline.held import Held
from streams.pipeline.meter import Meter
from streams.pipeline.recent import RecentStep
from streams.pipeline.registrar import Registrar
from streams.pipeline.replicator import Replicator, no_crash
from streams.pipeline.settings import Connection
from streams.pipeline.step import Step
from streams.replica import MemoryReplica
from streams.replica.recents_rocks import RocksRecents
from tests.pipeline.toy import Toy

KEYS = Keys("k1", b"publication-key", b"state-key")
TRAFFIC_PARTITIONS = 2
EPOCH_MS = 1000
MESSAGE_PARTITIONS = 2


def decider() -> Decider:
    return Decider(Policies(shipped(), "kr"), KEYS)


def make_step(kind: str, connection: Connection, instance: str, **more: Any) -> Step:
    if kind == "registrar":
        return Registrar(Replicator(connection, f"registrar-{instance}", MemoryReplica(), registrar.ENTITIES, **more))
    if kind in ("gate", "telling gate"):
        rows = Replicator(connection, f"gate-{instance}", MemoryReplica(skeletons_of), gate.ENTITIES, **more)
        return Gate(decider(), rows, instance, recent=None if kind == "gate" else (2, True))
    if kind == "meter":
        return Meter(
            lambda at_ms: EPOCH_MS,
            TRAFFIC_PARTITIONS,
            breaker_ms_at=lambda at_ms: EPOCH_MS,
            month_at=lambda at_ms: "2025-12",
        )
    if kind == "recent":
        crash = more.pop("crash", no_crash)
        store = RocksRecents(str(Path(tempfile.gettempdir()) / f"{connection.prefix}recent-{instance}"))
        view = Replicator(connection, f"recent-view-{instance}", MemoryReplica(), ("policy",), **more)
        following = Following(connection, f"recent-{instance}", store, crash=crash)
        return RecentStep(joining(), KEYS, view, following, MESSAGE_PARTITIONS)
    if kind == "behaviour":
        view = Replicator(connection, f"behaviour-view-{instance}", MemoryReplica(), ("policy",), **more)
        held = Held(connection, "shapes", f"behaviour-{instance}")
        return BehaviourStep(Policies(shipped(), "kr"), view, held, MESSAGE_PARTITIONS)
    return Toy(instance)


def joining() -> Policies:
    """Korea, epochs of a second, and a carrier that vouches for what its gates tell."""
    over = {"epoch_ms": EPOCH_MS, "deliveries": {"channels": ["mt"], "own_sources": ["7726"]}}
    return Policies({("kr", "observe"): layer(shipped()["kr", "enforce"], over)}, "kr")


def message(number: int, at_ms: int = 1_765_944_000_000) -> Message:
    return Message(
        event_id=f"e{number}",
        producer="smsc1",
        event_time_ms=at_ms + number,
        ingested_at_ms=at_ms + number,
        leg="termination",
        channel="mt",
        traffic_class="a2p",
        sender=Sender(address=f"1588{number % 100:04d}"),
        recipient="821055501234",
        route=Route(relay_id="relay-7", account_id=f"acct-{number % 5}"),
        content=Content(text="hello"),
    )


def decision(number: int, *subjects: str, at_ms: int = 0) -> bytes:
    made = Decision(
        decision_id=f"d{number}",
        event_id=f"e{number}",
        event_time_ms=at_ms,
        leg="termination",
        verdict="ALLOW",
        action="DELIVER",
        sender=SenderSeen(key="~1", kind="mobile", registered=True),
        recipient="~",
        subjects=subjects,
        versions=Versions(policy="p", read="-", data="d", input="i", engine="0"),
    )
    return msgspec.json.encode(made)
