"""Reads what the processes write: decisions, how far each component has come, and where topics end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from streams.contracts.decisions import Progress
from streams.errors import DualblockError
from streams.pipeline.settings import Connection
from streams.pipeline.topics import describe

FOLLOWED = (
    "decisions", "traffic", "pairs", "sent", "findings", "progress", "registry", "reports", "sanctions", "settings",
    "jobs", "books", "ledger",
)  # fmt: skip
_PROGRESS = msgspec.json.Decoder(Progress)


class Stuck(DualblockError):
    """A component did not come as far as it had to in time."""


class Tail:
    """One read_committed consumer over everything that the demo waits for. Not thread-safe."""

    def __init__(self, connection: Connection, alive: Callable[[], None], timeout_s: float = 60.0) -> None:
        """alive: raises when a process has died, so that nobody waits for it."""
        self._connection, self._alive, self._timeout_s = connection, alive, timeout_s
        self._consumer = Consumer(
            {
                **connection.base(),
                "group.id": f"{connection.prefix}demo-tail",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
            }
        )
        described = describe(connection, FOLLOWED)
        self._entity = {connection.topic(entity): entity for entity in FOLLOWED}
        self._consumer.assign(
            [
                TopicPartition(connection.topic(entity), partition, OFFSET_BEGINNING)
                for entity, (_, count) in described.items()
                for partition in range(count)
            ]
        )
        self.decisions: list[bytes] = []
        self.sanctions: dict[bytes, bytes] = {}
        self.ledger: dict[bytes, bytes] = {}
        self._after: dict[tuple[str, int], int] = {}
        self._ended: dict[tuple[str, int], int] = {}
        self._progress: dict[tuple[str, str, int], int] = {}

    def poll(self) -> None:
        """Take what is there; waits a moment when there is nothing."""
        first = self._consumer.poll(0.02)
        for message in [] if first is None else [first, *self._consumer.consume(5000, 0)]:
            error, entity = message.error(), self._entity.get(message.topic() or "", "")
            place = (entity, message.partition() or 0)
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    self._ended[place] = message.offset() or 0
                continue
            self._after[place] = (message.offset() or 0) + 1
            value = message.value() or b""
            if entity == "decisions":
                self.decisions.append(value)
            elif entity == "ledger":
                self.ledger[message.key() or b""] = value
            elif entity == "sanctions":
                self.sanctions[message.key() or b""] = value
            elif entity == "progress":
                progress = _PROGRESS.decode(value)
                self._progress[progress.component, self._plain(progress.topic), progress.partition] = (
                    progress.next_offset
                )

    def _plain(self, topic: str) -> str:
        return topic.removeprefix(self._connection.prefix).removesuffix(".v1")

    def settle(self, component: str, entity: str, targets: Mapping[int, int]) -> None:
        """Wait until a component has processed each partition of a topic up to an offset. Raises Stuck."""

        def behind() -> str:
            at = {p: self._progress.get((component, entity, p), 0) for p in targets}
            late = {p: (at[p], end) for p, end in targets.items() if at[p] < end}
            return f"{component} on {entity}: {late}" if late else ""

        self._until(behind)

    def until_decisions(self, count: int) -> None:
        """Wait for so many decisions. Raises Stuck."""
        self._until(lambda: "" if len(self.decisions) >= count else f"{len(self.decisions)} of {count} decisions")

    def data_ends(self, entity: str, partitions: Sequence[int]) -> dict[int, int]:
        """One past the last record of each partition as it stands now; transaction markers behind it don't count."""
        ends = self.log_ends(entity, partitions)

        def unread() -> str:
            late = {p: end for p, end in ends.items() if self._ended.get((entity, p), 0) < end}
            return f"the end of {entity} {late}" if late else ""

        self._until(unread)
        return {p: self._after.get((entity, p), 0) for p in partitions}

    def log_ends(self, entity: str, partitions: Sequence[int]) -> dict[int, int]:
        """Where each partition's log ends, markers included."""
        topic = self._connection.topic(entity)
        return {p: self._consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in partitions}

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()

    def _until(self, missing: Callable[[], str]) -> None:
        deadline = time.monotonic() + self._timeout_s
        while what := missing():
            self._alive()
            if time.monotonic() > deadline:
                raise Stuck(f"Waited {self._timeout_s:g} s in vain for {what}: see the logs of the processes.")
            self.poll()
