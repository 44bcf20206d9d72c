"""Clients of Kafka that notice when they have forgotten every broker.

librdkafka since 2.10 drops the brokers that an answer about metadata does not name, and a broker that is leaving a
cluster of which nobody else is left names none. Then nobody is left to be asked, the addresses of the configuration
neither: the client stands still for good without an error, whatever `metadata.recovery.strategy` says
(librdkafka issue 5301, open on 2026-11-22; docs/reliability.md). Its statistics show it.

For clients that live long and are polled often: what librdkafka tells of one that is not would pile up.
"""

from __future__ import annotations

import msgspec
from confluent_kafka import Consumer, Message, Producer

from streams.pipeline.errors import RestartNeeded
from streams.pipeline.settings import Config

EVERY_MS = 3000
_LOOKS = 2  # in a row; one might fall between forgetting and learning


class _Broker(msgspec.Struct):
    source: str


class _Statistics(msgspec.Struct):
    brokers: dict[str, _Broker]


class OrphanWatch:
    """Looks at the statistics of one client. It does not raise there: after an exception in a callback librdkafka's
    close has been seen never to return."""

    def __init__(self) -> None:
        self.said = ""
        self._without = 0
        self._decode = msgspec.json.Decoder(_Statistics).decode

    def look(self, statistics: str) -> None:
        """librdkafka tells its statistics; the last ones stay in `said`."""
        self.said = statistics
        # A coordinator is a role, not an address: it stays when the broker that has it is forgotten.
        known = any(one.source in ("configured", "learned") for one in self._decode(statistics).brokers.values())
        self._without = 0 if known else self._without + 1

    def check(self) -> None:
        """Raises RestartNeeded when the client is over."""
        if self._without >= _LOOKS:
            raise RestartNeeded("the Kafka client has forgotten every broker and would ask nobody any more")

    def told(self) -> Config:
        """The settings that have a client tell it."""
        return {"statistics.interval.ms": EVERY_MS, "stats_cb": self.look}


class LastingConsumer(Consumer):
    """A consumer whose polls raise RestartNeeded when it has forgotten every broker."""

    def __init__(self, config: Config) -> None:
        self.orphan = OrphanWatch()
        super().__init__({**config, **self.orphan.told()})

    def poll(self, timeout: float = -1) -> Message | None:
        """As Consumer's."""
        found = super().poll(timeout)
        self.orphan.check()
        return found

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        """As Consumer's."""
        found = super().consume(num_messages, timeout)
        self.orphan.check()
        return found


class LastingProducer(Producer):
    """A producer whose polls and flushes raise RestartNeeded when it has forgotten every broker."""

    def __init__(self, config: Config) -> None:
        self.orphan = OrphanWatch()
        super().__init__({**config, **self.orphan.told()})

    def poll(self, timeout: float = -1) -> int:
        """As Producer's."""
        served = super().poll(timeout)
        self.orphan.check()
        return served

    def flush(self, timeout: float = -1) -> int:
        """As Producer's."""
        left = super().flush(timeout)
        self.orphan.check()
        return left
