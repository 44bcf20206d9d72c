"""Soak: all four roles at half of what the slowest of them was just seen to take, for `minutes`; memory, open files and
table files of each worker must not grow after the fifth minute, and meter and agents must not be behind at the end.

What they take is measured with a burst, and then with a steady load: the meter sums up, so a message in a burst is less
work for the agents than one of a trickle. Under six minutes the growth is only reported. Every decision is counted;
every fiftieth is recomputed.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from streams.contracts.messages import Route
from streams.contracts.reports import Report
from streams.drill.backlog import BEHIND_S, STAGES, Behind, furthest, half, oldest
from streams.drill.backlog import judge as judge_backlog
from streams.drill.bed import Bed
from streams.drill.counting import Counting
from streams.drill.feeder import Feeder
from streams.drill.processes import Worker, now_ms
from streams.drill.report import ScenarioReport
from streams.drill.soaking import SETTLED_MIN, Sample, growth, judge, measure
from streams.drill.world import RELAYS, SENDERS, Changed, World

KILLS = False
MINUTES = {False: 1.0, True: 20.0}
EVERY_S = 5.0
SAMPLED = 50
_BURST, _REPORTS_PER_S, _CHANGES_PER_S = 30_000, 2.0, 1.0
#: Steady loads that are tried, how long, and how soon after one everything must be done that kept up with it.
_PROBES, _PROBE_S, _KEPT_UP_S = 4, 15.0, 3.0
_SCALE = 3


def run(bed: Bed, seed: int, long: bool) -> ScenarioReport:
    """See the module."""
    report = bed.report()
    minutes = bed.minutes if bed.minutes is not None else MINUTES[long]
    bed.world = World(seed, now_ms(), epoch_ms=60_000, scale=_SCALE)
    bed.prepare(feeds=True)
    workers = [bed.start("registrar", "r0"), bed.start("gate", "g0"), bed.start("gate", "g1")]
    workers += [bed.start("meter", "m0"), bed.start("agents", "a0")]
    bed.settle([("registrar", "feeds")], 60)
    counting = Counting(bed.connection, bed.partitions.messages, SAMPLED, bed.slack)
    capacity = _Capacity(bed, counting)
    slowest, rate = capacity.half()
    series: dict[str, list[Sample]] = defaultdict(list)
    with _reports(bed, seed):
        feeder = bed.feed(rate=rate, changes=_CHANGES_PER_S, publish=lambda change: _publish(bed, change), keep=SAMPLED)
        _watch(bed, workers, series, minutes)
        behind = _behind(bed)
    _finish(bed, report, counting, feeder, capacity.sent)
    for worker in workers:
        report.expect(worker.stop() == 0, f"{worker.role} {worker.instance} did not stop gracefully: {worker.log}")
    after_min = SETTLED_MIN if minutes > SETTLED_MIN + 1 else minutes / 2
    report.figures |= {"minutes": minutes, "messages_per_s": round(rate), "recomputed": len(counting.tally.sample)}
    report.figures |= {f"{stage}_per_s": round(per_s) for stage, per_s in capacity.rates.items()}
    report.figures |= {f"{stage}_behind_s": round(one.seconds, 1) for stage, one in behind.items()}
    report.notes.append(f"half of what {slowest} took")
    report.problems += judge_backlog(behind, BEHIND_S * bed.slack)
    for name, samples in series.items():
        report.figures[f"{name}_rss_mib"] = round(samples[-1].rss_mib, 1)
        for what, grown in growth(samples, after_min).items():
            report.figures[f"{name}_{what}_per_min"] = round(grown, 3)
    if minutes > SETTLED_MIN + 1:
        # A life that a restart cut short says nothing; somebody of each name must have lived long enough.
        whole = {name: samples for name, samples in series.items() if samples[-1].at_min > SETTLED_MIN + 1}
        report.problems += judge(whole)
        for worker in workers:
            name = f"{worker.role}_{worker.instance}"
            report.expect(any(n.startswith(name) for n in whole), f"{name} never ran for {SETTLED_MIN + 1:g} minutes")
    else:
        report.notes.append(f"growth is reported, not judged: {minutes:g} minutes are too short")
    return report


class _Capacity:
    """What each stage takes, in messages per second. sent: messages that it took to find out."""

    def __init__(self, bed: Bed, counting: Counting) -> None:
        self._bed, self._counting = bed, counting
        self.sent = 0
        self._patience_s = _KEPT_UP_S * bed.slack
        self.rates: dict[str, float] = {}

    def half(self) -> tuple[str, float]:
        """The slowest stage, and half of what it takes."""
        begun = time.monotonic()
        self._send(_BURST, begun)
        took_s = self._done(begun)
        after_s = (now_ms() - self._counting.last_ms) / 1000
        self.rates["gates"] = _BURST / max(0.1, (self._counting.last_ms - self._counting.first_ms) / 1000)
        # Done at once, they took whatever the gates gave.
        self.rates["agents"] = self.rates["gates"] if after_s < self._patience_s else _BURST / took_s
        for _ in range(_PROBES):
            slowest, rate = half(self.rates)
            number, begun = int(rate * _PROBE_S), time.monotonic()
            self._send(number, begun, rate)
            took_s = self._done(begun)
            if took_s < _PROBE_S + self._patience_s:
                break
            self.rates["agents"] = number / took_s
        return half(self.rates)

    def _send(self, number: int, begun: float, rate: float | None = None) -> None:
        for place in range(number):
            while rate is not None and time.monotonic() - begun < place / rate:
                time.sleep(0.02)
            message = self._bed.world.message(90_000_000 + self.sent, now_ms())
            self._bed.send("messages", f"kr:{message.sender.address}", message)
            self.sent += 1
        self._bed.flush()

    def _done(self, begun: float) -> float:
        """Seconds until what was sent has come through the last stage."""
        self._counting.wait(self.sent, 120)
        self._bed.until(lambda: not any(one.entity for one in _behind(self._bed).values()), "no stage is behind", 300)
        return time.monotonic() - begun


def _behind(bed: Bed) -> dict[str, Behind]:
    """By stage; the meter is asked first: what it has done is there for the agents."""
    return {stage: furthest(oldest(bed.connection, stage), now_ms()) for stage in STAGES}


def _publish(bed: Bed, change: Changed) -> None:
    """Registry rows through the registrar, lists as they are imported; sanctions are the agents'."""
    if change.entity != "sanctions":
        bed.feed_change(change)


