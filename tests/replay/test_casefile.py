"""A case file: everything about a subject once, in order, in plain words."""

from __future__ import annotations

from typing import Any

from streams.contracts.appeals import Appeal
from streams.contracts.reputation import Finding, SanctionRow, Vote
from streams.engine.appealing import finding_of
from streams.engine.consequences import act_on
from streams.replay.casefile import CaseFile, Sources, case_file
from tests.engine.kit import DAY, HOUR, MINUTE, T, policy

WHO = "account:acct-7"
PACK = policy(appeals={"suspend_on_appeal": True, "decide_ms": HOUR}).pack
ORDER = Finding(
    subject=WHO, finding_id="s1", source="person", step="THROTTLE", share_permille=300, from_ms=T, recorded_at_ms=T,
    reason="PROHIBITED_CONTENT", reference="desk-1", urgent="it goes on", version=1,
)  # fmt: skip


def vote(n: int, at: int = T) -> Vote:
    return Vote(
        subject=WHO, reporter=f"~{n % 2}", basis="rate", report_id=f"r{n}", message_at_ms=at, reported_at_ms=at,
        ingested_at_ms=at, category="loan",
    )  # fmt: skip


def appeal(act: Any, at: int) -> Appeal:
    return Appeal(appeal_id="a1", act=act, subject=WHO, sanction_id="s1", evidence="file-9", recorded_at_ms=at)


def told(*appeals: Appeal, as_of: int) -> CaseFile:
    row: SanctionRow | None = None
    notices: list[Any] = []
    history: list[SanctionRow] = []
    reviews: list[Any] = []
    findings = [ORDER, *(finding_of(a, MINUTE) for a in appeals)]
    for finding in findings:
        done = act_on(row, finding, PACK)
        row = done.row
        notices += [*done.notices, *done.notices]  # the topics hold repeats
        history.append(row)
        reviews += [] if done.review is None else [done.review]
    votes = [vote(n) for n in (0, 1, 2, 2)]
    return case_file(WHO, row, Sources(votes, findings, history, notices, appeals, reviews), as_of)


def test_repeats_are_told_once_and_in_order() -> None:
    found = told(appeal("file", T + HOUR), as_of=T + HOUR)
    assert [e.what for e in found.events] == ["finding", "notice", "reports", "appeal", "notice"]
    assert found.votes == {"rate": {"reports": 3, "reporters": 2}}
    said = [e.sentence for e in found.events]
    assert any("led to THROTTLE (300 of 1000 messages) for PROHIBITED_CONTENT" in s for s in said)
    assert "The subject was told afterwards, because it goes on." in said


def test_what_stands_now_says_where_its_appeal_is() -> None:
    filed = appeal("file", T + HOUR)
    (open_now,) = told(filed, as_of=T + HOUR + 10 * MINUTE).now
    assert "suspended by an appeal; appeal a1 is open, to be decided by" in open_now
    (late,) = told(filed, as_of=T + DAY).now
    assert "is open and overdue" in late
    (refused,) = told(filed, appeal("refuse", T + 2 * HOUR), as_of=T + DAY).now
    assert "appeal a1 was refused" in refused
    upheld = told(filed, appeal("uphold", T + 2 * HOUR), as_of=T + DAY)
    assert upheld.now == ()
    assert [e.what for e in upheld.events[-1:]] == ["end"]
    assert any("The votes until then don't count again" in e.sentence for e in upheld.events)


def test_nothing_is_a_case_without_events() -> None:
    assert case_file(WHO, None, Sources(), T).events == ()
