"""The broker bounced under load, in order and by SIGKILL, behind a network that cuts connections and swallows the
answers to commits: one decision each, and the lag is gone soon after the last fault.

Rows do not change meanwhile: a gate whose replica can't reach Kafka goes on with the rows it holds, on purpose.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from streams.broker import LocalBroker
from streams.broker.settings import HOST, free_port
from streams.drill.bed import Bed
from streams.drill.processes import Worker, now_ms
from streams.drill.proxy import Faults, Proxy, proxied
from streams.drill.reader import Reader
from streams.drill.report import ScenarioReport

KILLS = False
LAG_MS = 1000
WITHIN_S = 60.0
_FAULTY_S = 20.0  # of a bad network before the broker is bounced
_CALM_S = 5.0  # so long without lag is recovered
_MAX_SECONDS = {False: 1200.0, True: 3600.0}
#: Longer than a commit's deadline (8 s), so that nobody ever learns what became of it.
_SILENCE_S = 9.0


def run(bed: Bed, seed: int, long: bool) -> ScenarioReport:
    """On a broker of its own: nobody else's is bounced."""
    report = bed.report()
    port, inner, outer, controller = _ports()
    # On a slow machine connections live longer, or nobody would come as far as a commit.
    life_s = (0.5 * bed.slack, 1.5 * bed.slack)
    faults = Faults(life_s=life_s, swallow=0.15, silence_s=_SILENCE_S, seed=seed)
    with (
        LocalBroker(
            port=port,
            data_dir=bed.directory / "kafka",
            max_seconds=_MAX_SECONDS[long],
            extra=proxied(port, controller, inner, outer),
        ) as broker,
        Proxy(inner, faults, port=outer, max_seconds=_MAX_SECONDS[long]) as proxy,
        Bed(
            broker.bootstrap,
            bed.directory / "own",
            seed=seed,
            name="broker",
            workers_bootstrap=f"{HOST}:{outer}",
            slack=bed.slack,
        ) as own,
    ):
        own.prepare()
        gates = _Gates(own, ("g0", "g1"))
        reader, feeder = own.reader, own.feed(rate=150)
        gates.watch(lambda: len(reader) > 200, 90 * bed.slack)
        for _ in range(4 if long else 1):
            gates.watch(_never, _FAULTY_S)
            gates.watch(lambda: proxy.swallowed >= 3 and gates.unknown() >= 1, 40 * bed.slack)
            for kill in (False, True):
                broker.kill() if kill else broker.stop()
                gates.watch(_never, 2)
                broker.start()
                gates.watch(_never, 6)
        proxy.calm()
        _recovered(report, gates, reader, now_ms())
        own.conclude(report, feeder)
        report.figures |= {
            "connections_cut": proxy.cut, "commits_swallowed": proxy.swallowed, "unknown_outcomes": gates.unknown(),
            "gates_restarted": gates.restarts, "broker_bounces": 8 if long else 2,
        }  # fmt: skip
        report.expect(proxy.cut >= 10, f"vacuous: {proxy.cut} connections were cut")
        report.expect(proxy.swallowed >= 3, f"vacuous: the answers to {proxy.swallowed} commits were swallowed")
        report.expect(gates.unknown() >= 1, "vacuous: no producer met an unknown outcome")
    return report


def _ports() -> tuple[int, int, int, int]:
    found: list[int] = []
    for _ in range(4):
        found.append(free_port(*found))
    return found[0], found[1], found[2], found[3]


class _Gates:
    """The gates."""

    def __init__(self, bed: Bed, names: tuple[str, ...]) -> None:
        self._workers: list[Worker] = [bed.start("gate", name) for name in names]

    @property
    def restarts(self) -> int:
        """How often a gate asked to be started again."""
        return sum(worker.lives - 1 for worker in self._workers)

    def watch(self, done: Callable[[], bool], seconds: float) -> None:
        """Until `done()` or the time is over; a gate that has ended is started again meanwhile."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not done():
            time.sleep(0.05)

    def unknown(self) -> int:
        """How often a gate had to take a new producer."""
        logs: set[Path] = {worker.log for worker in self._workers}
        lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
        return sum("transaction_undone" in line and "UnknownOutcome" in line for line in lines)


def _recovered(report: ScenarioReport, gates: _Gates, reader: Reader, last_ms: int) -> None:
    """Watch until no decision has been late for a while; note how long after the last fault the last late one was."""

    def late_ms() -> int:
        """When a decision more than LAG_MS behind its event was last seen."""
        return max((s.seen_ms for s in reader.seen if s.seen_ms - s.event_time_ms > LAG_MS), default=0)

    def steady() -> bool:
        seen = reader.seen[-1].seen_ms if reader.seen else 0
        return seen - max(late_ms(), last_ms) > _CALM_S * 1000

    gates.watch(steady, WITHIN_S * report.slack + 10)
    seconds = max(0.0, (late_ms() - last_ms) / 1000)
    report.worst_recovery_s = round(seconds, 3)
    report.expect(
        steady() and seconds <= WITHIN_S * report.slack,
        f"the lag was above a second until {seconds:.1f} s after the last fault",
    )


def _never() -> bool:
    return False
