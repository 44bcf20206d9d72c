"""The fuse: a partition with nothing but garbage must not fill the dead letters, nor stop the others."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class _State:
    bad: int = 0
    open_until_ms: int | None = None
    probing: bool = False


@dataclass(slots=True)
class Fuse:
    """Trips for a partition after `limit` invalid records in a row; half-opens by itself `rest_ms` later.

    Half open, `probe` invalid records in a row trip it again and one valid record closes it. Times are passed in.
    """

    limit: int = 500
    rest_ms: int = 30_000
    probe: int = 10
    _states: dict[int, _State] = field(default_factory=dict)

    def watching(self) -> bool:
        """Whether any partition has a bad record or more on its account; while not, `good` need not be called."""
        return bool(self._states)

    def good(self, partition: int) -> None:
        """A valid record: the partition starts again from zero."""
        self._states.pop(partition, None)

    def bad(self, partition: int, now_ms: int) -> bool:
        """An invalid record. True: the fuse has tripped, pause the partition."""
        state = self._states.setdefault(partition, _State())
        state.bad += 1
        if state.bad < (self.probe if state.probing else self.limit):
            return False
        state.bad, state.open_until_ms = 0, now_ms + self.rest_ms
        return True

    def half_open(self, now_ms: int) -> list[int]:
        """Partitions whose rest is over: let a few of their records through."""
        due = [p for p, s in self._states.items() if s.open_until_ms is not None and now_ms >= s.open_until_ms]
        for partition in due:
            self._states[partition].open_until_ms = None
            self._states[partition].probing = True
        return due

    def open(self) -> frozenset[int]:
        """Partitions paused now."""
        return frozenset(p for p, s in self._states.items() if s.open_until_ms is not None)

    def forget(self, partition: int) -> None:
        """The partition is no longer ours."""
        self._states.pop(partition, None)
