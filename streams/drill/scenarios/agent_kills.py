"""Agents killed in attribution, after a table write, between table and output, in the sanction agent: topics and tables
equal the model, votes by rate and the last write of each key included; rebuilt on an empty disk they are the same."""

from __future__ import annotations

import time
from random import Random
from typing import TypeVar

import msgspec

from streams.contracts.reports import Report
from streams.contracts.reputation import Finding, SanctionRow
from streams.drill.bed import Bed
from streams.drill.processes import Kill, Worker
from streams.drill.report import ScenarioReport
from streams.drill.reports import AT_MS, Model, businesses, counted, directives, messages, reports, watermarks
from streams.drill.tables import contents
from streams.drill.world import Changed
from streams.engine.epochs import epoch_of
from streams.engine.tally import Tally
from streams.replay.embedded import Embedded
from streams.replay.history import Record

KILLS = True
STAGES = (
    ("reports", "reports"), ("directives", "directives"), ("tally", "traffic"), ("tally", "votes"),
    ("sanctions", "findings"),
)  # fmt: skip
_OUTPUTS = ("votes", "findings", "sanctions", "sanctions.history")
#: `AGENT:POINT` by turns, the N-th event drawn; `random` is a SIGKILL from outside.
ORDERS = (
    "tally:after-table-write", "reports:after-send", "sanctions:after-table-write", "tally:after-send",
    "reports:after-table-write", "random", "sanctions:after-send", "tally:before-commit", "sanctions:after-handler",
    "reports:after-handler",
)  # fmt: skip
_REACH_S = 20.0
_FINDING = msgspec.json.Decoder(Finding)
_ROW = msgspec.json.Decoder(SanctionRow)
_TALLY = msgspec.json.Decoder(Tally)
T = TypeVar("T")


def run(bed: Bed, seed: int, long: bool) -> ScenarioReport:
    """By turns a worker dies over its backlog, as soon as it is up, and one that was let recover dies at live work."""
    report, random = bed.report(), Random(seed)
    turns = 30 if long else 7
    events = reports(seed, lines=max(4, turns), people=8)
    load = _Load(bed, events, turns)
    load.begin()
    bed.follow_progress()
    outlived: list[Kill] = []
    for number in range(turns):
        order = _order(number, random)
        if number % 2 == 0:
            load.next()
            kill = _killed(bed, bed.start("agents", "a0", crash=order), order, random)
            outlived.append(kill)
            continue
        worker = bed.start("agents", "a0")
        load.next(2)
        bed.settle(STAGES[:1], 60)
        worker.order(order)
        load.next()
        _killed(bed, worker, order, random)
    worker = bed.start("agents", "a0")
    load.rest()
    bed.settle(STAGES, 90)
    report.expect(worker.stop() == 0, f"the agents did not stop gracefully: see {worker.log}")
    report.inputs = load.inputs
    bed.recoveries(report, agents=STAGES[0], kills=outlived)
    _compare(bed, report, load.model)
    _rebuild(bed, report)
    return report


