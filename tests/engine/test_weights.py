"""A reporter's weight: by outcomes recorded an epoch before, and from the floor after an erasure."""

import pytest

from streams.contracts.appeals import Outcome
from streams.engine.weights import weight
from tests.engine.kit import MINUTE, T, policy


def outcome(name: str, overturned: bool, at_ms: int = T - 2 * MINUTE, erased: bool = False) -> Outcome:
    return Outcome(
        outcome_id=name, reporter="~r", subject="s", sanction_id="x", overturned=overturned, recorded_at_ms=at_ms,
        erased=erased,
    )  # fmt: skip


def good(count: int, at_ms: int = T - 2 * MINUTE) -> list[Outcome]:
    return [outcome(f"g{n}", False, at_ms) for n in range(count)]


def bad(count: int) -> list[Outcome]:
    return [outcome(f"b{n}", True) for n in range(count)]


ERASED = [outcome("e", False, T - 3 * MINUTE, erased=True)]


@pytest.mark.parametrize(
    ("why", "outcomes", "permille"),
    [
        ("nobody has a history at first", [], 1000),
        ("confirmed stays whole", good(5), 1000),
        ("one overturned", bad(1), 500),
        ("two", bad(2), 333),
        ("nine: the floor would be passed", bad(10), 100),
        ("many", bad(100), 100),
        ("confirmed ones dilute", [*bad(1), *good(6)], 800),
        ("the same outcome twice counts once", [*bad(1), *bad(1)], 500),
        ("recorded in this epoch: not yet", [outcome("b", True, T)], 1000),
        ("… in the one before: counts", [outcome("b", True, T - 1)], 500),
        ("erased: the floor", ERASED, 100),
        ("what came before is forgotten", [outcome("b", True, T - 4 * MINUTE), *ERASED, *good(3)], 400),
        ("… and what comes after counts", [*ERASED, *good(20)], 1000),
        ("an erasure of this epoch: not yet", [outcome("e", False, T, erased=True)], 1000),
    ],
)
def test_weights(why: str, outcomes: list[Outcome], permille: int) -> None:
    assert weight(outcomes, T + 1, policy().pack) == permille, why
