"""All targets, by room."""

from __future__ import annotations

from tests.fuzz import files, records, reputation, rules, steps
from tests.fuzz.promise import Target

TARGETS: tuple[Target, ...] = (*records.TARGETS, *rules.TARGETS, *steps.TARGETS, *reputation.TARGETS, *files.TARGETS)
