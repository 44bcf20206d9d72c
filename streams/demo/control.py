"""The world's control records in the shape that an embedded run takes them: everything that is no message."""

from __future__ import annotations

from typing import NamedTuple

from streams.contracts.appeals import Appeal
from streams.contracts.blacklists import BlacklistManifest, BlacklistRow
from streams.contracts.feeds import RegistryValue
from streams.contracts.jobs import JobSubmission
from streams.contracts.policy import PolicyRow
from streams.contracts.reports import Directive, Report
from streams.contracts.reputation import Finding
from streams.contracts.settings import SettingsRequest
from streams.demo.world import World


class Control(NamedTuple):
    """A record, the time in ms at which it is taken, and where it stands in the written files."""

    at_ms: int
    record: (
        RegistryValue | PolicyRow | Report | SettingsRequest | BlacklistRow | BlacklistManifest | JobSubmission
        | Directive | Finding | Appeal
    )  # fmt: skip
    place: str


def control(world: World) -> list[Control]:
    """Policy, feeds, settings, partners' lists, jobs, directives, orders, appeals and reports, each kind in order of
    ingest."""
    found = [Control(0, row, f"policy:{i}") for i, row in enumerate((world.policy, *world.abroad), 1)]
    found += [Control(at_ms, value, f"registry:{i}") for i, (at_ms, value) in enumerate(world.feeds, 1)]
    found += [Control(r.recorded_at_ms, r, f"settings:{i}") for i, r in enumerate(world.settings, 1)]
    found += [Control(r.recorded_at_ms, r, f"jobs:{i}") for i, r in enumerate(world.jobs, 1)]
    found += [Control(at_ms, value, f"blacklists:{i}") for i, (at_ms, value) in enumerate(world.blacklists, 1)]
    found += [Control(r.recorded_at_ms, r, f"directives:{i}") for i, r in enumerate(world.directives, 1)]
    found += [Control(r.recorded_at_ms, r, f"orders:{i}") for i, r in enumerate(world.orders, 1)]
    found += [Control(r.recorded_at_ms, r, f"appeals:{i}") for i, r in enumerate(world.appeals, 1)]
    return found + [Control(r.ingested_at_ms, r, f"reports:{i}") for i, r in enumerate(world.reports, 1)]
