"""The world as files, one record in a line, in the contracts' shape: what `dualblock replay` reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from streams.contracts.base import encoder
from streams.demo.world import World


def write_inputs(world: World, directory: Path) -> None:
    """Write registry, policy, reports, settings, blacklists, jobs, directives, orders, appeals, messages and labels as
    `<name>.ndjson`, each in order of ingest.

    A label is `{event_id, pair, side}`. Raises OSError when the directory cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    _write(directory / "registry.ndjson", (value for _, value in world.feeds))
    _write(directory / "policy.ndjson", (world.policy, *world.abroad))
    _write(directory / "reports.ndjson", world.reports)
    _write(directory / "settings.ndjson", world.settings)
    _write(directory / "jobs.ndjson", world.jobs)
    _write(directory / "blacklists.ndjson", (value for _, value in world.blacklists))
    _write(directory / "directives.ndjson", world.directives)
    _write(directory / "orders.ndjson", world.orders)
    _write(directory / "appeals.ndjson", world.appeals)
    _write(directory / "messages.ndjson", world.messages)
    labels = ({"event_id": event_id, "pair": pair, "side": side} for event_id, (pair, side) in world.labels.items())
    _write(directory / "labels.ndjson", labels)


def _write(path: Path, records: Iterable[object]) -> None:
    encode = encoder().encode
    with path.open("wb", buffering=1 << 20) as out:
        for record in records:
            out.write(encode(record))
            out.write(b"\n")
