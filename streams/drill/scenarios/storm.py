"""A rebalance storm: three gates, one, three again every few seconds; one is stopped past its session timeout and
continued, and must find itself fenced, its transaction gone. Memory stays bounded."""

from __future__ import annotations

import time
from random import Random

from streams.drill.bed import Bed
from streams.drill.processes import Worker
from streams.drill.report import ScenarioReport

KILLS = True
#: The loop's session timeout and what it may take the group to notice.
PAST_SESSION_S = 13.0
AWAY_S = 20.0
RSS_MIB = 400.0
_POINTS = ("after-flush", "after-produce", "after-send-offsets", "random")
_REACH_S = 20.0


def run(bed: Bed, seed: int, long: bool) -> ScenarioReport:
    """See the module."""
    report, random = bed.report(), Random(seed)
    bed.prepare()
    gates = [bed.start("gate", f"g{n}") for n in range(3)]
    reader, feeder = bed.reader, bed.feed(rate=200, changes=4)
    reader.wait(400, 60)
    for number in range(30 if long else 4):
        _one(bed, gates, number, random)
        # The first time until the group has noticed; else they are back before, and nothing may have moved.
        time.sleep(PAST_SESSION_S if number == 0 else random.uniform(1.0, 3.0))
        for n in (1, 2):
            gates[n] = bed.start("gate", f"g{n}")
        if number < 3:
            gates[2].at_work(_REACH_S)
        time.sleep(random.uniform(1.0, 3.0))
    _stopped(bed, gates[0], report)
    bed.conclude(report, feeder)
    bed.recoveries(report)
    report.figures["rss_mib"] = round(max(gate.rss_mib() for gate in gates), 1)
    report.expect(report.figures["rss_mib"] < RSS_MIB, f"a gate holds {report.figures['rss_mib']} MiB")
    return report


def _one(bed: Bed, gates: list[Worker], number: int, random: Random) -> None:
    """Three become one: one is killed, one leaves in order."""
    point = _POINTS[number % len(_POINTS)]
    if point == "random" or not gates[1].at_work(_REACH_S):
        bed.kill(gates[1])
    else:
        gates[1].order(f"{point}:{random.randint(1, 10)}")
        bed.killed(gates[1], _REACH_S)
    gates[2].stop()


def _stopped(bed: Bed, gate: Worker, report: ScenarioReport) -> None:
    """SIGSTOP inside an open transaction, past the session timeout, and on."""
    gate.leave()
    gate.order("after-flush:3:stop")
    report.expect(gate.stopped(_REACH_S), "the gate that was to be stopped inside a transaction had nothing to do")
    time.sleep(PAST_SESSION_S)
    before = gate.log.stat().st_size
    gate.resume()
    deadline = time.monotonic() + _REACH_S
    fenced = False
    while not fenced and time.monotonic() < deadline:
        fenced = not gate.alive or b"transaction_undone" in gate.log.read_bytes()[before:]
        time.sleep(0.05)
    report.figures["fenced_exit_code"] = float(gate.process.returncode) if not gate.alive else 0.0
    report.expect(fenced, "a gate that slept past its session timeout went on as if nothing had happened")
    if not gate.alive:
        report.expect(gate.process.returncode == 1, f"a fenced gate ended with {gate.process.returncode}, not 1")
        bed.start("gate", gate.instance)
