"""The list of faults still fits the code, the tests named in it see them, and the tool would say so if they didn't."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.mutants.run import Mutant, load, problem, run, table

MUTANTS = load()
TOY = Mutant("toy", "streams/__init__.py", "a + b", "a - b", "tests/test_toy.py::test_sum", "toys")
other = partial(replace, TOY)


def test_there_are_enough_and_no_name_twice() -> None:
    assert len(MUTANTS) >= 12
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert all(mutant.why for mutant in MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_still_applies(mutant: Mutant) -> None:
    assert problem(mutant) is None


def test_every_pure_mutant_is_killed() -> None:
    results = run([mutant for mutant in MUTANTS if not mutant.kafka], jobs=2)
    assert {result.outcome for result in results} == {"killed"}, table(results)


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A project of one function and three tests, the second of which can't fail for it."""
    (tmp_path / "streams").mkdir()
    (tmp_path / "streams" / "__init__.py").write_text("def add(a, b):\n    return a + b\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_toy.py").write_text(
        "from streams import add\n\n"
        "def test_sum():\n    assert add(2, 2) == 4\n\n"
        "def test_blind():\n    assert add(2, 0) == 2\n\n"
        "def test_wrong():\n    assert add(2, 2) == 5\n"
    )
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\nmarkers = ["kafka"]\n')
    return tmp_path


@pytest.mark.parametrize(
    ("mutant", "outcome"),
    [
        (TOY, "killed"),
        (other(test="tests/test_toy.py::test_blind"), "SURVIVED"),
        (other(replace="a +"), "ERROR"),
    ],
)
def test_an_outcome_is_told_as_it_is(toy: Path, mutant: Mutant, outcome: str) -> None:
    results = run([mutant], root=toy)
    assert [result.outcome for result in results] == [outcome]
    assert f"{mutant.test} → {outcome}" in table(results)
    assert "a + b" in (toy / "streams" / "__init__.py").read_text()


def test_a_test_that_fails_without_a_fault_proves_nothing(toy: Path) -> None:
    with pytest.raises(RuntimeError, match="Without any fault"):
        run([other(test="tests/test_toy.py::test_wrong")], root=toy)


@pytest.mark.parametrize(
    ("mutant", "said"),
    [
        (other(find="a * b"), "find occurs 0 times"),
        (other(find="a"), "find occurs 3 times"),
        (other(file="streams/gone.py"), "streams/gone.py does not exist"),
        (other(test="tests/test_toy.py::test_gone"), "has no test_gone"),
        (other(test="tests/test_gone.py::test_sum"), "tests/test_gone.py does not exist"),
        (other(replace="a + b"), "differ from replace"),
    ],
)
def test_a_mutant_that_does_not_apply_is_an_error(toy: Path, mutant: Mutant, said: str) -> None:
    assert said in (problem(mutant, toy) or "")
    assert [result.outcome for result in run([mutant], root=toy)] == ["ERROR"]
