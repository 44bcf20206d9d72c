"""Whether topics are still the ones that they were: one made anew under its name starts at offset 0, and who reads on
where he stood skips its first records without an error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from streams.pipeline.settings import Connection

_EVERY_S = 5.0
_TIMEOUT_S = 10.0


class TopicWatch:
    """Asks every five seconds and never waits for the answer. One thread."""

    def __init__(
        self, connection: Connection, entities: Iterable[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connection, self._clock = connection, clock
        self._names = {connection.topic(entity): entity for entity in entities}
        self._admin: AdminClient | None = None
        self._asked: dict[str, Future[Any]] = {}
        self._next_s = clock() + _EVERY_S

    def other(self, ids: Mapping[str, str]) -> dict[str, str]:
        """Entities whose topic has another id now than in `ids`, with that id. A topic that is missing is none."""
        if not self._asked:
            if self._clock() >= self._next_s:
                self._next_s = self._clock() + _EVERY_S
                self._ask()
            return {}
        if not all(future.done() for future in self._asked.values()):
            return {}
        asked, self._asked = self._asked, {}
        found: dict[str, str] = {}
        for name, future in asked.items():
            try:
                topic_id = str(future.result(0).topic_id)
            except KafkaException:
                # Deleted, or Kafka is away: who reads goes on with what he holds. Or this client has forgotten every
                # broker (streams/pipeline/orphan.py); a new one asks next time.
                self._admin = None
                continue
            entity = self._names[name]
            if topic_id != ids.get(entity):
                found[entity] = topic_id
        return found

    def _ask(self) -> None:
        if self._admin is None:
            self._admin = AdminClient(self._connection.base())
        self._asked = self._admin.describe_topics(TopicCollection(list(self._names)), request_timeout=_TIMEOUT_S)
