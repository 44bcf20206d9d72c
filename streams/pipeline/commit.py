"""When to commit: a pure rule."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CommitPolicy:
    """A transaction costs about 3 ms, whatever is in it: under load it should hold a thousand records or more.

    max_records: commit when so many are pending. max_ms: or when the first of them has waited so long.
    """

    max_records: int = 5000
    max_ms: int = 100

    def should_commit(self, pending: int, waited_ms: int, at_end: bool) -> bool:
        """Whether to commit now. `at_end`: nothing more is there to be read, so waiting would only cost latency."""
        if not pending:
            return False
        return at_end or pending >= self.max_records or waited_ms >= self.max_ms
