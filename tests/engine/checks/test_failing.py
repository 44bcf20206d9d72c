"""Our own error is UNKNOWN with a code, never a block, and the other checks are asked all the same."""

import pytest

from streams.engine import checks
from streams.engine.case import Case
from streams.engine.checks import run_checks
from streams.engine.outcome import Check
from tests.engine.kit import alive, case, message, number, said, view

NAMES = [name for name, _ in checks.CHECKS]


def explode(case: Case) -> Check:
    raise ZeroDivisionError("a bug of ours")


def test_the_order_of_checks_is_fixed() -> None:
    assert NAMES == [
        "format", "allocation", "status", "do-not-originate", "registration", "route", "institution", "lookalike",
        "certification", "chain", "origin", "abroad", "signalling", "source",
    ]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_check_that_explodes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tuple((n, explode if n == name else f) for n, f in checks.CHECKS)
    monkeypatch.setattr(checks, "CHECKS", broken)
    answers = {c.name: c for c in run_checks(case(message(), view(*alive(), number("suspended"))))}
    own = answers[name]
    assert (own.outcome, own.codes, own.gate) == ("UNKNOWN", ("CHECK_FAILED",), "own")
    assert own.evidence == {"why": "ZeroDivisionError"}
    if name != "status":
        assert said(answers["status"]) == "NUMBER_SUSPENDED"
