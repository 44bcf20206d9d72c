"""A schedule: one seed, one world, one order of everything. Played, settled, and compared with the models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from streams.contracts.decisions import Decision
from streams.drill.simulation.checks import check, traffic
from streams.drill.simulation.cluster import KEYS, Cluster, policies
from streams.drill.simulation.errors import Broken
from streams.drill.simulation.world import POLICY, Epoch, World, feed_key, record
from streams.engine.attribution import ReportRefused
from streams.engine.intake import InvalidEvent, read_message
from streams.engine.registry import RowRefused
from streams.engine.sanctioning import FindingRefused
from streams.replay.embedded import Embedded


@dataclass
class Played:
    """A schedule that was run to its end. expected: the embedded run's decisions by (partition, offset) of the message,
    None where the schedule didn't wait between stages. faults: what happened, for whoever reads a failure."""

    seed: int
    world: World
    cluster: Cluster
    stepwise: bool
    expected: dict[tuple[int, int], Decision | None] = field(default_factory=dict)


class Schedule:
    """Feeds the world to the cluster.

    Stepwise: epoch by epoch and stage by stage, each settled before the next, as the feeder does; then the embedded run
    must agree message for message. Otherwise feeds, orders and reports come at any time, also epochs late, and only
    the messages of an epoch wait for the decisions on those before.
    """

    def __init__(self, seed: int) -> None:
        rng = self._rng = Random(seed)
        counts = {"messages": rng.choice((1, 2, 2, 3))}
        counts |= {"registry": rng.choice((1, 2)), "reputation": rng.choice((1, 2))}
        self._world = World(seed, counts)
        cluster = self._cluster = Cluster(rng, counts, rng.choice((0, 6, 12, 16)))
        self.played = Played(seed, self._world, cluster, rng.random() < 0.25)
        self._embedded = Embedded(policies(), KEYS, joins=False, shapes=False)
        self._late: list[Iterator[None]] = []

    def play(self) -> Played:
        """Run to the end. Raises Broken."""
        cluster = self._cluster
        cluster.log.append("policy", b"kr", record(POLICY))
        self._embedded.policy(POLICY)
        cluster.start()
        for epoch in self._world.epochs:
            if epoch is self._world.epochs[-1]:
                cluster.faults = 0
                cluster.settle()
            if self.played.stepwise:
                self._step(epoch)
            else:
                self._stream(epoch)
            cluster.decide()
        cluster.settle()
        return self.played

    # -- stepwise ------------------------------------------------------------------------------------------------

    def _step(self, epoch: Epoch) -> None:
        cluster, embedded = self._cluster, self._embedded
        cluster.now_ms = epoch.start_ms
        embedded.begin(epoch.number)
        for stage in (
            self._feeds(epoch), self._orders(epoch), self._directives(epoch), self._reports(epoch),
            self._messages(epoch),
        ):  # fmt: skip
            fed = False
            for _ in stage:
                fed = True
                if self._rng.random() < 0.1:
                    cluster.run(2)
            if fed:
                cluster.settle()
        traffic.prompt(self.played)

    def _feeds(self, epoch: Epoch) -> Iterator[None]:
        for value, partition in epoch.feeds:
            self._cluster.log.append("feeds", feed_key(value), record(value), partition)
            if self.played.stepwise:
                with suppress(RowRefused):
                    self._embedded.feed(value)
            yield

    def _directives(self, epoch: Epoch) -> Iterator[None]:
        for directive in epoch.directives:
            self._cluster.log.append("directives", directive.reference.encode(), record(directive))
            if self.played.stepwise:
                self._embedded.directive(directive)
            yield
        for appeal in epoch.appeals:
            self._cluster.log.append("appeals", appeal.subject.encode(), record(appeal))
            if self.played.stepwise:
                with suppress(FindingRefused):
                    self._embedded.appeal(appeal)
            yield

    def _orders(self, epoch: Epoch) -> Iterator[None]:
        for order in epoch.orders:
            self._cluster.log.append("findings", order.subject.encode(), record(order))
            if self.played.stepwise:
                self._embedded.order(order)
            yield

    def _reports(self, epoch: Epoch) -> Iterator[None]:
        for report in epoch.reports:
            self._cluster.log.append("reports", report.report_id.encode(), record(report))
            if self.played.stepwise:
                with suppress(ReportRefused):
                    self._embedded.report(report)
            yield
        for number in range(epoch.garbage):
            self._cluster.log.append("reports", b"garbage-%d" % number, b"{")
            yield

    def _messages(self, epoch: Epoch) -> Iterator[None]:
        for key, value in epoch.messages:
            place = self._cluster.log.append("messages", key, value)
            if self.played.stepwise:
                try:
                    message, flags = read_message(value)
                    self.played.expected[place] = self._embedded.message(message, value, flags)
                except InvalidEvent as error:
                    self.played.expected[place] = self._embedded.invalid(value, error.reason)
            yield

    # -- streaming -----------------------------------------------------------------------------------------------

    def _stream(self, epoch: Epoch) -> None:
        rng, cluster = self._rng, self._cluster
        cluster.now_ms = epoch.start_ms
        for _ in self._orders(epoch):  # at once: nobody appeals before
            pass
        stages = [*self._late, self._feeds(epoch), self._directives(epoch), self._reports(epoch)]
        last = epoch is self._world.epochs[-1]
        self._late = [s for s in stages if not last and epoch is not self._world.epochs[0] and rng.random() < 0.25]
        stages = [*(s for s in stages if s not in self._late), self._messages(epoch)]
        cluster.doze()
        while stages:
            stage = rng.choice(stages)
            if next(stage, False) is False:
                stages.remove(stage)
            elif rng.random() < 0.2:
                cluster.run(rng.randint(1, 6))


def play(seed: int) -> Played:
    """Run one schedule and hold it to every invariant. Raises Broken."""
    played = Schedule(seed).play()
    check(played)
    return played


def broken(seed: int) -> str | None:
    """The invariant that a schedule breaks, with what was found; None if it holds all."""
    try:
        play(seed)
    except Broken as error:
        return str(error)
    except Exception as error:  # a component that dies of its own is a finding, too
        return f"raised: {type(error).__name__}: {error}"
    return None
