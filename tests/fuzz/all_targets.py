"""All targets, by room."""

from __future__ import annotations

from tests.fuzz import files, inbound, jobs, partners, records, reputation, rules, steps, stores
from tests.fuzz.promise import Target

TARGETS: tuple[Target, ...] = tuple(
    target
    for room in (records, rules, steps, reputation, files, stores, inbound, jobs, partners)
    for target in room.TARGETS
)
