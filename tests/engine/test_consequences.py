"""What a finding comes to: the row, the notices it owes, and which votes are spent."""

from typing import Any

import pytest

from streams.contracts.appeals import Appeal
from streams.contracts.reputation import Finding, SanctionRow
from streams.engine.appealing import finding_of as appealed
from streams.engine.consequences import Consequences, act_on, overdue
from streams.engine.sanctioning import FindingRefused
from tests.engine.kit import DAY, HOUR, MINUTE, T, policy

WHO = "account:acct-7"
PACK = policy(appeals={"notice_ms": HOUR, "appeal_ms": DAY}).pack


def order(**over: Any) -> Finding:
    fields: dict[str, Any] = {
        "subject": WHO, "finding_id": "s1", "source": "person", "step": "BLOCK", "from_ms": T + 2 * HOUR,
        "recorded_at_ms": T, "reason": "CONTRACT_BREACH", "reference": "legal-9", "version": 1,
    }  # fmt: skip
    return Finding(**(fields | over))


def by_tally(**over: Any) -> Finding:
    return order(source="tally", step="TEMP_BLOCK", from_ms=T + MINUTE, to_ms=T + DAY, reference="", **over)


def kinds(found: Consequences) -> list[str]:
    return [n.kind for n in found.notices]


def test_a_persons_order_is_announced() -> None:
    found = act_on(None, order(), PACK)
    (notice,) = found.notices
    assert (notice.kind, notice.why_after, notice.reference) == ("before", "", "legal-9")
    assert (notice.from_ms, notice.to_ms, notice.appeal_until_ms) == (T + 2 * HOUR, None, T + 2 * HOUR + DAY)
    assert found.row.timeline[0].appeal_until_ms == T + 2 * HOUR + DAY


def test_what_is_urgent_is_told_afterwards_with_the_reason() -> None:
    found = act_on(None, order(from_ms=T, urgent="phishing goes on"), PACK)
    (notice,) = found.notices
    assert (notice.kind, notice.why_after) == ("after", "phishing goes on")
    assert found.row.timeline[0].from_ms == T + 2 * MINUTE, "never before the second epoch"


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("not announced and not urgent", {"from_ms": T + HOUR - 1}, "NOTICE_TOO_SHORT"),
    ("temporary for ever", {"step": "TEMP_BLOCK"}, "NO_END"),
    ("over before it counts", {"to_ms": T + HOUR}, "OVER_BEFORE_IT_COUNTS"),
    ("in the regulator's name", {"authority": "regulator"}, "ORDER_OF_THE_REGULATOR"),
]


@pytest.mark.parametrize(("what", "over", "reason"), REFUSED, ids=[c[0] for c in REFUSED])
def test_a_person_may_not(what: str, over: dict[str, Any], reason: str) -> None:
    with pytest.raises(FindingRefused) as refused:
        act_on(None, order(**over), PACK)
    assert refused.value.reason == reason


def test_a_persons_warning_needs_no_announcement() -> None:
    assert kinds(act_on(None, order(step="WARN", from_ms=T), PACK)) == ["after"]


@pytest.mark.parametrize(
    ("subject", "step", "told"),
    [
        ("sender:~9f#0", "TEMP_BLOCK", ["after"]),
        ("relay:relay-7", "WARN", ["after"]),
        ("campaign:-×00", "TEMP_BLOCK", []),
        (WHO, "OBSERVE", []),
        ("pair:sender:kr:15881234>relay-7", "RELIEF", []),
    ],
)
def test_who_is_told(subject: str, step: Any, told: list[str]) -> None:
    assert kinds(act_on(None, order(source="tally", subject=subject, step=step, from_ms=T), PACK)) == told


def test_who_imposed_it_lifts_it() -> None:
    held = act_on(None, order(source="directive", authority="regulator"), PACK).row
    with pytest.raises(FindingRefused) as refused:
        act_on(held, order(finding_id="l1", step="OBSERVE", releases="s1"), PACK)
    assert refused.value.reason == "NOT_ITS_AUTHORITY"