class _Load:
    """Reports in shares, what was delivered of those who are reported by rate, orders; and what must come of them."""

    def __init__(self, bed: Bed, events: list[Report], turns: int) -> None:
        self._bed, self._left = bed, events
        self._share = -(-len(events) // (2 * turns))
        self._last = epoch_of(AT_MS, 60_000) + 60
        self.model = Model(Embedded(bed.policies(), bed.keys, joins=False, shapes=False), bed.keys)
        self.inputs = 0

    def begin(self) -> None:
        """Everything but the reports."""
        bed, model = self._bed, self.model
        for row in businesses():
            model.embedded.feed(row)
            bed.publish(Changed("registry", row.key, row, 0))
        for delta in model.delivered(messages()):
            bed.send("traffic", delta.subject, delta)
        for event in self._left:
            model.report(event)
        orders = directives(4)
        for order in orders:
            model.embedded.directive(order)
            bed.send("directives", order.reference, order)
        model.closed(self._last)
        self.inputs = len(self._left) + len(orders)

    def next(self, of: int = 1) -> None:
        """The next share, or an `of`-th of it, and what the meter goes on saying: all is counted."""
        size = self._share // of
        share, self._left = self._left[:size], self._left[size:]
        for event in share:
            self._bed.send("reports", event.report_id, event)
        for mark in watermarks(self._bed.partitions.messages, self._last):
            for partition in range(self._bed.partitions.reputation):
                self._bed.send("traffic", f"{mark.subject}:{mark.partition}", mark, partition)
        self._bed.flush()

    def rest(self) -> None:
        """All that is left."""
        self._share = len(self._left)
        self.next()


def _order(number: int, random: Random) -> str:
    agent, _, point = ORDERS[number % len(ORDERS)].partition(":")
    return f"{agent}:{random.randint(1, 3)}:{point}" if point else ""


def _killed(bed: Bed, worker: Worker, order: str, random: Random) -> Kill:
    if order:
        return bed.killed(worker, _REACH_S)
    worker.at_work(_REACH_S)
    time.sleep(random.uniform(0.0, 0.1))
    return bed.kill(worker)


def _compare(bed: Bed, report: ScenarioReport, model: Model) -> None:
    """Lost, doubled and wrong effects against the model. A doubled one is an effect that doesn't replace its like."""
    logs = {entity: bed.read(entity) for entity in _OUTPUTS}
    report.raw = sum(len(records) for records in logs.values())
    report.committed = sum(len({(r.key, r.value) for r in records}) for records in logs.values())
    votes = {record.value for record in logs["votes"]}
    _count(report, "votes", set(model.votes), votes)
    found = [_FINDING.decode(r.value) for r in logs["findings"]]
    withdrawn = {f.releases for f in found if f.releases is not None and f.source == "tally"}
    said = {(f.finding_id, f.subject, f.step, f.from_ms) for f in found if f.finding_id not in withdrawn}
    held = {(f.finding_id, f.subject, f.step, f.from_ms) for f in model.embedded.findings}
    report.figures["findings_by_rate"] = len({f.finding_id for f in found if "RATE" in f.reason})
    report.expect(report.figures["findings_by_rate"], "vacuous: nothing was found by rate")
    _count(report, "findings", held, {one for one in said if one in held or not _withdrawal(one[0], found)})
    rows = {row.subject: row for row in model.embedded.sanctions()}
    for entity in ("sanctions", "sanctions.history"):
        last = {key: _ROW.decode(value) for key, value in _last(logs[entity]).items()}
        _count(report, f"the last {entity}", set(rows.items()), {(row.subject, row) for row in last.values()})
    stood, told = ({(r.key, r.value) for r in logs[entity]} for entity in ("sanctions", "sanctions.history"))
    _count(report, "states of sanctions in their history", stood, told)
    changelog = _last(bed.read_topic(f"{bed.prefix}agents.tallies.changelog"))
    tallies = {subject: counted(_TALLY.decode(value)) for subject, value in changelog.items()}
    wrong = [s for s, tally in model.tallies.items() if tallies.get(s) != counted(tally)]
    report.wrong += len(wrong)
    report.expect(not wrong, f"tallies in the changelog differ: {wrong[:3]}")


def _withdrawal(finding_id: str, found: list[Finding]) -> bool:
    return any(f.finding_id == finding_id and f.releases is not None and f.source == "tally" for f in found)


def _count(report: ScenarioReport, what: str, expected: set[T], got: set[T]) -> None:
    missing, surplus = expected - got, got - expected
    report.lost += len(missing)
    report.wrong += len(surplus)
    report.expect(
        not missing, f"{what}: {len(missing)} of {len(expected)} are missing, e.g. {next(iter(missing), '')!r}"
    )
    report.expect(not surplus, f"{what}: {len(surplus)} should not be, e.g. {next(iter(surplus), '')!r}")


def _last(records: list[Record]) -> dict[str, bytes]:
    return {record.key.decode(): record.value for record in records}


def _rebuild(bed: Bed, report: ScenarioReport) -> None:
    """The same tables out of their changelogs on an empty disk."""
    old = contents(bed.directory / "state")
    worker = bed.start("agents", "a0", state="empty")
    report.expect(worker.at_work(60), "the agents were not ready on an empty disk after 60 s")
    time.sleep(1.0)
    report.expect(worker.stop() == 0, f"the agents did not start on an empty disk: see {worker.log}")
    new = contents(bed.directory / "empty")
    unlike = [place for place in old.keys() | new.keys() if old.get(place) != new.get(place)]
    report.wrong += len(unlike)
    report.figures["table_rows_rebuilt"] = len(new)
    report.expect(old and not unlike, f"{len(unlike)} of {len(old)} rows differ on an empty disk, e.g. {unlike[:2]}")
