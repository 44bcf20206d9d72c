"""A steady feeder: messages at a bounded rate, and changes of the control plane, each stamped with the wall clock."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from streams.contracts.base import encoder
from streams.drill.processes import DrillStuck, now_ms
from streams.drill.world import Changed, World
from streams.engine.policy import Policies
from streams.engine.senders import classify
from streams.pipeline.errors import RestartNeeded
from streams.pipeline.orphan import LastingProducer
from streams.pipeline.settings import Config, Connection

#: librdkafka says on stderr what it thinks of a broker that is down on purpose: only emergencies.
QUIET = 2
_TICK_S = 0.02
_FLUSH_S = 60.0


def settings(connection: Connection) -> Config:
    """Of an idempotent producer that keys as every other of the project does."""
    return {
        **connection.base(),
        "log_level": QUIET,
        "partitioner": "murmur2_random",
        "enable.idempotence": True,
        "linger.ms": 2,
        "compression.type": "lz4",
    }


def close(producer: Producer, within_s: float) -> int:
    """Flush and close; answers how many records nobody acknowledged. Closing alone would wait for them for ever."""
    left = producer.flush(within_s)
    if left:
        producer.purge()
    producer.close()
    return int(left)


def stands(statistics: str) -> str:
    """Where a producer's records stand, by its own statistics: brokers, idempotence, what waits in each partition."""
    if not statistics:
        return "it never said"
    found: dict[str, Any] = msgspec.json.decode(statistics)
    brokers = [f"{name} {one['state']}" for name, one in found["brokers"].items()]
    waiting = [
        f"{topic}[{number}] of leader {one['leader']} at {one['broker']}: {one['msgq_cnt']}+{one['xmit_msgq_cnt']}"
        for topic, held in found["topics"].items()
        for number, one in held["partitions"].items()
        if one["msgq_cnt"] or one["xmit_msgq_cnt"]
    ]
    return "; ".join((*brokers, f"idempotence {found.get('eos', {}).get('idemp_state')}", *waiting))


class Feeder:
    """Feeds until `stop`. rate: messages per second. changes: per second; `publish` brings each where it belongs.
    alter: what becomes of the n-th event's bytes.

    sent: the bytes of every acknowledged event by (partition, offset); with `keep`, of those whose offset it divides.
    fed: how many were acknowledged, by partition. changed: what was published.
    """

    def __init__(
        self,
        connection: Connection,
        world: World,
        policies: Policies,
        *,
        rate: float,
        changes: float = 0.0,
        publish: Callable[[Changed], None] | None = None,
        keep: int = 1,
        alter: Callable[[int, bytes], bytes] | None = None,
    ) -> None:
        self.sent: dict[tuple[int, int], bytes] = {}
        self.fed = Counter[int]()
        self._keep, self._alter = keep, alter
        self.changed: list[Changed] = []
        self._unplaced: set[bytes] = set()
        self._connection = connection
        self._topic, self._world = connection.topic("messages"), world
        self._grammar = policies.default.pack.grammar
        self._rate, self._changes, self._publish = rate, changes, publish
        self._producer = LastingProducer(settings(connection))
        self._waiting: dict[int, tuple[bytes, bytes]] = {}  # key and bytes of what is not acknowledged, by number
        self._encode = encoder().encode
        self._failed: list[str] = []
        self._closed = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="drill-feeder", daemon=True)

    def start(self) -> Feeder:
        """Begin."""
        self._thread.start()
        return self

    def _renew(self) -> None:
        """The client has forgotten Kafka: what it was not told of is sent again. Then it may stand there twice; each
        is an event."""
        self._producer.purge()
        self._producer = LastingProducer(settings(self._connection))
        for number, (key, raw) in list(self._waiting.items()):
            self._unplaced.add(raw)
            self._send(number, key, raw)

    def _run(self) -> None:
        begun, fed, changed = time.monotonic(), 0, 0
        try:
            while not self._stopping.is_set():
                passed = time.monotonic() - begun
                while fed < passed * self._rate and not self._stopping.is_set():
                    self._feed(fed)
                    fed += 1
                while self._publish is not None and changed < passed * self._changes:
                    change = self._world.change(changed, now_ms())
                    self._publish(change)
                    self.changed.append(change)
                    changed += 1
                self._poll()
                time.sleep(_TICK_S)
        except Exception as error:
            self._failed.append(repr(error))

    def _feed(self, number: int) -> None:
        message = self._world.message(number, now_ms())
        key = classify(message.sender.address, message.sender.ton, self._grammar).key
        raw = self._encode(message)
        if self._alter is not None:
            raw = self._alter(number, raw)
        self._waiting[number] = (key.encode(), raw)
        self._send(number, key.encode(), raw)

    def _send(self, number: int, key: bytes, raw: bytes) -> None:
        self._producer.produce(self._topic, raw, key, on_delivery=lambda *said: self._delivered(number, raw, *said))

    def _poll(self) -> None:
        try:
            self._producer.poll(0)
        except RestartNeeded:
            self._renew()

    def _delivered(self, number: int, raw: bytes, error: KafkaError | None, where: Message) -> None:
        if error is not None:
            if error.code() not in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT):
                self._failed.append(error.str())
            return
        self._waiting.pop(number, None)
        partition, offset = where.partition() or 0, where.offset()
        self.fed[partition] += 1
        if offset is None:
            self._unplaced.add(raw)
        elif offset % self._keep == 0:
            self.sent[partition, offset] = raw

    def _place(self) -> None:
        """What was taken at its second attempt, the first having arrived, was acknowledged without its offset."""
        from streams.drill.reader import read  # which knows this module

        if self._unplaced:
            for record in read(self._connection, self._topic):
                if record.value in self._unplaced and record.offset % self._keep == 0:
                    self.sent[record.partition, record.offset] = record.value

    def stop(self) -> dict[tuple[int, int], bytes]:
        """Stop, wait for acknowledgements and answer what was sent. Raises DrillStuck when something was not taken."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(10)
        if self._closed:
            return self.sent
        left = self._close()
        self._closed = True
        if left or self._failed:
            said = stands(self._producer.orphan.said)
            raise DrillStuck(f"{left} events were not acknowledged; {self._failed[:3]}; the client: {said}")
        self._place()
        return self.sent

    def _close(self) -> int:
        while True:
            try:
                return close(self._producer, _FLUSH_S)
            except RestartNeeded:
                self._renew()
