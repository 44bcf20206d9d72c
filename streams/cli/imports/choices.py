"""What an import lets its caller choose; apart, so that `--help` loads nothing else."""

from __future__ import annotations

from enum import StrEnum


class SeenFrom(StrEnum):
    """Where traffic is looked for. decisions: every decision. pairs: the meter's sums by relay, far fewer records, but
    not those whose relay is unknown. none: nowhere, so that everybody counts as seen.
    """

    DECISIONS = "decisions"
    PAIRS = "pairs"
    NONE = "none"
