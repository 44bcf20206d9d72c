"""From settings to parts: connection, keys, policies, replicas."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from streams.config import Settings
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.skeleton import skeletons_of
from streams.packs import shipped
from streams.pipeline.following import Following
from streams.pipeline.replicator import Replicator, no_crash
from streams.pipeline.settings import Connection, LoopSettings
from streams.replica.changes import Entity
from streams.replica.recents_rocks import RocksRecents
from streams.replica.rocks import RocksReplica


def connection(settings: Settings) -> Connection:
    """How to reach Kafka."""
    return Connection(settings.bootstrap, settings.prefix, settings.security)


def keys(settings: Settings) -> Keys:
    """The pseudonym keys. Raises ConfigError when none are configured and the demo keys are not allowed."""
    return Keys(*settings.keys())


def policies(settings: Settings) -> Policies:
    """Policies over the shipped packs of the configured jurisdiction."""
    return Policies(shipped(), settings.jurisdiction)


def replicator(
    settings: Settings, component: str, entities: Sequence[Entity], crash: Callable[[str], None] = no_crash
) -> Replicator:
    """A replica on disk under `<state_dir>/<instance>/<component>`, and what reads its topics into it."""
    name = f"{component}-{settings.instance}"
    path = settings.state_dir / settings.instance / component
    path.mkdir(parents=True, exist_ok=True)
    return Replicator(connection(settings), name, RocksReplica(str(path), skeletons_of), entities, crash=crash)


def following(settings: Settings, crash: Callable[[str], None] = no_crash) -> Following:
    """The store of deliveries under `<state_dir>/<instance>/recent`, and what reads its topics into it."""
    path = settings.state_dir / settings.instance / "recent"
    return Following(connection(settings), f"recent-{settings.instance}", RocksRecents(str(path)), crash=crash)


def loop_settings(settings: Settings, component: str) -> LoopSettings:
    """A loop's identity: static, so that a restart takes over its own transaction at once."""
    return LoopSettings(
        connection(settings), f"{settings.prefix}{component}", f"{component}-{settings.instance}"
    )  # fmt: skip
