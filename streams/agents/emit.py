"""Sending raw records: one way out for outputs, dead letters and progress."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from faust.exceptions import ProducerSendError

from streams.agents.errors import OutputLost, Refused

# Room for the batch and record framing that the client adds before it compares with its limit.
FRAME_BYTES = 512


@dataclass(frozen=True, slots=True)
class Output:
    """A record to be sent. `key` decides the partition (murmur2, like every producer of the project) unless one is
    named."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    partition: int | None = None

    def size_bytes(self) -> int:
        """What the broker and the client count, roughly from above."""
        body = len(self.key or b"") + len(self.value or b"")
        return FRAME_BYTES + body + sum(len(name) + len(value) + 10 for name, value in self.headers)


class Send(Protocol):
    """The framework's producer, as far as it is used here."""

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: list[tuple[str, bytes]] | None,
    ) -> Awaitable[object]: ...


class Emitter:
    """Hands records to the producer; that they arrive is the outbox's business."""

    def __init__(self, producer: Callable[[], Send], *, max_record_bytes: int) -> None:
        self._producer = producer
        self.max_record_bytes = max_record_bytes

    def check_size(self, output: Output) -> None:
        """Raise Refused("OUTPUT_TOO_LARGE") for a record that the broker will not take however often it is sent."""
        if (size := output.size_bytes()) > self.max_record_bytes:
            raise Refused("OUTPUT_TOO_LARGE", f"{size} bytes for {output.topic}, the limit is {self.max_record_bytes}")

    async def emit(self, output: Output) -> Awaitable[object]:
        """Send, without waiting for the acknowledgement; answers what stands for it.

        Raises Refused when it is too large, OutputLost when the producer does not accept it.
        """
        self.check_size(output)
        headers = list(output.headers) or None
        try:
            return await self._producer().send(output.topic, output.key, output.value, output.partition, None, headers)
        except ProducerSendError as error:
            raise OutputLost(f"The producer did not accept a record for {output.topic}: {error}") from error
