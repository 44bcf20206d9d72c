"""Sanctions: findings in any order, any number of times, make the same row; a release ends exactly one."""

from itertools import permutations
from typing import Any

import msgspec
import pytest

from streams.contracts.reports import Directive
from streams.contracts.reputation import Finding, SanctionRow
from streams.engine.sanctioning import FindingRefused, directive_id, finding_of, impose
from streams.engine.timeline import all_current
from tests.engine.kit import DAY, HOUR, T, raw

SUBJECT = "account:acct-77"


def finding(name: str = "f1", **over: Any) -> Finding:
    fields: dict[str, Any] = {
        "subject": SUBJECT, "finding_id": name, "source": "tally", "step": "TEMP_BLOCK", "from_ms": T,
        "to_ms": T + 2 * DAY, "recorded_at_ms": T - HOUR, "reason": "REPORTS_CRITICAL_24H", "version": 7,
    }  # fmt: skip
    return Finding(**(fields | over))


def release(of: str, at: int = T + HOUR, **over: Any) -> Finding:
    return finding(
        "release-" + of, source="directive", step="OBSERVE", releases=of, from_ms=at, to_ms=None, reason="RELEASED",
        **over,
    )  # fmt: skip


def row(*findings: Finding) -> SanctionRow:
    held: SanctionRow | None = None
    for one in findings:
        held = impose(held, one)
    assert held is not None
    return held


SETS: list[tuple[str, list[Finding]]] = [
    ("a warning and a block", [finding("w", step="WARN", reason="REPORTS_WARN_10D"), finding("b")]),
    ("one sanction, found by several windows", [finding(), finding(reason="REPORTS_CRITICAL_10D"),
     finding(reason="REPORTS_CRITICAL_1H")]),
    ("one sanction, by count and by rate", [finding(reason="REPORTS_WARN_10D"),
     finding(reason="REPORTS_RATE_WARN_10D")]),
    ("a block and its release", [finding(), finding("b2", from_ms=T + 1), release("f1")]),
    ("a block and two releases of it", [finding(), release("f1"), release("f1", T + 2 * HOUR)]),
    ("a release of what had ended", [finding(to_ms=T + 1), release("f1")]),
    ("a release before it began", [finding(), release("f1", T - 1)]),
    ("a sanction and its next version", [finding(), finding(version=8, step="THROTTLE", from_ms=T + HOUR)]),
    ("three versions", [finding(), finding(version=8, from_ms=T + HOUR), finding(version=9, from_ms=T + 2 * HOUR)]),
    ("two versions and a release of both", [finding(), finding(version=8, from_ms=T + HOUR), release("f1", T + DAY)]),
    ("a version that comes after the release", [finding(), release("f1"),
     finding(version=8, from_ms=T + DAY, recorded_at_ms=T + 2 * HOUR)]),
    ("a release by who may and one by who may not", [finding(), release("f1", T + DAY, authority="regulator")]),
    ("a text seen labelled in two epochs", [finding(step="OBSERVE", version=1, to_ms=None),
     finding(step="OBSERVE", version=1, to_ms=None, from_ms=T + HOUR, recorded_at_ms=T)]),
    ("renewal", [finding(), finding("later", from_ms=T + 3 * DAY, to_ms=T + 5 * DAY, recorded_at_ms=T + 3 * DAY)]),
]  # fmt: skip


@pytest.mark.parametrize(("what", "findings"), SETS, ids=[c[0] for c in SETS])
def test_any_order_makes_the_same_row(what: str, findings: list[Finding]) -> None:
    assert len({raw(row(*order)) for order in permutations(findings)}) == 1


@pytest.mark.parametrize(("what", "findings"), SETS, ids=[c[0] for c in SETS])
def test_the_same_again_changes_nothing(what: str, findings: list[Finding]) -> None:
    held = row(*findings)
    for again in findings:
        assert raw(impose(held, again)) == raw(held)


def test_an_entry_is_what_the_finding_says() -> None:
    (entry,) = row(finding()).timeline
    assert (entry.sanction_id, entry.step, entry.from_ms, entry.to_ms) == ("f1", "TEMP_BLOCK", T, T + 2 * DAY)
    assert (entry.recorded_at_ms, entry.version, entry.authority) == (T - HOUR, 7, "carrier")


def test_the_reason_is_the_longest_window_that_anybody_saw() -> None:
    (entry,) = row(finding(), finding(reason="REPORTS_CRITICAL_10D")).timeline
    assert entry.reason == "REPORTS_CRITICAL_10D"


