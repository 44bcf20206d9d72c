"""What the transactional loop knows of Kafka: a consumer in a group and a transactional producer, over the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams.drill.simulation.group import Group
from streams.drill.simulation.log import Headers, Log, Record, Transaction

Callback = Callable[["Consumer", list[TopicPartition]], None]


class SimCrash(BaseException):
    """kill -9, here and now. No handler of ours may catch it."""


class Message:
    """A record, or the end of a partition, as confluent-kafka hands it out."""

    __slots__ = ("_end", "_offset", "_partition", "_record")

    def __init__(self, partition: int, offset: int, record: Record | None) -> None:
        self._partition, self._offset, self._record = partition, offset, record

    def error(self) -> KafkaError | None:
        return None if self._record is not None else KafkaError(KafkaError._PARTITION_EOF)

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes | None:
        return None if self._record is None else self._record.key

    def value(self) -> bytes | None:
        return None if self._record is None else self._record.value

    def timestamp(self) -> tuple[int, int]:
        return 2, self._offset


class Consumer:
    """A member of a group that reads one topic. Batches are torn and partitions interleaved as `rng` says."""

    def __init__(self, log: Log, group: Group, name: str, rng: Random) -> None:
        self.log, self.group, self.name, self._rng = log, group, name, rng
        self.entity = group.entity
        self.dead = False
        self.lost = False
        self._positions: dict[int, int] = {}
        self._paused: set[int] = set()
        self._told: dict[int, int] = {}  # the end was told at this position

    def subscribe(self, topics: list[str], *, on_assign: Callback, on_revoke: Callback, on_lost: Callback) -> None:
        self._on_assign, self._on_revoke, self._on_lost = on_assign, on_revoke, on_lost
        self.group.join(self.name, self)

    def _serve(self) -> None:
        """Rebalance callbacks come from within poll and consume."""
        if self.lost:
            self.lost = False
            self._on_lost(self, self._topic(self._positions))
            self.group.join(self.name, self)
        gone = [p for p in self._positions if self.group.target.get(p) != self.name]
        if gone:
            self._on_revoke(self, self._topic(gone))
            self.group.release(self.name, gone)
        new = self.group.free(self.name)
        if new:
            self.group.take(self.name, new)
            self._on_assign(self, self._topic(new))

    def poll(self, timeout: float) -> Message | None:
        if self.dead:
            return None
        self._serve()
        found = self._fetch(1)
        return found[0] if found else None

    def consume(self, number: int, timeout: float) -> list[Message]:
        return [] if self.dead else self._fetch(min(number, self._rng.choice((0, 1, 3, 8, 40))))

    def _fetch(self, limit: int) -> list[Message]:
        found: list[Message] = []
        flowing = [p for p in self._positions if p not in self._paused]
        self._rng.shuffle(flowing)
        for partition in flowing:
            if len(found) >= limit:
                break
            records, position = self.log.read((self.entity, partition), self._positions[partition], limit - len(found))
            found += [Message(partition, record.offset, record) for record in records]
            self._positions[partition] = position
            if position >= self.log.stable_end((self.entity, partition)) and self._told.get(partition) != position:
                self._told[partition] = position
                found.append(Message(partition, position, None))
        return found

    def behind(self) -> bool:
        """Whether there is something to read, or a rebalance to be served."""
        flowing = {p: at for p, at in self._positions.items() if p not in self._paused}
        if self.lost or any(self.group.target.get(p) != self.name for p in self._positions):
            return True
        if self.group.free(self.name):
            return True
        return any(self.log.stable_end((self.entity, p)) > at or self._told.get(p) != at for p, at in flowing.items())

    def incremental_assign(self, places: list[TopicPartition]) -> None:
        for place in places:
            self._positions[place.partition] = max(place.offset, 0)
            self._told.pop(place.partition, None)

    def incremental_unassign(self, places: list[TopicPartition]) -> None:
        for place in places:
            self._positions.pop(place.partition, None)
            self._paused.discard(place.partition)

    def committed(self, places: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        self.log.settle_offsets(self.group.name, [(self.entity, p.partition) for p in places], self.name)
        found = []
        for place in places:
            offset, metadata = self.log.offsets.get((self.group.name, self.entity, place.partition), (-1001, ""))
            found.append(TopicPartition(place.topic, place.partition, offset, metadata=metadata))
        return found

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        for place in offsets:
            where = (self.group.name, self.entity, place.partition)
            self.log.offsets[where] = (place.offset, place.metadata or "")

    def seek(self, place: TopicPartition) -> None:
        self._positions[place.partition] = max(place.offset, 0)
        self._told.pop(place.partition, None)

    def pause(self, places: list[TopicPartition]) -> None:
        self._paused.update(place.partition for place in places)

    def resume(self, places: list[TopicPartition]) -> None:
        self._paused.difference_update(place.partition for place in places)

    def consumer_group_metadata(self) -> Consumer:
        return self

    def close(self) -> None:
        if not self.dead:
            self.group.leave(self.name)

    def _topic(self, partitions: Any) -> list[TopicPartition]:
        return [TopicPartition(self.entity, partition) for partition in sorted(partitions)]


class Producer:
    """A transactional producer. `fault` is asked at every call and may crash or raise."""

    def __init__(self, log: Log, name: str, entities: dict[str, str], fault: Callable[[str], None]) -> None:
        self._log, self._name, self._entities, self._fault = log, name, entities, fault
        self.dead = False
        self._epoch = -1
        self._tx: Transaction | None = None

    def init_transactions(self, timeout: float) -> None:
        self._epoch = self._log.init(self._name)

    def begin_transaction(self) -> None:
        self._alive()
        self._tx = self._log.begin(self._name)

    def produce(
        self, topic: str, value: bytes | None, key: bytes | None, partition: int, headers: Headers = ()
    ) -> None:  # fmt: skip
        self._fault("produce")
        self._alive()
        place = None if partition < 0 else partition
        self._log.append(self._entities[topic], key, value, place, headers, self._running())

    def poll(self, timeout: float) -> int:
        return 0

    def send_offsets_to_transaction(
        self, offsets: Sequence[TopicPartition], member: Consumer, timeout: float
    ) -> None:  # fmt: skip
        self._fault("send-offsets")
        self._alive()
        group = member.group
        if member.lost or any(group.owned.get(place.partition) != member.name for place in offsets):
            raise KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION, "rebalanced", txn_requires_abort=True))
        for place in offsets:
            where = (group.name, member.entity, place.partition)
            self._running().offsets[where] = (place.offset, place.metadata or "")

    def commit_transaction(self, timeout: float) -> None:
        self._fault("commit")
        self._alive()
        self._log.end(self._name, True)
        self._tx = None
        self._fault("committed")

    def abort_transaction(self, timeout: float) -> None:
        if self.dead:
            return
        self._alive()
        self._log.end(self._name, False)
        self._tx = None

    def purge(self) -> None:
        self._tx = None

    def _running(self) -> Transaction:
        if self._tx is None or self._tx.state != "open":
            raise KafkaException(KafkaError(KafkaError.INVALID_TXN_STATE, "no transaction", txn_requires_abort=True))
        return self._tx

    def _alive(self) -> None:
        if self.dead or self._log.epoch(self._name) != self._epoch:
            raise KafkaException(KafkaError(KafkaError._FENCED, "a successor has taken over", fatal=True))
