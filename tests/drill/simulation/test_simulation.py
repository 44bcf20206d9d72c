"""The clean tree holds every invariant under crashes, seeds replay exactly, and a schedule is no idle one."""

from collections import Counter

import pytest

from streams.drill.simulation import __main__ as command
from streams.drill.simulation import run
from streams.drill.simulation.report import quiet, run_beside
from streams.drill.simulation.schedule import Played, play

SEEDS = range(100)
COUNTED = ("votes", "findings", "sanctions", "feeds.dead", "messages.dead", "reports.dead")
APPEALS = ("appeals", "notices", "reviews", "findings.dead")


def test_no_schedule_breaks_an_invariant() -> None:
    report = run(SEEDS)
    assert report.schedules == len(SEEDS)
    assert report.failures == ()


def everything(played: Played) -> list[tuple[str, int, int, bytes | None]]:
    log = played.cluster.log
    entities = ("registry", "decisions", "traffic", "votes", "findings", "sanctions", "progress")
    return [(e, p, r.offset, r.value) for e in entities for p, r in log.every(e)]


@pytest.mark.parametrize("seed", [3, 14, 1289])
def test_a_seed_replays_to_the_byte(seed: int) -> None:
    with quiet():
        assert everything(play(seed)) == everything(play(seed))


def test_schedules_are_not_vacuous() -> None:
    """Workers die, transactions are aborted, both ways of feeding are used, people are sanctioned."""
    seen: Counter[str] = Counter()
    with quiet():
        for seed in range(40):
            played = play(seed)
            log = played.cluster.log
            seen["stepwise" if played.stepwise else "streaming"] += 1
            seen["aborted"] += log.aborted
            for what in played.cluster.happened:
                seen[what.split()[1]] += 1
            for entity in (*COUNTED, *APPEALS):
                seen[entity] += len(log.every(entity))
            seen["reliefs"] += sum(b'"source":"breaker"' in (r.value or b"") for _, r in log.every("findings"))
    wanted = {
        "stepwise": 5, "streaming": 15, "aborted": 10, "arm": 40, "refuse": 5, "kill": 10, "stall": 5, "shuffle": 10,
        "move": 5, "compact": 10, "votes": 200, "findings": 100, "sanctions": 40, "feeds.dead": 5,
        "messages.dead": 5, "reports.dead": 5, "reliefs": 5, "appeals": 20, "notices": 60, "reviews": 10,
        "findings.dead": 3,
    }  # fmt: skip
    assert {what: seen[what] for what, least in wanted.items() if seen[what] < least} == {}


def test_a_broken_schedule_is_printed_with_its_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("streams.drill.simulation.report.broken", lambda seed: "lost: it" if seed == 7 else None)
    monkeypatch.setattr("sys.argv", ["simulation", "--seeds", "5..8"])
    assert command.main() == 1
    assert capsys.readouterr().out.startswith("seed 7: lost: it\n4 schedules, 1 broken")
    monkeypatch.setattr("sys.argv", ["simulation", "--seed", "6"])
    assert command.main() == 0


def test_two_processes_play_the_same_schedules() -> None:
    report = run_beside(range(24), 2)
    assert (report.schedules, report.failures) == (24, ())


def test_a_slow_machine_plays_the_same_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    with quiet():
        quick = everything(play(109))
        ticks = iter(range(0, 1 << 40, 100))
        monkeypatch.setattr("time.monotonic", lambda: next(ticks))  # each look at the clock a hundred seconds later
        assert everything(play(109)) == quick