def test_a_release_ends_exactly_one() -> None:
    held = row(finding("a"), finding("b"), release("a"))
    assert [e.sanction_id for e in all_current(held.timeline, T + HOUR - 1)] == ["a", "b"]
    assert [e.sanction_id for e in all_current(held.timeline, T + HOUR)] == ["b"]


def test_a_higher_version_takes_over_when_it_starts_and_what_was_stays() -> None:
    held = row(finding(), finding(version=8, step="THROTTLE", from_ms=T + HOUR, recorded_at_ms=T))
    assert [e.step for e in all_current(held.timeline, T + HOUR - 1)] == ["TEMP_BLOCK"]
    assert [e.step for e in all_current(held.timeline, T + HOUR)] == ["THROTTLE"]


def test_a_lower_version_that_comes_late_does_not_come_back() -> None:
    held = row(finding(version=8, step="THROTTLE", from_ms=T + HOUR, recorded_at_ms=T), finding())
    assert [e.step for e in all_current(held.timeline, T + HOUR)] == ["THROTTLE"]


def test_who_did_not_impose_it_does_not_lift_it_whichever_comes_first() -> None:
    theirs, ours = finding(source="directive", authority="regulator"), release("f1", authority="carrier")
    with pytest.raises(FindingRefused, match="NOT_ITS_AUTHORITY"):
        impose(row(theirs), ours)
    assert raw(row(ours, theirs)) == raw(row(theirs))


def test_an_end_keeps_what_was_and_says_when_it_was_written_down() -> None:
    before, after = row(finding()).timeline[0], row(finding(), release("f1")).timeline[0]
    assert after == msgspec.structs.replace(before, to_ms=T + HOUR, end_recorded_at_ms=T + HOUR)


def test_a_release_that_comes_first_still_ends_it() -> None:
    held = row(release("f1"))
    assert all_current(held.timeline, T + HOUR) == []
    assert raw(impose(held, finding())) == raw(row(finding(), release("f1")))


def test_what_the_tally_withdraws_never_was() -> None:
    withdrawn = finding("w", step="OBSERVE", releases="f1", reason="WITHDRAWN")
    assert raw(row(finding(), finding("b"), withdrawn)) == raw(row(finding("b")))
    assert raw(row(finding("b"), withdrawn)) == raw(row(finding("b")))


def test_what_ended_long_ago_is_forgotten_and_what_stands_is_not() -> None:
    standing = finding("standing", to_ms=None, recorded_at_ms=T - 100 * DAY)
    held = row(
        finding("old", to_ms=T - 13 * DAY, recorded_at_ms=T - 15 * DAY), standing, finding("new", recorded_at_ms=T)
    )
    assert [e.sanction_id for e in held.timeline] == ["new", "standing"]


def directive(act: str = "suspend", **over: Any) -> Directive:
    fields: dict[str, Any] = {
        "reference": "KISA-1", "subject": SUBJECT, "act": act, "from_ms": T, "recorded_at_ms": T - HOUR,
    }  # fmt: skip
    return Directive(**(fields | over))


@pytest.mark.parametrize(
    ("act", "step"), [("suspend", "TEMP_BLOCK"), ("terminate", "BLOCK"), ("block", "BLOCK"), ("throttle", "THROTTLE")]
)
def test_what_an_order_becomes(act: str, step: str) -> None:
    found = finding_of(directive(act, share_permille=300), SUBJECT)
    assert (found.step, found.reason, found.authority) == (step, f"DIRECTIVE_{act.upper()}", "regulator")
    assert (found.finding_id, found.share_permille, found.to_ms) == (directive_id("KISA-1"), 300, None)


def test_an_order_does_not_count_before_it_was_written_down() -> None:
    assert finding_of(directive(from_ms=T - DAY), SUBJECT).from_ms == T - HOUR


@pytest.mark.parametrize(
    ("releases", "ends"), [("KISA-0", directive_id("KISA-0")), ("0123456789abcdef0123", "0123456789abcdef0123")]
)
def test_a_release_names_a_reference_or_a_sanction(releases: str, ends: str) -> None:
    assert finding_of(directive("release", releases=releases), SUBJECT).releases == ends


def test_a_release_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="RELEASE_OF_NOTHING"):
        finding_of(directive("release"), SUBJECT)
