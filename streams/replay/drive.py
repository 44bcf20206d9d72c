"""Drive an embedded gate over inputs in the order of their ingest, epoch by epoch, and hand out what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from streams.contracts.appeals import Appeal
from streams.contracts.blacklists import BlacklistManifest, BlacklistRow
from streams.contracts.decisions import Decision
from streams.contracts.feeds import RegistryValue
from streams.contracts.jobs import JobSubmission
from streams.contracts.lists import ListRow
from streams.contracts.messages import Message
from streams.contracts.policy import PolicyRow
from streams.contracts.releases import Release
from streams.contracts.reports import Directive, Report
from streams.contracts.reputation import Finding
from streams.contracts.settings import SettingsRequest
from streams.engine.epochs import epoch_of
from streams.engine.intake import InvalidEvent, read_message
from streams.replay.embedded import Embedded

Control = (
    RegistryValue | PolicyRow | ListRow | Directive | Finding | Appeal | Report | SettingsRequest | JobSubmission
    | BlacklistRow | BlacklistManifest | Release
)  # fmt: skip


class Raw(NamedTuple):
    """A message event as bytes; `place` says where it stood (`file:line`)."""

    place: str
    value: bytes


class Refused(NamedTuple):
    """Something that could not be taken: its place, the reason code, and the bytes it came as."""

    place: str
    reason: str
    value: bytes


class Timed(NamedTuple):
    """A control record with its ingest time in ms and, for a dead letter, where and as what it stood."""

    at_ms: int
    record: Control
    place: str = ""
    value: bytes = b""


@dataclass
class Drive:
    """One run. `decided` gets each decision, `refused` each dead letter; both are called in order."""

    embedded: Embedded
    decided: Callable[[Decision], None]
    refused: Callable[[Refused], None]
    control: list[Timed] = field(default_factory=list)

    def run(self, messages: Iterable[Raw]) -> None:
        """Decide every message; apply each epoch's control records before its messages."""
        self.begin()
        for raw in messages:
            self.take(raw)
        self.end()

    def begin(self) -> None:
        """Before the first message."""
        self._epoch_ms = self._begin()
        self._epoch = -(2**53)

    def take(self, raw: Raw) -> None:
        """One message, in the order of ingest."""
        try:
            message, flags = read_message(raw.value)
        except InvalidEvent as error:
            self._invalid(raw, error)
            return
        at = epoch_of(message.ingested_at_ms, self._epoch_ms)
        if at > self._epoch:
            self._epoch = at
            self._advance(at, self._epoch_ms)
        self.decided(self.embedded.message(message, raw.value, flags))

    def end(self) -> None:
        """Behind the last message: the control records that are left."""
        self._advance(2**53, self._epoch_ms)
        self.embedded.finish()

    def _begin(self) -> int:
        """Policies and their lists go in first: they say how long an epoch is, and readers see them from `recorded_at`
        on anyway."""
        for timed in self.control:
            if isinstance(timed.record, PolicyRow | ListRow):
                self._apply(timed)
        epoch_ms = self.embedded.epoch_ms
        rest = [t for t in self.control if not isinstance(t.record, PolicyRow | ListRow)]
        rest.sort(key=lambda t: (epoch_of(t.at_ms, epoch_ms), isinstance(t.record, Report), t.at_ms))
        self._rest: Iterator[Timed] = iter(rest)
        self._next: Timed | None = next(self._rest, None)
        return epoch_ms

    def _advance(self, epoch: int, epoch_ms: int) -> None:
        """Apply the control records of every epoch up to this one, each epoch after the one before it is closed."""
        while self._next is not None and epoch_of(self._next.at_ms, epoch_ms) <= epoch:
            self.embedded.begin(epoch_of(self._next.at_ms, epoch_ms))
            self._apply(self._next)
            self._next = next(self._rest, None)
        if epoch < 2**53:
            self.embedded.begin(epoch)

    def _apply(self, timed: Timed) -> None:
        record = timed.record
        try:
            if isinstance(record, PolicyRow):
                self.embedded.policy(record)
            elif isinstance(record, ListRow):
                self.embedded.content_list(record)
            elif isinstance(record, Directive):
                self.embedded.directive(record, timed.value)
            elif isinstance(record, Finding):
                self.embedded.order(record)
            elif isinstance(record, Appeal):
                self.embedded.appeal(record)
            elif isinstance(record, Release):
                self.embedded.release(record)
            elif isinstance(record, Report):
                self.embedded.report(record)
            elif isinstance(record, BlacklistRow | BlacklistManifest):
                self.embedded.blacklist(record)
            elif isinstance(record, SettingsRequest):
                self.embedded.settings(record)
            elif isinstance(record, JobSubmission):
                self.embedded.job(record)
            else:
                self.embedded.feed(record)
        except ValueError as error:
            head = str(error).partition(":")[0]
            reason = getattr(error, "reason", None) or (head if head.isupper() else "NOT_VALID")
            self.refused(Refused(timed.place, reason, timed.value))

    def _invalid(self, raw: Raw, error: InvalidEvent) -> None:
        self.refused(Refused(raw.place, error.reason, raw.value))
        answer = self.embedded.invalid(raw.value, error.reason)
        if answer is not None:
            self.decided(answer)


def raw_messages(messages: Iterable[Message], encode: Callable[[Message], bytes]) -> Iterator[Raw]:
    """Messages as the bytes that a producer would have written."""
    for message in messages:
        yield Raw("", encode(message))
