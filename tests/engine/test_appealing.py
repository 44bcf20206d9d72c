"""Appeals: filed in time, the clock in epochs, suspended by policy, decided by who imposed it, never twice."""

from typing import Any

import pytest

from streams.contracts.appeals import Appeal
from streams.contracts.reputation import AppealState, Finding, SanctionEntry, SanctionRow
from streams.engine.appealing import finding_of, hear, open_appeals
from streams.engine.policy import Policy
from streams.engine.reputation import paused
from streams.engine.sanctioning import FindingRefused, impose
from tests.engine.kit import DAY, HOUR, MINUTE, T, policy, raw, sanction

WHO = "account:acct-7"
FILED = T + HOUR
PAUSES = policy(appeals={"suspend_on_appeal": True, "decide_ms": 90_001})
STANDS = policy(appeals={"suspend_on_appeal": False})


def held(**over: Any) -> SanctionRow:
    fields: dict[str, Any] = {"version": 7, "to_ms": T + 2 * DAY, "appeal_until_ms": T + DAY} | over
    return sanction(WHO, fields.pop("step", "TEMP_BLOCK"), **fields)


def appeal(act: Any = "file", **over: Any) -> Finding:
    fields: dict[str, Any] = {
        "appeal_id": "a1", "act": act, "subject": WHO, "sanction_id": "s1", "evidence": f"{act}-1",
        "recorded_at_ms": FILED if act == "file" else FILED + HOUR,
    }  # fmt: skip
    return finding_of(Appeal(**(fields | over)), MINUTE)


def after(row: SanctionRow | None, *findings: Finding, rules: Policy = PAUSES) -> SanctionRow:
    for finding in findings:
        row = hear(row, finding, rules.pack)
    assert row is not None
    return row


def entry(row: SanctionRow) -> SanctionEntry:
    return row.timeline[-1]


def state(row: SanctionRow) -> AppealState:
    return entry(row).appeals[-1]


def test_a_filing_opens_a_clock_in_epochs() -> None:
    found = state(after(held(), appeal()))
    assert found.decide_by_ms == FILED + 3 * MINUTE, "the epoch of the filing, and two for 90 seconds and a bit"
    assert (found.evidence, found.outcome) == ("file-1", None)


@pytest.mark.parametrize(
    ("rules", "over", "suspended"),
    [(PAUSES, {}, True), (STANDS, {}, False), (PAUSES, {"authority": "regulator"}, False)],
)
def test_it_may_suspend_but_never_the_regulators_order(rules: Policy, over: dict[str, Any], suspended: bool) -> None:
    row = after(held(**over), appeal(), rules=rules)
    starts = FILED + 2 * MINUTE
    assert not paused(entry(row), starts - 1)
    assert paused(entry(row), starts) is suspended


def test_a_refused_appeal_ends_the_suspension_and_the_sanction_goes_on() -> None:
    row = after(held(), appeal(), appeal("refuse"))
    back = FILED + HOUR + 2 * MINUTE
    assert paused(entry(row), back - 1)
    assert not paused(entry(row), back)
    assert entry(row).to_ms == T + 2 * DAY
    assert (state(row).outcome, state(row).grounds) == ("refused", "refuse-1")


def test_an_upheld_appeal_ends_the_sanction() -> None:
    row = after(held(), appeal(), appeal("uphold"), rules=STANDS)
    assert entry(row).to_ms == entry(row).end_recorded_at_ms == FILED + HOUR + 2 * MINUTE
    assert state(row).outcome == "upheld"
    assert open_appeals(row) == []


def test_only_the_first_appeal_suspends() -> None:
    row = after(held(), appeal(), appeal("refuse"), appeal(appeal_id="a2", recorded_at_ms=FILED + 2 * HOUR))
    assert state(row).paused_from_ms is None
    assert [a.appeal_id for _, a in open_appeals(row)] == ["a2"]


def test_the_same_again_changes_nothing() -> None:
    said = [appeal(), appeal("refuse")]
    row = after(held(), *said)
    assert raw(after(row, *said)) == raw(row)


REFUSED: list[tuple[str, list[Finding], str, dict[str, Any]]] = [
    ("another sanction", [appeal(sanction_id="s2")], "NO_SUCH_SANCTION", {}),
    ("too late", [appeal(recorded_at_ms=T + DAY + 1)], "APPEAL_TOO_LATE", {}),
    ("no appeal is possible", [appeal()], "APPEAL_TOO_LATE", {"appeal_until_ms": None}),
    ("one is open", [appeal(), appeal(appeal_id="a2")], "APPEAL_OPEN", {}),
    ("the number of another", [appeal(), appeal(evidence="else")], "APPEAL_ID_TAKEN", {}),
    ("a decision on nothing", [appeal("refuse")], "NO_SUCH_APPEAL", {}),
    ("decided both ways", [appeal(), appeal("refuse"), appeal("uphold")], "ALREADY_DECIDED", {}),
    ("decided twice", [appeal(), appeal("refuse"), appeal("refuse", recorded_at_ms=T + DAY)], "ALREADY_DECIDED", {}),
    ("not by whom imposed it", [appeal(), appeal("uphold")], "NOT_ITS_AUTHORITY", {"authority": "regulator"}),
    ("by another carrier", [appeal(), appeal("uphold", authority="carrier-2")], "NOT_ITS_AUTHORITY", {}),
]


@pytest.mark.parametrize(("what", "said", "reason", "over"), REFUSED, ids=[c[0] for c in REFUSED])
def test_what_is_refused(what: str, said: list[Finding], reason: str, over: dict[str, Any]) -> None:
    *before, last = said
    row = after(held(**over), *before)
    with pytest.raises(FindingRefused) as refused:
        after(row, last)
    assert refused.value.reason == reason


def test_the_regulator_may_decide_for_everybody() -> None:
    row = after(held(), appeal(), appeal("uphold", authority="regulator"))
    assert state(row).outcome == "upheld"


def test_an_open_appeal_keeps_its_sanction_and_so_does_the_time_for_one() -> None:
    row = after(held(appeal_until_ms=T + 20 * DAY), appeal())
    later = Finding(
        subject=WHO, finding_id="new", source="tally", step="WARN", from_ms=T + 40 * DAY, reason="R", version=9,
        recorded_at_ms=T + 40 * DAY,
    )  # fmt: skip
    assert [e.sanction_id for e in impose(row, later).timeline] == ["s1", "new"]
    decided = after(row, appeal("refuse"))
    assert [e.sanction_id for e in impose(decided, later).timeline] == ["new"]


def test_a_new_version_of_a_sanction_takes_its_appeals_along() -> None:
    row = after(held(), appeal())
    changed = Finding(
        subject=WHO, finding_id="s1", source="directive", step="THROTTLE", from_ms=T + 3 * HOUR, reason="R", version=8,
        recorded_at_ms=T + 2 * HOUR,
    )  # fmt: skip
    first, second = impose(row, changed).timeline
    assert (first.to_ms, first.appeals) == (T + 3 * HOUR, ())
    assert [a.appeal_id for a in second.appeals] == ["a1"]
