"""Precedence: total, as the docs has it, with the recipient's own allow between sanctions and content."""

from itertools import combinations, permutations

import pytest

from streams.contracts.decisions import Action, Gate, Mode
from streams.engine.pack import RANKS
from streams.engine.precedence import Objection, Outcome, judge, reasons_of
from tests.engine.kit import enforce

ORDER = enforce().pack.ranks
ALLOWS = {"emergency_allow", "protected_allow", "recipient_allow"}
GATE_OF: dict[str, Gate] = {
    "directive": "directive", "forgery": "forgery", "recipient_block": "recipient", "standing": "standing",
    "sanction": "reputation", "blacklist": "blacklist", "content": "content",
}  # fmt: skip


def objection(
    rank: str, mode: Mode = "BLOCK", code: str = "", action: Action = "REJECT", soft: Action = "LABEL"
) -> Objection:
    return Objection(code or rank.upper(), GATE_OF[rank], mode, action, soft=soft)


def outcome(*ranks: str) -> Outcome:
    objections = [objection(r) for r in ranks if r not in ALLOWS]
    return judge(objections, [r for r in ranks if r in ALLOWS], ORDER)


PAIRS = [pair for one, two in combinations(RANKS, 2) for pair in ((one, two), (two, one))]


@pytest.mark.parametrize(("one", "two"), PAIRS)
def test_of_two_the_higher_wins_in_both_orders(one: str, two: str) -> None:
    first = min(one, two, key=RANKS.index)
    found = outcome(one, two)
    assert found.won == first
    assert found.verdict == ("ALLOW" if first in ALLOWS else "BLOCK")


def test_of_all_the_highest_wins_in_any_order() -> None:
    for some in permutations(RANKS, 3):
        assert outcome(*some).won == min(some, key=RANKS.index)


@pytest.mark.parametrize("rank", RANKS)
def test_alone(rank: str) -> None:
    assert outcome(rank).won == rank


def test_nothing_allows() -> None:
    assert judge([], [], ORDER) == ("ALLOW", "DELIVER", "default")


def test_other_ranks_other_order() -> None:
    swapped = ORDER | {"sanction": ORDER["forgery"], "forgery": ORDER["sanction"]}
    assert judge([objection("forgery"), objection("sanction")], [], swapped).won == "sanction"


@pytest.mark.parametrize(
    ("what", "objections", "allows", "expected"),
    [
        ("observed only", [objection("forgery", "OBSERVE")], [], ("ALLOW", "DELIVER", "default")),
        ("labelled", [objection("forgery", "LABEL")], [], ("ALLOW", "LABEL", "default")),
        ("to the spam box", [objection("content", "LABEL", soft="SPAM_BOX")], [], ("ALLOW", "SPAM_BOX", "default")),
        ("spam box and label", [objection("content", "LABEL", soft="SPAM_BOX"), objection("forgery", "LABEL")], [],
         ("ALLOW", "SPAM_BOX", "default")),
        ("a block under the spam box", [objection("recipient_block", "LABEL", soft="SPAM_BOX"), objection("sanction")],
         [], ("BLOCK", "REJECT", "sanction")),
        ("the recipient's allow above content", [objection("content", "LABEL", soft="SPAM_BOX")], ["recipient_allow"],
         ("ALLOW", "DELIVER", "recipient_allow")),
        ("a block under a label", [objection("forgery", "LABEL"), objection("sanction")], [],
         ("BLOCK", "REJECT", "sanction")),
        ("an allow above the label", [objection("standing", "LABEL")], ["protected_allow"],
         ("ALLOW", "DELIVER", "protected_allow")),
        ("an allow below the label", [objection("forgery", "LABEL")], ["protected_allow"],
         ("ALLOW", "LABEL", "protected_allow")),
        ("an action of its own", [objection("sanction", action="THROTTLE")], [], ("BLOCK", "THROTTLE", "sanction")),
        ("the first of one rank", [objection("forgery", action="DROP"), objection("forgery")], [],
         ("BLOCK", "DROP", "forgery")),
        ("both allows", [objection("sanction")], ["protected_allow", "emergency_allow"],
         ("ALLOW", "DELIVER", "emergency_allow")),
    ],
)  # fmt: skip
def test_modes_and_actions(
    what: str, objections: list[Objection], allows: list[str], expected: tuple[str, str, str]
) -> None:
    assert judge(objections, allows, ORDER) == expected


def test_our_own_failure_never_blocks() -> None:
    assert judge([Objection("CHECK_FAILED", "own", "BLOCK", "REJECT")], [], ORDER).verdict == "ALLOW"


def test_the_reason_with_the_highest_precedence_comes_first() -> None:
    own = Objection("CHECK_FAILED", "own", "OBSERVE", "REJECT")
    found = reasons_of([own, objection("sanction"), objection("forgery", "OBSERVE"), objection("directive")], ORDER)
    assert [r.code for r in found] == ["DIRECTIVE", "FORGERY", "SANCTION", "CHECK_FAILED"]
