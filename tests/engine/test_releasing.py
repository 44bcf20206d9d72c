"""Releases: so many different recipients open a review, once; only what a person decides has consequences."""

from typing import Any

import pytest

from streams.contracts.releases import Release, ReleaseReview
from streams.contracts.reputation import SanctionEntry, SanctionRow
from streams.engine.consequences import act_on
from streams.engine.policy import build
from streams.engine.releasing import MAX_REVIEWS, Gathered, ReleaseRefused, finding_of, take
from streams.engine.sanctioning import FindingRefused
from streams.packs import shipped
from tests.engine.kit import DAY, HOUR, MINUTE, T, policy, sanction

WHO = "sender:kr:15881234#0"
PACK = policy(releases={"min_releasers": 3, "window_ms": 2 * DAY}).pack
Said = tuple[ReleaseReview, ...]


def person(number: int) -> str:
    return f"~{number:020x}"


def release(number: int, who: int | None = None, **over: Any) -> Release:
    by = person(number if who is None else who)
    fields: dict[str, Any] = {
        "release_id": f"r{number}", "act": "release", "subject": WHO, "recipient": by,
        "released_at_ms": T + number * MINUTE, "recorded_at_ms": T + number * MINUTE + 1,
    }  # fmt: skip
    return Release(**(fields | over))


def decision(review: ReleaseReview, act: Any = "overturn", **over: Any) -> Release:
    fields: dict[str, Any] = {
        "release_id": "d1", "act": act, "subject": WHO, "review_id": review.review_id, "sanction_id": "s1",
        "grounds": "file-1", "recorded_at_ms": T + HOUR,
    }  # fmt: skip
    return Release(**(fields | over))


def after(*releases: Release, state: Gathered | None = None) -> tuple[Gathered, Said]:
    said: Said = ()
    for one in releases:
        state, said = take(state, one, PACK)
        again, repeated = take(state, one, PACK)
        assert (again, repeated) == (state, said), "the same again is the same"
    assert state is not None
    return state, said


def opened(*numbers: int) -> tuple[Gathered, ReleaseReview]:
    state, (review,) = after(*map(release, numbers or (1, 2, 3)))
    return state, review


def test_so_many_different_recipients_open_a_review() -> None:
    state, said = after(release(1), release(2))
    assert said == ()
    _, (review,) = after(release(3), state=state)
    assert (review.subject, review.releasers, review.outcome) == (WHO, 3, None)
    assert review.opened_at_ms == release(3).recorded_at_ms


def test_one_person_counts_once_however_often() -> None:
    state, said = after(*(release(n, who=1) for n in range(10)), release(11))
    assert (said, state.reviews, len(state.releasers)) == ((), (), 2)


def test_only_those_within_the_window_count() -> None:
    late = release(3, released_at_ms=T + 2 * DAY + 2 * MINUTE, recorded_at_ms=T + 2 * DAY + 2 * MINUTE)
    state, said = after(release(1), release(2), late)
    assert (said, len(state.releasers)) == ((), 2), "the first is out of it"


def test_an_open_review_counts_on_and_no_second_one_opens() -> None:
    state, review = opened()
    state, (now,) = after(release(4), release(4, who=2), state=state)
    assert (now.review_id, now.releasers, len(state.reviews)) == (review.review_id, 4, 1)


def test_a_decision_is_final_and_spends_the_releases_before_it() -> None:
    state, review = opened()
    state, (decided,) = after(decision(review), state=state)
    assert (decided.outcome, decided.grounds, decided.decided_at_ms) == ("overturned", "file-1", T + HOUR)
    with pytest.raises(ReleaseRefused, match="ALREADY_DECIDED"):
        take(state, decision(review, "confirm"), PACK)
    state, (still,) = after(release(3), state=state)
    assert (still, state.releasers) == (decided, {}), "what opened it tells how it stands, and counts no more"
    state, said = after(release(61), release(62), state=state)
    assert said == ()
    _, (second,) = after(release(63), state=state)
    assert second.review_id != review.review_id


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("of a relay", {"subject": "relay:relay-7"}, "NOT_RELEASABLE"),
    ("by nobody", {"recipient": None}, "NO_RECIPIENT"),
    ("at no time", {"released_at_ms": None}, "NO_RECIPIENT"),
    ("tomorrow", {"released_at_ms": T + DAY}, "RELEASED_IN_THE_FUTURE"),
    ("long ago", {"recorded_at_ms": T + 3 * DAY}, "RELEASE_TOO_LATE"),
    ("on a review that is none", {"act": "confirm", "review_id": "nothing"}, "NO_SUCH_REVIEW"),
]


