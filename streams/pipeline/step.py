"""A step: what the loop does with a record. Five exist: registrar, gate, meter, recent and behaviour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

Headers = Sequence[tuple[str, bytes]]


class Input(NamedTuple):
    """A record of the step's input. `timestamp_ms` is Kafka's (log append): never event time."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int


class Output(NamedTuple):
    """A record to write. `partition` None lets the key's hash choose."""

    entity: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Headers = ()


class InvalidRecord(Exception):
    """The record can't be read: dead letter it. `reason` is a code from a small set, `detail` says more."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail


class NotYet(Exception):
    """The record must wait for something outside: its partition is paused at it, uncommitted, until `ready` says so.

    `ready` is asked several times a second and must not block.
    """

    def __init__(self, ready: Callable[[], bool]) -> None:
        super().__init__("not yet")
        self.ready = ready


class Step(Protocol):
    """Called by one loop, from one thread. For each partition the order is

    `assigned` → (`handle`* → `flush` → `committed` or `aborted`)* → `revoked`.

    What a step remembers between `handle` and `committed` it must be able to forget in `aborted`: the same records
    come again. Only `catch_up` may block, and only as long as it says. What any other method raises, `handle` apart,
    ends the process.
    """

    @property
    def name(self) -> str:
        """The component's name in `progress`, metrics and the group id, e.g. "gate"."""
        ...

    @property
    def input(self) -> str:
        """The entity it reads, e.g. "messages"."""
        ...

    @property
    def newest_ms(self) -> dict[int, int]:
        """Highest event time handled, by partition, in ms. The step raises it in `handle`; the loop fills it in
        before `assigned`, and after `aborted`, from what the last commit kept, reads it at a commit and drops it after
        `revoked`."""
        ...

    def catch_up(self) -> bool:
        """Before each batch: take what has changed outside. May block for some tens of milliseconds.

        False = not ready: the loop consumes nothing and asks again. May raise for a restart.
        """
        ...

    def handle(self, record: Input) -> Sequence[Output]:
        """What to write for a record. Must not block, and must raise before anything is remembered of the record.

        Raises NotYet: the record and all behind it in its partition wait. Raises InvalidRecord: the record goes to the
        dead letters and `fallback` is asked. Any other exception counts as our own failure and does the same under the
        reason STEP_FAILED.
        """
        ...

    def fallback(self, record: Input, reason: str) -> Sequence[Output]:
        """What to write for a record beside its dead letter. Must not block; an exception means nothing."""
        ...

    def flush(self, positions: Mapping[int, int], ended: frozenset[int], now_ms: int) -> Iterable[Output]:
        """Just before a commit: what else belongs into this transaction. Must not block.

        `positions`: next offset of each partition with records in this transaction; `ended`: partitions that stand at
        their end; `now_ms`: wall clock.
        """
        ...

    def committed(self) -> None:
        """The transaction is committed: readers see its outputs and its offsets."""
        ...

    def aborted(self) -> None:
        """The transaction is undone, or its outcome unknown: forget it. What was lost is handled again."""
        ...

    def assigned(self, partitions: Iterable[int]) -> None:
        """These partitions are ours from now on. Must not block."""
        ...

    def revoked(self, partitions: Iterable[int]) -> None:
        """These partitions are no longer ours; their transaction was committed or aborted before. Must not block."""
        ...

    def idle(self, ended: frozenset[int], now_ms: int) -> Sequence[Output]:
        """Nothing came and nothing is pending: what to write all the same, as a transaction of its own.

        Called several times a second, so mostly empty. `ended`: partitions that stand at their end.
        """
        ...

    def close(self) -> None:
        """The loop has ended. Release what the step holds."""
        ...
