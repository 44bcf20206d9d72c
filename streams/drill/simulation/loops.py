"""A worker of the transactional loop: the real loop with the real step, over simulated clients, turned by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException

from streams.contracts.topics import TOPICS
from streams.drill.simulation.clients import Consumer, Producer, SimCrash
from streams.drill.simulation.group import Group
from streams.drill.simulation.log import Log
from streams.drill.simulation.replicas import DiskReplica, SimReplicator
from streams.engine.skeleton import skeletons_of
from streams.pipeline.bounded import Bounded
from streams.pipeline.commit import CommitPolicy
from streams.pipeline.errors import RestartNeeded
from streams.pipeline.loop import Loop
from streams.pipeline.settings import Config, Connection, LoopSettings
from streams.pipeline.step import Step
from streams.replica.changes import Entity

CONNECTION = Connection("simulated")
ENTITY_OF = {CONNECTION.topic(topic.entity): topic.entity for topic in TOPICS}
#: Where a worker may be killed, beside between two turns; and what may be answered to it instead.
CRASHES = (
    "after-consume", "after-produce", "after-flush", "after-send-offsets", "after-commit", "produce", "send-offsets",
    "commit", "committed", "before-apply", "after-apply",
)  # fmt: skip
REFUSALS = ("abort:send-offsets", "abort:commit", "unknown:commit", "unknown:committed")
MakeStep = Callable[[SimReplicator, str], Step]


class SimPolicy(CommitPolicy):
    """Commits when the dice say so; `waiting` while records are pending."""

    waiting = False
    chance = 1.0
    rng = Random(0)

    def should_commit(self, pending: int, waited_ms: int, at_end: bool, quiet_ms: int = 0) -> bool:
        yes = pending > 0 and (pending >= self.max_records or (at_end and self.rng.random() < self.chance))
        object.__setattr__(self, "waiting", pending > 0 and not yes)
        return yes


class Inline(Bounded):
    """Makes the call at once: simulated clients always come back."""

    def __call__(self, call: Callable[[], object], within_s: float) -> None:
        call()


def _standing() -> float:
    """A turn takes no time: how long the machine needs for a schedule must not change it."""
    return 0.0


class LoopWorker:
    """One process. disk: what outlives it. `kill` at any time, `start` again; `turn` gives it one turn."""

    def __init__(
        self, log: Log, group: Group, name: str, entities: tuple[Entity, ...], make: MakeStep, rng: Random,
        clock_ms: Callable[[], int],
    ) -> None:  # fmt: skip
        self.log, self.group, self.name = log, group, name
        self._entities, self._make, self._rng, self._clock_ms = entities, make, rng, clock_ms
        self.disk = DiskReplica(skeletons_of)
        self.armed: tuple[str, int] | None = None
        self.stalled = False
        self.calm = 0
        self._turns: Iterator[None] | None = None

    @property
    def alive(self) -> bool:
        return self._turns is not None

    def start(self, fresh_disk: bool = False) -> None:
        """Start the process, on what is left on its disk or on an empty one."""
        if fresh_disk:
            self.disk = DiskReplica(skeletons_of)
        self._consumer: Consumer | None = None
        self._producers: list[Producer] = []
        self.stalled, self.calm, self.armed = False, 0, None
        self.replicator = SimReplicator(self.log, self.disk, self._entities, self._rng, self._crash)
        self.policy = SimPolicy(max_records=self._rng.choice((1, 3, 10, 1000)))
        object.__setattr__(self.policy, "rng", self._rng)
        object.__setattr__(self.policy, "chance", self._rng.choice((0.3, 0.7, 1.0)))
        self.step = self._make(self.replicator, self.name)
        loop = Loop(
            self.step,
            LoopSettings(CONNECTION, self.group.name, self.name),
            policy=self.policy,
            clock_ms=self._clock_ms,
            monotonic_s=_standing,
            crash=self._crash,
            make_consumer=cast("Any", self._make_consumer),
            make_producer=cast("Any", self._make_producer),
        )
        loop._tx._bounded = Inline()  # no threads here
        self._turns = loop.turns()

    def _make_consumer(self, config: Config) -> Consumer:
        self._consumer = Consumer(self.log, self.group, self.name, self._rng)
        return self._consumer

    def _make_producer(self, config: Config) -> Producer:
        self._producers.append(Producer(self.log, self.name, ENTITY_OF, self._fault))
        return self._producers[-1]

    def turn(self) -> bool:
        """One turn of the loop. False: the process has ended in it."""
        if self._turns is None:
            return False
        self.calm = 0 if self.busy() else self.calm + 1
        object.__setattr__(self.policy, "waiting", False)  # asked again, if anything is pending
        try:
            next(self._turns)
        except (SimCrash, RestartNeeded, StopIteration):
            self._gone()
            return False
        return True

    def busy(self) -> bool:
        """Whether a turn could change anything but a watermark."""
        if self._consumer is None or self.policy.waiting or self.name in self.log.open_names():
            return True
        return self._consumer.behind() or self.replicator.behind()

    def stall(self) -> None:
        """SIGSTOP past the session timeout: somebody else gets its partitions."""
        self.stalled = True
        self.group.kick(self.name)

    def kill(self) -> None:
        """kill -9 between two turns."""
        if self._turns is not None:
            self._cut()
            cast("Any", self._turns).close()
            self._gone()

    def _cut(self) -> None:
        """From here on nothing of this process reaches Kafka any more."""
        for client in (self._consumer, *self._producers):
            if client is not None:
                client.dead = True

    def _gone(self) -> None:
        self._turns = None
        self._cut()
        self.group.leave(self.name)

    def _hit(self, point: str) -> str:
        """What is armed for this point and due now."""
        if self.armed is None or self.armed[0].partition(":")[2] != point:
            return ""
        kind, countdown = self.armed
        if countdown > 0:
            self.armed = (kind, countdown - 1)
            return ""
        self.armed = None
        return kind.partition(":")[0]

    def _crash(self, point: str) -> None:
        if self._hit(point):
            self._cut()
            raise SimCrash(point)

    def _fault(self, call: str) -> None:
        kind = self._hit(call)
        if kind == "crash":
            self._cut()
            raise SimCrash(call)
        if kind == "abort":
            raise KafkaException(KafkaError(KafkaError.CONCURRENT_TRANSACTIONS, call, txn_requires_abort=True))
        if kind == "unknown":
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, call))