@contextmanager
def _reports(bed: Bed, seed: int) -> Iterator[None]:
    """People report businesses, a few times a second, as long as this lasts."""
    stopping, random = threading.Event(), Random(seed)

    def feed() -> None:
        number = 0
        while not stopping.wait(1 / _REPORTS_PER_S):
            n, at_ms = random.randrange(SENDERS * _SCALE), now_ms()
            report = Report(
                report_id=f"soak-{number}", message_at_ms=at_ms - 1000, reported_at_ms=at_ms, ingested_at_ms=at_ms,
                displayed_sender=f"1588{n:04d}", route=Route(relay_id=f"relay-{n % RELAYS}"), channel="mt",
                traffic_class="a2p", reporter=f"8210666{random.randrange(10_000):05d}", text="your parcel",
            )  # fmt: skip
            bed.send("reports", report.report_id, report)
            number += 1

    thread = threading.Thread(target=feed, name="drill-reports", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(10)


def _watch(bed: Bed, workers: list[Worker], series: dict[str, list[Sample]], minutes: float) -> None:
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < minutes * 60:
        for worker in workers:
            if worker.alive:
                life_s = min(passed, time.monotonic() - worker.started_s)
                sample = measure(worker, bed.directory / "state" / worker.instance, life_s / 60)
                name = f"{worker.role}_{worker.instance}"
                series[name if worker.lives == 1 else f"{name}_{worker.lives}"].append(sample)
        time.sleep(EVERY_S)


def _finish(bed: Bed, report: ScenarioReport, counting: Counting, feeder: Feeder, before: int) -> None:
    """Wait for the last decision; count all, recompute the sample. before: messages that the feeder did not send."""
    inputs = feeder.stop()
    report.inputs = before + sum(feeder.fed.values())
    counting.wait(report.inputs, 60)
    counting.stop()
    bed.flush()
    tally = counting.tally
    report.committed = tally.count
    report.raw = bed.end("decisions")  # markers included: nobody reads millions of records again to leave them out
    report.lost += report.inputs - tally.distinct
    report.doubled += tally.doubled
    report.out_of_order += tally.out_of_order
    judged = bed.oracle().judge(inputs, [r for s, r in tally.sample.items() if s in inputs])
    judged.into(report)