@pytest.mark.parametrize(("what", "over", "reason"), REFUSED, ids=[c[0] for c in REFUSED])
def test_what_is_refused(what: str, over: dict[str, Any], reason: str) -> None:
    with pytest.raises(ReleaseRefused) as refused:
        take(None, release(1, **over), PACK)
    assert refused.value.reason == reason


def test_a_pack_may_say_that_nobody_is_asked() -> None:
    never = policy(releases={"min_releasers": 0}).pack
    state: Gathered | None = None
    for n in range(20):
        state, said = take(state, release(n), never)
        assert said == ()


@pytest.mark.parametrize("over", [{"min_releasers": -1}, {"min_releasers": 5000}, {"window_ms": 0}])
def test_a_pack_that_is_none_is_refused(over: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="releases"):
        build(shipped()["kr", "enforce"] | {"releases": over})


def test_a_subject_remembers_so_many_reviews() -> None:
    state: Gathered | None = None
    for turn in range(MAX_REVIEWS + 5):
        at = T + turn * HOUR
        for n in range(3):
            moved = {"release_id": f"{turn}-{n}", "released_at_ms": at + n + 1, "recorded_at_ms": at + n + 1}
            state, said = take(state, release(n, **moved), PACK)
        state, _ = take(state, decision(said[0], recorded_at_ms=at + MINUTE), PACK)
    assert state is not None
    assert len(state.reviews) == MAX_REVIEWS
    assert state.opened_by.keys() == {r.review_id for r in state.reviews}


# -- what a decision does to a sanction and to votes ------------------------------------------------------------------


def held(**over: Any) -> SanctionRow:
    return sanction(WHO, "TEMP_BLOCK", version=7, to_ms=T + 2 * DAY, **over)


def entry(row: SanctionRow) -> SanctionEntry:
    return row.timeline[-1]


def test_overturned_the_sanction_ends_two_epochs_on_and_its_reporters_were_wrong() -> None:
    _, review = opened()
    finding = finding_of(decision(review), PACK)
    assert finding is not None
    found = act_on(held(), finding, PACK)
    assert entry(found.row).to_ms == finding.from_ms == T + HOUR + 2 * MINUTE
    assert found.review is not None
    assert (found.review.result, found.review.sanction_id) == ("overturned", "s1")
    assert [n.kind for n in found.notices] == ["ended"]
    assert act_on(found.row, finding, PACK) == found


def test_confirmed_it_stays_and_its_reporters_were_right() -> None:
    _, review = opened()
    finding = finding_of(decision(review, "confirm"), PACK)
    assert finding is not None
    found = act_on(held(), finding, PACK)
    assert (found.row, found.notices) == (held(), ())
    assert found.review is not None
    assert found.review.result == "confirmed"


def test_without_a_sanction_a_decision_is_only_kept() -> None:
    _, review = opened()
    assert finding_of(decision(review, sanction_id=None), PACK) is None
    assert finding_of(release(1), PACK) is None, "releases never touch a sanction or a weight"


@pytest.mark.parametrize(
    ("row", "reason"),
    [(None, "NO_SUCH_SANCTION"), (held(authority="regulator"), "NOT_ITS_AUTHORITY")],
)
def test_only_who_imposed_it_decides(row: SanctionRow | None, reason: str) -> None:
    _, review = opened()
    for act in ("overturn", "confirm"):
        finding = finding_of(decision(review, act), PACK)
        assert finding is not None
        with pytest.raises(FindingRefused, match=reason):
            act_on(row, finding, PACK)
