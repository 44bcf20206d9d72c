"""Registrars and meters killed and rebalanced while feeds, an import and decisions flow: timelines, history and sums
equal the model; an import that was interrupted and resumed leaves exactly its rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import msgspec

from streams.contracts.decisions import Decision, Observed
from streams.drill.bed import Bed
from streams.drill.imports import Import, compare_import
from streams.drill.merged import compare_rows, compare_sums, sums_of, timelines
from streams.drill.processes import Worker, now_ms
from streams.drill.report import ScenarioReport
from streams.engine.decide import Decider
from streams.replica.changes import Change
from streams.replica.memory import MemoryReplica
from streams.service.workers import Role

KILLS = True
_POINTS: dict[str, tuple[str, ...]] = {
    "registrar": ("after-flush", "after-produce", "random", "after-commit", "after-send-offsets", "after-apply"),
    "meter": ("after-flush", "after-send-offsets", "random", "after-flush", "after-produce"),
}
_REACH_S, _RATE = 20.0, 120.0


def run(bed: Bed, seed: int, long: bool) -> ScenarioReport:
    """See the module."""
    report, random = bed.report(), Random(seed)
    bed.prepare(feeds=True)
    bed.follow_progress()
    workers = {(role, n): bed.start(role, f"w{n}") for role in _roles() for n in range(2)}
    with _load(bed):
        importing = Import(bed, report).start()
        for number in range(24 if long else 8):
            role: Role = "registrar" if number % 2 == 0 else "meter"
            point = _POINTS[role][number // 2 % len(_POINTS[role])]
            which = (role, number // 2 % 2)
            _kill(bed, workers[which], point, random)
            time.sleep(random.uniform(0.0, 0.5))
            workers[which] = bed.start(role, f"w{which[1]}")
            if number % 4 == 3:  # rebalanced: a third one joins and leaves
                third = bed.start(role, "w2")
                time.sleep(3.0)
                third.stop()
        importing.join()
    bed.flush()
    bed.settle([("registrar", "feeds"), ("meter", "decisions")], 90)
    for worker in workers.values():
        report.expect(worker.stop() == 0, f"{worker.role} {worker.instance} did not stop gracefully: {worker.log}")
    bed.recoveries(report)
    _judge(bed, report)
    return report


def _roles() -> tuple[Role, ...]:
    return ("registrar", "meter")


@contextmanager
def _load(bed: Bed) -> Iterator[None]:
    """Decisions, as a gate would write them, and single changes on `feeds`."""
    stopping = threading.Event()

    def feed() -> None:
        view = MemoryReplica()
        for row in bed.world.rows.values():
            view.apply([Change("registry", 0, len(view.next_offsets()), row.key, msgspec.json.encode(row))])
        decider, begun, number = Decider(bed.policies(), bed.keys), time.monotonic(), 0
        while not stopping.is_set():
            while number < (time.monotonic() - begun) * _RATE:
                bed.send("decisions", "kr:1", _decision(bed, decider, view, number), number % bed.partitions.messages)
                if number % 8 == 0:
                    _change(bed, number)
                number += 1
            time.sleep(0.02)

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(10)


def _decision(bed: Bed, decider: Decider, view: MemoryReplica, number: int) -> Decision:
    message = bed.world.message(number, now_ms())
    made = decider.decide(message, msgspec.json.encode(message), view)
    observed = Observed(decided_at_ms=now_ms(), gate="gate-drill", source=(0, number))
    return msgspec.structs.replace(made, observed=observed)


def _change(bed: Bed, number: int) -> None:
    change = bed.world.change(number * 3, now_ms())  # a multiple of three is a row, never a sanction
    bed.feed_change(change)


def _kill(bed: Bed, worker: Worker, point: str, random: Random) -> None:
    worker.at_work(_REACH_S)
    if point == "random":
        time.sleep(random.uniform(0.1, 1.0))
        bed.kill(worker)
        return
    worker.order(f"{point}:{random.randint(1, 3)}")
    bed.killed(worker, _REACH_S)


def _judge(bed: Bed, report: ScenarioReport) -> None:
    feeds, decisions, traffic = bed.read("feeds"), bed.read("decisions"), bed.read("traffic")
    rows, history = bed.read("registry"), bed.read("registry.history")
    expected = timelines(feeds)
    compare_rows(report, "registry", expected, rows)
    compare_rows(report, "registry.history", expected, history)
    compare_import(report, history)
    policies, view = bed.policies(), MemoryReplica()
    view.apply([Change("policy", 0, 0, "kr", msgspec.json.encode(bed.world.policy))])
    compare_sums(report, sums_of(decisions, lambda at_ms: policies.at(view, at_ms).pack.epoch_ms), traffic)
    report.inputs = len(feeds) + len(decisions)
    report.committed = len(rows) + len(history) + len(traffic)
    report.raw = sum(len(bed.read(e, committed=False)) for e in ("registry", "registry.history", "traffic"))
