"""All targets, by room."""

from __future__ import annotations

from tests.fuzz import files, inbound, jobs, records, reputation, rules, steps, stores
from tests.fuzz.promise import Target

TARGETS: tuple[Target, ...] = tuple(
    target for room in (records, rules, steps, reputation, files, stores, inbound, jobs) for target in room.TARGETS
)
