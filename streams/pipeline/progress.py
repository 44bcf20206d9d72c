"""What a replica has applied, on the `progress` topic: an idle replica writes no transaction that could say so."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.contracts.base import encoder
from streams.contracts.decisions import Progress
from streams.pipeline.settings import Connection, progress_producer
from streams.replica.changes import Applied, Change, Entity, changed_at_ms

log = structlog.get_logger()
_EVERY_S = 0.2


class ProgressWriter:
    """Collects the partitions that moved; `write` says how far each has come. Best effort: the next one corrects it."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._component = f"replica/{name}"
        self._topic = connection.topic("progress")
        self._config = {**progress_producer(connection, name), "on_delivery": self._failed}
        self._lost = False
        self._producer: Producer | None = None
        self._encode = encoder().encode
        self._moved: set[tuple[Entity, int]] = set()
        self._newest_ms: dict[tuple[str, int], int] = {}
        self._written_s = 0.0

    def touch(self, changes: Iterable[Change], applied: Iterable[Applied]) -> None:
        """These partitions moved; event time is when the newest change was written down."""
        self._moved.update((change.entity, change.partition) for change in changes)
        for one in applied:
            at_ms = changed_at_ms(one.new)
            if at_ms > self._newest_ms.get((one.entity, one.partition), 0):
                self._newest_ms[one.entity, one.partition] = at_ms

    def touch_all(self, places: Iterable[tuple[Entity, int]]) -> None:
        """Say something of these, moved or not: the replica has caught up."""
        self._moved.update(places)

    def due(self, at_end: bool) -> bool:
        """Whether there is something to say: at the end at once, on the way there now and then."""
        return bool(self._moved) and (at_end or time.monotonic() - self._written_s >= _EVERY_S)

    def write(self, offsets: Mapping[tuple[str, int], int], ended: Mapping[tuple[Entity, int], int]) -> None:
        """offsets: one past the last change applied. ended: where a partition's end was last seen, if it was."""
        self._written_s = time.monotonic()
        if self._producer is None or self._lost:
            # Kafka was away, or the client has forgotten it (streams/pipeline/orphan.py): only a new one would know.
            self._producer, self._lost = Producer(self._config), False
        moved, self._moved = self._moved, set()
        for place in sorted(moved):
            progress = Progress(
                component=self._component,
                topic=place[0],
                partition=place[1],
                next_offset=max(offsets.get(place, 0), ended.get(place, 0)),
                event_time_ms=self._newest_ms.get(place, 0),
            )
            try:
                self._producer.produce(self._topic, self._encode(progress), progress.key())
            except (BufferError, KafkaException) as error:
                log.warning("progress_not_written", component=self._component, error=str(error))
        self._producer.poll(0)

    def close(self) -> None:
        """Wait a little for what is on its way."""
        if self._producer is not None:
            self._producer.flush(5.0)
            self._producer = None

    def _failed(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._lost = True
            log.warning("progress_not_delivered", error=error.str())
