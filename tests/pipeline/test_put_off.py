"""A record that must wait: nothing behind it is handled, and it is not skipped when its partition flows again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from confluent_kafka import Message

from streams.pipeline.loop import Loop
from streams.pipeline.step import Input, NotYet, Output
from tests.pipeline.toy import Toy, settings


class Stubborn(Toy):
    """Takes record 5 only when it is told to."""

    def __init__(self) -> None:
        super().__init__("0")
        self.open, self.seen = False, list[int]()

    def handle(self, record: Input) -> Sequence[Output]:
        if record.offset == 5 and not self.open:
            raise NotYet(lambda: self.open)
        self.seen.append(record.offset)
        return ()


class Record(Message):
    """A message as a consumer hands it out."""

    def __new__(cls, offset: int) -> Record:
        return super().__new__(cls)

    def __init__(self, offset: int) -> None:
        self._at = offset

    def error(self) -> None:
        return None

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._at

    def key(self) -> bytes:
        return b"k"

    def value(self) -> bytes:
        return b"v"

    def timestamp(self) -> tuple[int, int]:
        return 1, 0


class Source:
    """A consumer over one partition: hands out what is queued, and queues again from where it is sought."""

    def __init__(self, last: int) -> None:
        self.last, self.calls, self.queued = last, list[str](), list[int]()

    def pause(self, places: list[Any]) -> None:
        self.calls.append("pause")
        self.queued = []

    def resume(self, places: list[Any]) -> None:
        self.calls.append("resume")

    def seek(self, place: Any) -> None:
        self.calls.append(f"seek {place.offset}")
        self.queued = list(range(place.offset, self.last))

    def poll(self, wait_s: float) -> Record | None:
        return Record(self.queued.pop(0)) if self.queued else None

    def consume(self, most: int, wait_s: float) -> list[Record]:
        found, self.queued = self.queued, []
        return [Record(offset) for offset in found]


def test_what_is_left_of_a_batch_does_not_overtake_the_record_that_waited() -> None:
    step, source = Stubborn(), Source(8)
    loop = Loop(step, settings("nowhere:1", "x"))
    loop._consumer = source  # type: ignore[assignment]  # stands for one
    loop.ready = True
    loop._parts.add(0, 3)
    loop._handler.handle([Record(n) for n in (3, 4, 5, 6)], source)  # type: ignore[arg-type]  # as above
    assert step.seen == [3, 4] and loop._parts.pending == {0: 5} and loop._handler.pending == 2
    loop._carried = [Record(6), Record(7)]  # as when a long batch was cut
    step.open = True
    loop._turn()
    assert source.calls == ["pause", "resume", "seek 5"]
    assert step.seen == [3, 4, 5, 6, 7]
