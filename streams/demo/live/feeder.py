"""Feeds a world to Kafka epoch by epoch: feeds, policy, then reports, then messages; each stage settles before the
next, so that no message meets rows that are older than they were in the embedded run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from streams.config import DEMO_KEYS, Partitions
from streams.contracts.appeals import Appeal
from streams.contracts.base import Record, encoder
from streams.contracts.blacklists import BlacklistManifest, BlacklistRow
from streams.contracts.blacklists import key_of as listed_key
from streams.contracts.feeds import Heartbeat, Manifest, RegistryValue, key_of
from streams.contracts.jobs import JobSubmission
from streams.contracts.messages import Message as Event
from streams.contracts.registry import SenderRow
from streams.contracts.reports import Directive, Report
from streams.contracts.reputation import Finding
from streams.contracts.settings import SettingsRequest
from streams.demo.live.tail import Tail
from streams.demo.world import World
from streams.engine.accounts import sender_of
from streams.engine.deliveries import partition_of, reporter_key
from streams.engine.epochs import epoch_of
from streams.engine.policy import Policy
from streams.engine.pseudonym import Keys
from streams.errors import DualblockError
from streams.pipeline.settings import Connection


class Feeder:
    """Writes what a carrier's feeds, report portals and SMSC would write. Closed-loop: it waits for every stage."""

    def __init__(self, connection: Connection, partitions: Partitions, instance: str, policy: Policy) -> None:
        self._connection, self._parts, self._instance, self._policy = connection, partitions, instance, policy
        self._keys = Keys(*DEMO_KEYS)  # as the processes that are fed
        self._encode = encoder().encode
        self._ends: dict[tuple[str, int], int] = {}
        self._failed: list[str] = []
        self._producer = Producer(
            {
                **connection.base(),
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 5,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 500_000,
            }
        )

    def begin(self, world: World, epoch: int) -> None:
        """Before any process runs: the policy, and every feed of an epoch before `epoch`."""
        for row in (world.policy, *world.abroad):
            self._send("policy", row.jurisdiction, row)
        self._feeds(v for at, v in world.feeds if self._epoch(at) < epoch)
        self._flush()

    def run(self, world: World, tail: Tail, advanced: Callable[[int], None]) -> None:
        """Feed the world. `advanced` is told how many messages were decided so far. Raises Stuck."""
        every = [*range(self._parts.reputation)]
        for component in ("gate", "agents-view", "meter", "recent-view", "behaviour-view"):
            tail.settle(f"replica/{component}-{self._instance}", "policy", {0: self._ends["policy", 0]})
        self._registered(tail)
        by_epoch = groupby(world.messages, lambda m: self._epoch(m.ingested_at_ms))
        epochs = [(epoch, list(found)) for epoch, found in by_epoch]
        start = epochs[0][0]
        feeds = sorted((self._epoch(at), i) for i, (at, _) in enumerate(world.feeds) if self._epoch(at) >= start)
        reports, settings, sent = list(world.reports), list(world.settings), 0
        jobs, lists = list(world.jobs), list(world.blacklists)
        orders, appeals, directives = list(world.orders), list(world.appeals), list(world.directives)
        for epoch, messages in epochs:
            if due := [i for at, i in feeds if at <= epoch]:
                feeds = feeds[len(due) :]
                self._feeds(world.feeds[i][1] for i in due)
                self._flush()
                self._registered(tail)
            due_settings = [r for r in settings if self._epoch(r.recorded_at_ms) <= epoch]
            settings = settings[len(due_settings) :]
            self._settings(due_settings, tail)
            due_lists = [value for at, value in lists if self._epoch(at) <= epoch]
            lists = lists[len(due_lists) :]
            self._listed(due_lists, tail)
            due_jobs = [j for j in jobs if self._epoch(j.recorded_at_ms) <= epoch]
            jobs = jobs[len(due_jobs) :]
            self._announced(due_jobs, tail)
            due_orders = [o for o in orders if self._epoch(o.recorded_at_ms) <= epoch]
            due_directives = [d for d in directives if self._epoch(d.recorded_at_ms) <= epoch]
            directives = directives[len(due_directives) :]
            self._directed(due_directives, tail)
            due_appeals = [a for a in appeals if self._epoch(a.recorded_at_ms) <= epoch]
            orders, appeals = orders[len(due_orders) :], appeals[len(due_appeals) :]
            self._ordered(due_orders, due_appeals, tail)
            # Reports of the epochs before wait until those are closed, which this epoch's messages do.
            waiting = self._sent("reports.keyed")
            due_reports = [r for r in reports if self._epoch(r.ingested_at_ms) <= epoch]
            reports = reports[len(due_reports) :]
            for report in due_reports:
                self._report(report)
            self._flush()
            if not sent:  # nothing was delivered yet, so nothing is open
                self._reported(tail, self._sent("reports.keyed"))
            for part in self._parts_of(messages, world):
                for message in part:
                    shown, grammar = message.sender, self._policy.pack.grammar
                    sender = sender_of(message.channel, shown.address, shown.ton, message.origin_id, grammar)
                    self._send("messages", sender.key, message)
                self._flush()
                sent += len(part)
                tail.settle("gate", "messages", self._sent("messages"))
                tail.until_decisions(sent)
                decided = tail.data_ends("decisions", range(self._parts.messages))
                tail.settle("meter", "decisions", decided)
                tail.settle("tally", "traffic", tail.data_ends("traffic", every))
                tail.settle("breaker", "pairs", tail.data_ends("pairs", every))
                tail.settle("behaviour", "sent", tail.data_ends("sent", range(self._parts.messages)))
                self._sanctioned(tail)
                advanced(sent)
            self._reported(tail, waiting)
        tail.settle("ledger", "books", tail.data_ends("books", every))
        tail.data_ends("ledger", every)

    def _parts_of(self, messages: list[Event], world: World) -> list[list[Event]]:
        """An epoch's messages at once, or by breaker epochs from when an import has ended a sender's row: before that
        nothing can trip the breaker, and if something did, the run would count it as late enforcement."""
        begins = min((at for at, value in world.feeds if _drops(value)), default=2**53)
        if self._epoch(messages[0].ingested_at_ms) < self._epoch(begins):
            return [messages]
        step = self._policy.pack.breaker.epoch_ms
        return [list(part) for _, part in groupby(messages, lambda m: epoch_of(m.ingested_at_ms, step))]

    def close(self) -> None:
        """Let go of the broker before it stops."""
        self._producer.close()

    def _settings(self, requests: list[SettingsRequest], tail: Tail) -> None:
        if not requests:
            return
        every = range(self._parts.reputation)
        for request in requests:
            self._send("settings.requests", request.recipient, request)
        self._flush()
        tail.settle("settings", "settings.requests", self._sent("settings.requests"))
        tail.settle(f"replica/gate-{self._instance}", "settings", tail.log_ends("settings", every))

    def _listed(self, values: list[BlacklistRow | BlacklistManifest], tail: Tail) -> None:
        for value in values:
            self._send("blacklists", listed_key(value), value)
        if values:
            self._flush()
            tail.settle(f"replica/gate-{self._instance}", "blacklists", self._sent("blacklists"))

    def _announced(self, jobs: list[JobSubmission], tail: Tail) -> None:
        """Bulk sends that accounts submit."""
        for job in jobs:
            self._send("jobs.submitted", job.key(), job)
        if jobs:
            self._flush()
            tail.settle("jobs", "jobs.submitted", self._sent("jobs.submitted"))
            every = range(self._parts.reputation)
            tail.settle(f"replica/gate-{self._instance}", "jobs", tail.log_ends("jobs", every))

    def _directed(self, directives: list[Directive], tail: Tail) -> None:
        """What the regulator orders."""
        for directive in directives:
            self._send("directives", directive.reference, directive)
        if directives:
            self._flush()
            tail.settle("directives", "directives", self._sent("directives"))
            self._sanctioned(tail)

    def _ordered(self, orders: list[Finding], appeals: list[Appeal], tail: Tail) -> None:
        """What people at the carrier order, then what is appealed."""
        for order in orders:
            self._send("findings", order.subject, order)
        if orders:
            self._flush()
            self._sanctioned(tail)
        for appeal in appeals:
            self._send("appeals", appeal.subject, appeal)
        if appeals:
            self._flush()
            tail.settle("appeals", "appeals", self._sent("appeals"))
            self._sanctioned(tail)

    def _registered(self, tail: Tail) -> None:
        tail.settle("registrar", "feeds", self._sent("feeds"))
        ends = tail.data_ends("registry", range(self._parts.registry))
        for component in ("gate", "agents-view"):
            tail.settle(f"replica/{component}-{self._instance}", "registry", ends)

    def _report(self, report: Report) -> None:
        key = reporter_key(report, self._policy.pack, self._keys)
        self._send("reports.keyed", key, report, partition_of(key, self._parts.messages))

    def _reported(self, tail: Tail, targets: Mapping[int, int]) -> None:
        every = range(self._parts.reputation)
        tail.settle("recent", "reports.keyed", targets)
        tail.settle("reports", "reports", tail.data_ends("reports", every))
        tail.settle("tally", "votes", tail.log_ends("votes", every))
        self._sanctioned(tail)

    def _sanctioned(self, tail: Tail) -> None:
        """What stands in findings is carried out, and what follows from that for votes, too."""
        every = range(self._parts.reputation)
        tail.settle("sanctions", "findings", tail.data_ends("findings", every))
        tail.settle("tally", "reviews", tail.log_ends("reviews", every))
        tail.settle("sanctions", "findings", tail.data_ends("findings", every))
        tail.settle(f"replica/gate-{self._instance}", "sanctions", tail.log_ends("sanctions", every))

    def _feeds(self, values: Iterable[RegistryValue]) -> None:
        for value in values:
            if isinstance(value, Heartbeat):
                for partition in range(self._parts.registry):
                    self._send("feeds", key_of(value), value, partition)
            elif isinstance(value, Manifest):
                for partition in range(self._parts.registry):
                    part = msgspec.structs.replace(value, partition=partition, partitions=self._parts.registry)
                    self._send("feeds", key_of(value), part, partition)
            else:
                self._send("feeds", key_of(value), value)

    def _send(self, entity: str, key: str, record: Record, partition: int = -1) -> None:
        self._producer.produce(
            self._connection.topic(entity),
            self._encode(record),
            key.encode("utf-8", "replace"),
            partition,
            on_delivery=lambda error, message: self._delivered(entity, error, message),
        )
        self._producer.poll(0)

    def _delivered(self, entity: str, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed.append(error.str())
            return
        place = (entity, message.partition() or 0)
        self._ends[place] = max(self._ends.get(place, 0), (message.offset() or 0) + 1)

    def _flush(self) -> None:
        left = self._producer.flush(30)
        if left or self._failed:
            raise DualblockError(f"{left} records were not delivered to Kafka: {self._failed[:3]}")

    def _sent(self, entity: str) -> dict[int, int]:
        return {p: end for (e, p), end in self._ends.items() if e == entity}

    def _epoch(self, at_ms: int) -> int:
        return epoch_of(at_ms, self._policy.pack.epoch_ms)


def _drops(value: RegistryValue) -> bool:
    return isinstance(value, SenderRow) and any(entry.dropped_by is not None for entry in value.timeline)
