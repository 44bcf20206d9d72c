"""The workers' clocks jump by an hour, forwards and back, while the rest of the world keeps time: every decision is the
same bytes as in an embedded replay, `observed` apart.

A clock of the drill's own (figure `libfaketime` 0), which moves what Python reads but not what the C libraries beneath
it do; or libfaketime (1), if $FAKETIME_LIBRARY names it.
"""

from __future__ import annotations

import time

import msgspec

from streams.drill.bed import Bed
from streams.drill.clock import jump, wrong_clock
from streams.drill.report import ScenarioReport

KILLS = False
HOUR_S = 3600
_JUMPS = (HOUR_S, -HOUR_S, 0, -HOUR_S, HOUR_S)
_STAY_S = {False: 4.0, True: 60.0}
_LEAST = 50


class _Observed(msgspec.Struct):
    decided_at_ms: int


class _Decided(msgspec.Struct):
    observed: _Observed


def run(bed: Bed, seed: int, long: bool) -> ScenarioReport:
    """Two gates, whose clocks jump in opposite directions."""
    report = bed.report()
    bed.prepare()
    bed.directory.mkdir(parents=True, exist_ok=True)
    files = [bed.directory / f"clock-{number}" for number in range(2)]
    by = ""
    for number, file in enumerate(files):
        by, wrap, environment = wrong_clock(file)
        bed.start("gate", f"g{number}", wrap=wrap, environment=environment)
    reader, feeder = bed.reader, bed.feed(rate=200, changes=4)
    reader.wait(300, 60)
    for seconds in _JUMPS:
        for file, sign in zip(files, (1, -1), strict=True):
            jump(file, sign * seconds)
        time.sleep(_STAY_S[long])
    # Decided by a clock an hour ahead, at most: staleness is measured from the true time on, never before.
    bed.conclude(report, feeder, ahead_ms={f"gate-g{n}": HOUR_S * 1000 for n in range(2)})
    decode, off = msgspec.json.Decoder(_Decided).decode, HOUR_S * 1000 - 60_000
    apart = [decode(r.value).observed.decided_at_ms - r.append_ms for r in reader.records]
    ahead, behind = sum(ms > off for ms in apart), sum(ms < -off for ms in apart)
    report.figures |= {"libfaketime": float(by == "libfaketime"), "decided_ahead": ahead, "decided_behind": behind}
    report.expect(ahead >= _LEAST and behind >= _LEAST, f"vacuous: {ahead} decided an hour ahead, {behind} behind")
    for worker in bed.workers:
        report.expect(worker.stop() == 0, f"gate {worker.instance} did not stop gracefully: see {worker.log}")
    return report
