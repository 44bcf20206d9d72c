"""The list of faults still fits the code, and those that die soonest die; the full table is a command."""

import pytest

from tests.drill.simulation.mutants import Mutant, kill_all, load, problem, table

MUTANTS = load()
#: One of each component; all of them die within a few dozen seeds.
QUICK = {
    "commit-before-flush", "own-writes-not-read", "tombstone-instead-of-interval-end", "sums-shared-over-partitions",
    "report-id-not-remembered", "first-offset-ignored", "withdrawal-ignored",
}  # fmt: skip


def test_there_are_enough_and_no_name_twice() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) == len(set(names))
    assert sum(not mutant.known for mutant in MUTANTS) >= 8
    assert set(names) >= QUICK


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_still_applies(mutant: Mutant) -> None:
    assert problem(mutant) is None
    assert mutant.why


def test_the_quick_ones_die() -> None:
    deaths = kill_all([mutant for mutant in MUTANTS if mutant.name in QUICK], seeds=100, jobs=2)
    assert all(death.seed is not None for death in deaths), table(deaths)
