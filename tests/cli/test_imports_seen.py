"""Which senders that vanish from a register were seen in the last day, and what an import makes of it."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import pytest

from streams.cli.imports.seen import sought
from streams.cli.kafka import Letter
from tests.cli.test_imports import CSV, DAY, SENDERS, T, World

BANK, OTHER = "sender:kr:alnum:my bank", "sender:kr:15881234"


def decision(key: str, registered: bool = True) -> Letter:
    value = json.dumps({"decision_id": "d", "sender": {"key": key, "kind": "service", "registered": registered}})
    return Letter("decisions", 0, 0, None, value.encode(), {})


def pair(subject: str, passed: int) -> Letter:
    value = json.dumps({"subject": f"pair:{subject}>relay-7", "epoch": 1, "passed": passed, "failed": {}})
    return Letter("pairs", 0, 0, None, value.encode(), {})


@pytest.mark.parametrize(
    ("letters", "seen"),
    [
        ([], None),
        ([decision("kr:15889999")], set()),
        ([decision("kr:15881234")], {OTHER}),
        ([decision("kr:15881234", registered=False)], set()),
        ([decision("~k1.f7e2")], set()),
        ([Letter("decisions", 0, 0, None, b"{", {}), Letter("decisions", 0, 1, None, None, {})], set()),
        ([pair(OTHER, 1)], {OTHER}),
        ([pair(OTHER, 0)], set()),
        ([pair(BANK, 3), pair(OTHER, 3)], {BANK, OTHER}),
    ],
)
def test_who_was_seen(letters: list[Letter], seen: set[str] | None) -> None:
    assert sought({BANK, OTHER}, iter(letters)) == seen


def test_it_looks_no_further_than_it_must() -> None:
    letters = iter([decision("kr:15881234"), decision("kr:15889999")])
    assert sought({OTHER}, letters) == {OTHER}
    assert next(letters) == decision("kr:15889999")


REFUSED = (
    "1 registered senders would vanish from the register and be blocked (sender:kr:alnum:my bank): put them back into "
    "the file, or use --force."
)
WARNED = "1 registered senders without traffic in the last day vanish from the register (sender:kr:alnum:my bank)."


@pytest.mark.parametrize(
    ("class_", "seen", "refusals", "warnings"),
    [
        ("business", {BANK}, [REFUSED], []),
        ("business", set(), [], [WARNED]),
        ("business", None, [REFUSED], []),
        # Personal lines stand under pseudonyms in decisions: there is no telling.
        ("personal", set(), [REFUSED], []),
    ],
)
def test_a_sender_that_vanishes(
    class_: str, seen: set[str] | None, refusals: list[str], warnings: list[str], tmp_path: Path
) -> None:
    world = World()
    header, *rows = CSV.splitlines()
    with_class = "\n".join([header + ",class", *(f"{row},{class_}" for row in rows)]) + "\n"
    world.take(world.rows(tmp_path / "s.csv", with_class)[1].rows)
    asked: list[Collection[str]] = []

    def look(keys: Collection[str]) -> set[str] | None:
        asked.append(keys)
        return seen

    shorter = "".join(with_class.splitlines(keepends=True)[:3])
    _, plan = world.rows(tmp_path / "s.csv", shorter, at=T + DAY, complete=SENDERS, generation="g2", seen=look)
    assert (plan.refusals, plan.warnings) == (refusals, warnings)
    assert asked == ([[BANK]] if class_ == "business" else [])
    _, same = world.rows(tmp_path / "s.csv", with_class, at=T + DAY, complete=SENDERS, generation="g2", seen=look)
    assert (same.warnings, len(asked)) == ([], len(asked)), "nobody vanishes, nobody is looked for"
