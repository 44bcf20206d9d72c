"""When to commit: a pure rule."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CommitPolicy:
    """A transaction costs about 3 ms, whatever is in it: under load it should hold a thousand records or more.

    max_records: commit when so many are pending. max_ms: or when the first of them has waited so long. at_end_ms: or
    this long, when there is nothing more to read: 0 for a step whose readers wait for each output, more for one whose
    outputs sum up what a transaction holds. quiet_ms: and nothing has come for so long. Under a steady load a fast step
    is at the end after each batch; one that sums up would say little, often.
    """

    max_records: int = 5000
    max_ms: int = 100
    at_end_ms: int = 0
    quiet_ms: int = 0

    def should_commit(self, pending: int, waited_ms: int, at_end: bool, quiet_ms: int = 0) -> bool:
        """Whether to commit now. `at_end`: nothing more is there to be read; quiet_ms: since the last record came."""
        if not pending:
            return False
        ended = at_end and quiet_ms >= self.quiet_ms
        return pending >= self.max_records or waited_ms >= (self.at_end_ms if ended else self.max_ms)