def test_a_person_takes_nothing_back_as_if_it_had_never_been() -> None:
    held = act_on(None, order(source="directive", authority="regulator"), PACK).row
    with pytest.raises(FindingRefused, match="NOT_ITS_AUTHORITY"):
        act_on(held, order(finding_id="l1", step="OBSERVE", releases="s1", reason="WITHDRAWN"), PACK)
    after = act_on(act_on(None, by_tally(), PACK).row, order(releases="s1", reason="WITHDRAWN", finding_id="l1"), PACK)
    assert [e.sanction_id for e in after.row.timeline] == ["s1"]


def test_a_persons_lift_spends_the_votes_up_to_then() -> None:
    lift = order(finding_id="l1", step="OBSERVE", releases="s1", recorded_at_ms=T + HOUR, from_ms=T + HOUR)
    found = act_on(act_on(None, by_tally(), PACK).row, lift, PACK)
    assert found.review is not None
    assert (found.review.result, found.review.epoch) == ("lifted", (T + HOUR) // MINUTE)
    assert kinds(found) == ["ended"]
    assert found.row.timeline[0].to_ms == T + HOUR + 2 * MINUTE


def test_a_regulators_release_ends_the_sanction_and_nothing_else() -> None:
    release = order(source="directive", authority="regulator", finding_id="l1", step="OBSERVE", releases="s1")
    found = act_on(act_on(None, by_tally(), PACK).row, release, PACK)
    assert found.row.timeline[0].to_ms == T + 2 * HOUR
    assert found.review is None


def appeal(act: Any) -> Finding:
    at = T + HOUR if act == "file" else T + 2 * HOUR
    return appealed(
        Appeal(appeal_id="a1", act=act, subject=WHO, sanction_id="s1", evidence=act, recorded_at_ms=at), MINUTE
    )  # fmt: skip


@pytest.mark.parametrize(
    ("act", "kind", "result"), [("uphold", "appeal_upheld", "overturned"), ("refuse", "appeal_refused", "confirmed")]
)
def test_a_decision_is_told_and_reviewed(act: str, kind: str, result: str) -> None:
    filed = act_on(act_on(None, by_tally(), PACK).row, appeal("file"), PACK)
    assert (kinds(filed), filed.review) == (["appeal_filed"], None)
    decided = act_on(filed.row, appeal(act), PACK)
    assert kinds(decided) == [kind]
    assert decided.review is not None
    assert (decided.review.result, decided.review.epoch) == (result, (T + 2 * HOUR) // MINUTE)


def test_a_withdrawal_takes_the_notice_back() -> None:
    withdrawal = by_tally(finding_id="w1", releases="s1", reason="WITHDRAWN")
    assert kinds(act_on(act_on(None, by_tally(), PACK).row, withdrawal, PACK)) == ["withdrawn"]


def test_all_of_it_comes_again_equal_when_the_finding_does() -> None:
    row: SanctionRow | None = None
    for finding in (by_tally(), appeal("file"), appeal("refuse")):
        first = act_on(row, finding, PACK)
        assert act_on(first.row, finding, PACK) == first
        row = first.row


def test_a_notice_says_the_same_when_its_finding_comes_again_after_a_decision() -> None:
    row: SanctionRow | None = None
    said: list[Consequences] = []
    findings = (by_tally(), appeal("file"), appeal("uphold"))
    for finding in findings:
        said.append(act_on(row, finding, PACK))
        row = said[-1].row
    again = [act_on(row, finding, PACK) for finding in findings]
    assert [c.notices for c in again] == [c.notices for c in said]
    assert [c.review for c in again] == [c.review for c in said]


def test_notices_have_different_ids() -> None:
    row: SanctionRow | None = None
    ids: list[str] = []
    for finding in (by_tally(), appeal("file"), appeal("refuse"), order(finding_id="s2")):
        found = act_on(row, finding, PACK)
        row, ids = found.row, ids + [n.notice_id for n in found.notices]
    entry = row.timeline[0] if row is not None else None
    assert entry is not None
    ids.append(overdue(WHO, entry, entry.appeals[0]).notice_id)
    assert len(set(ids)) == 5
