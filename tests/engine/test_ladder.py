"""The ladder: what follows when a tally reaches a threshold, from when, and how it is renewed."""

from typing import Any

import msgspec
import pytest

from streams.contracts.reputation import Finding, Traffic, Vote
from streams.engine.epochs import effect_of
from streams.engine.ladder import NEVER, waiting
from streams.engine.policy import Policy
from streams.engine.tally import Tally
from streams.engine.tallying import on_closed, on_traffic, on_vote
from tests.engine.kit import DAY, HOUR, MINUTE, T, enforce, policy

EPOCH = T // MINUTE
PACK = enforce().pack  # sender by count: warn 3, critical 5; by rate: 1000 and 3000 ppm, 5 reporters, 500 delivered


class Subject:
    """One subject's tally and everything it ever said."""

    def __init__(self, name: str = "sender:x#0", rules: Policy | None = None) -> None:
        self.state, self.rules, self.said = Tally(subject=name), rules or enforce(), list[Finding]()
        self._reports = 0

    def votes(self, *voters: int, at: int = T, basis: str = "count", closed: int | None = None, **over: Any) -> None:
        for n in voters:
            self._reports += 1
            fields: dict[str, Any] = {
                "subject": self.state.subject, "reporter": f"~{n}", "basis": basis, "report_id": f"r{self._reports}",
                "message_at_ms": at, "reported_at_ms": at, "ingested_at_ms": at,
            }  # fmt: skip
            vote = Vote(**(fields | over))
            through = vote.ingested_at_ms // MINUTE - 1 if closed is None else closed
            self.said += on_vote(self.state, vote, self.rules, through)

    def delivers(self, count: int, epoch: int = EPOCH, first: int = 0, closed: int = NEVER) -> None:
        delta = Traffic(
            subject=self.state.subject, epoch=epoch, partition=0, first_offset=first, next_offset=first + 1,
            delivered=count,
        )  # fmt: skip
        self.said += on_traffic(self.state, delta, self.rules, closed)

    def closes(self, through: int) -> None:
        self.said += on_closed(self.state, self.rules, through)

    @property
    def steps(self) -> list[str]:
        return [f.step for f in self.state.findings]


@pytest.mark.parametrize(
    ("voters", "steps"),
    [(2, []), (3, ["WARN"]), (4, ["WARN"]), (5, ["WARN", "TEMP_BLOCK"]), (9, ["WARN", "TEMP_BLOCK"])],
)
def test_by_count(voters: int, steps: list[str]) -> None:
    one = Subject()
    one.votes(*range(voters))
    assert one.steps == steps


def test_a_finding_says_from_when_why_and_how_many() -> None:
    one = Subject()
    one.votes(*range(5))
    found = one.state.findings[-1]
    assert found.from_ms == effect_of(EPOCH, MINUTE) == T + 2 * MINUTE
    assert found.to_ms == found.from_ms + 48 * HOUR
    assert (found.recorded_at_ms, found.version) == (T + MINUTE, EPOCH + 2)
    assert (found.reason, found.counts, found.source) == ("REPORTS_CRITICAL_10D", {"10d": 5}, "tally")
    assert found.scope.legs == ("termination",)
    assert found.policy == enforce().version


def test_it_starts_an_epoch_after_the_first_epoch_that_reaches_it() -> None:
    one = Subject()
    one.votes(1, 2, 3, 4)
    one.votes(5, at=T + 7 * MINUTE)
    one.votes(6, at=T + 8 * MINUTE)
    assert [(f.step, f.from_ms) for f in one.state.findings] == [
        ("WARN", T + 2 * MINUTE),
        ("TEMP_BLOCK", T + 9 * MINUTE),
    ]


def test_the_same_set_names_the_same_sanction_whoever_reports_first() -> None:
    ids = set()
    for order in ((0, 1, 2, 3, 4), (4, 3, 2, 1, 0)):
        one = Subject()
        one.votes(*order)
        ids.add(one.state.findings[-1].finding_id)
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("subject", "voters", "steps", "legs"),
    [
        ("campaign:relay-7×ff", 10, ["WARN", "TEMP_BLOCK"], ("termination",)),
        ("campaign:relay-7×ff", 9, ["WARN"], ("termination",)),
        ("relay:relay-7", 300, ["WARN"], ()),
        ("relay:relay-7", 199, [], ()),
        ("reseller:rs", 500, [], ()),
        ("host:lucky.example", 500, ["WARN"], ()),
        ("host:lucky.example", 9, [], ()),
    ],
)
def test_kinds_of_subjects(subject: str, voters: int, steps: list[str], legs: tuple[str, ...]) -> None:
    one = Subject(subject)
    one.votes(*range(voters))
    assert one.steps == steps
    assert all(f.scope.legs == legs for f in one.state.findings)


def test_a_relay_gets_at_most_a_warning_whatever_a_threshold_says() -> None:
    rules = policy(thresholds={"relay": {"count": {"10d": {"warn": 3, "critical": 5}}}})
    one = Subject("relay:relay-7", rules)
    one.votes(*range(50))
    assert one.steps == ["WARN"]


def test_reporters_of_days_are_united() -> None:
    one = Subject()
    for day in range(5):
        one.votes(day, at=T + day * DAY)
    assert one.steps == ["WARN", "TEMP_BLOCK"]
    assert one.state.findings[-1].reason == "REPORTS_CRITICAL_10D"
    again = Subject()
    for day in range(5):
        again.votes(1, at=T + day * DAY)
    assert again.steps == []


def test_a_late_vote_counts_where_it_was_made_and_from_when_it_came() -> None:
    one = Subject()
    one.votes(1, 2, 3, 4, at=T - 3 * DAY)
    one.votes(5, at=T - 3 * DAY, ingested_at_ms=T)
    assert one.state.findings[-1].from_ms == T + 2 * MINUTE
    gone = Subject()
    gone.votes(1, 2, 3, 4, at=T - DAY)
    gone.votes(5, at=T - 14 * DAY, ingested_at_ms=T)
    assert gone.steps == ["WARN"], "made outside the window"


def test_renewal_needs_the_threshold_from_fresh_votes() -> None:
    one = Subject()
    one.votes(*range(5))
    expiry = one.state.findings[-1].to_ms or 0
    one.votes(*range(5, 9), at=T + DAY)
    one.votes(*range(10, 14), at=expiry + HOUR)
    assert one.steps == ["WARN", "TEMP_BLOCK", "WARN"], "votes up to the expiry are spent"
    one.votes(20, at=expiry + HOUR)
    assert one.steps == ["WARN", "TEMP_BLOCK", "WARN", "TEMP_BLOCK"]


def test_a_warning_is_given_once() -> None:
    one = Subject()
    one.votes(1, 2, 3)
    one.votes(4, at=T + HOUR)
    assert one.steps == ["WARN"]


RATES = [
    # reporters, delivered, steps
    (4, 500, []),  # below min_reporters, whatever the rate
    (5, 499, []),  # below the minimum sample
    (5, 500, ["WARN", "TEMP_BLOCK"]),  # 10 000 ppm
    (5, 1666, ["WARN", "TEMP_BLOCK"]),  # 3001 ppm
    (5, 1667, ["WARN"]),  # 2999 ppm
    (5, 5000, ["WARN"]),  # 1000 ppm
    (5, 5001, []),  # 999 ppm
    (10, 50_000, []),  # a bank's one-time codes and ten angry reports
    (250, 50_000, ["WARN", "TEMP_BLOCK"]),
]


@pytest.mark.parametrize(("voters", "count", "steps"), RATES)
def test_by_rate(voters: int, count: int, steps: list[str]) -> None:
    one = Subject()
    one.delivers(count)
    one.votes(*range(voters), basis="rate", closed=NEVER)
    assert one.steps == []
    assert waiting(one.state)
    one.closes(EPOCH)
    assert one.steps == steps
    assert not waiting(one.state)


def test_a_rates_reason_and_counts() -> None:
    one = Subject()
    one.delivers(1000)
    one.votes(*range(5), basis="rate", closed=EPOCH)
    found = one.state.findings[-1]
    assert (found.reason, found.counts) == ("REPORTS_RATE_CRITICAL_10D", {"10d": 5, "delivered": 1000, "ppm": 5000})


def test_it_never_escalates_on_its_own_ignorance() -> None:
    one = Subject()
    one.delivers(1000)
    one.votes(*range(50), basis="rate", closed=EPOCH - 1)
    assert one.steps == []
    one.closes(EPOCH - 1)
    assert one.steps == []
    one.closes(EPOCH)
    assert one.steps == ["WARN", "TEMP_BLOCK"]
    assert one.state.findings[-1].from_ms == T + 3 * MINUTE, "as if it had been judged in time"


@pytest.mark.parametrize("closed", [EPOCH, NEVER])
def test_it_does_not_matter_when_the_meter_closed(closed: int) -> None:
    one = Subject()
    one.delivers(3000)
    one.votes(*range(9), basis="rate", closed=closed)
    one.closes(EPOCH)
    assert [(f.step, f.reason, f.from_ms) for f in one.state.findings] == [
        ("WARN", "REPORTS_RATE_WARN_10D", T + 3 * MINUTE),
        ("TEMP_BLOCK", "REPORTS_RATE_CRITICAL_10D", T + 3 * MINUTE),
    ]


def test_a_vote_by_rate_counts_an_epoch_after_the_message_at_the_earliest() -> None:
    one = Subject()
    one.delivers(1000)
    one.votes(*range(5), basis="rate", closed=EPOCH)
    assert one.state.epochs["rate"] == [EPOCH + 1]


def test_traffic_of_the_epoch_itself_and_later_is_not_in_its_rate() -> None:
    one = Subject()
    one.delivers(1000)
    for n in range(1, 6):
        one.delivers(100_000, EPOCH + n, n)
    one.votes(*range(5), basis="rate", closed=EPOCH)
    assert one.steps == ["WARN", "TEMP_BLOCK"]


def test_traffic_may_come_with_the_closing() -> None:
    one = Subject()
    one.votes(*range(5), basis="rate", closed=NEVER)
    one.delivers(1000, closed=EPOCH)
    assert one.steps == ["WARN", "TEMP_BLOCK"]


def test_a_redelivered_delta_says_the_same_again() -> None:
    one = Subject()
    one.votes(*range(5), basis="rate", closed=NEVER)
    one.delivers(1000, closed=EPOCH)
    state, said = msgspec.json.encode(one.state), [f for f in one.said if f.step == "TEMP_BLOCK"]
    one.delivers(1000, closed=EPOCH)
    assert msgspec.json.encode(one.state) == state
    assert [f for f in one.said if f.step == "TEMP_BLOCK"] == said * 2


def test_a_redelivered_vote_says_the_same_again() -> None:
    one = Subject()
    one.votes(*range(5))
    state, said = msgspec.json.encode(one.state), one.said[-2:]
    one.votes(4)
    assert msgspec.json.encode(one.state) == state
    assert one.said[-2:] == said


def test_a_restarted_worker_that_has_not_heard_from_the_meter_forgets_nothing() -> None:
    one = Subject()
    one.delivers(1000)
    one.votes(*range(5), basis="rate", closed=EPOCH)
    before = one.state.findings
    one.votes(4, basis="rate", closed=NEVER)
    assert one.state.findings == before
    one.votes(6, basis="rate", at=T, ingested_at_ms=T + MINUTE, closed=NEVER)
    assert one.steps == ["WARN", "TEMP_BLOCK"]


def test_a_saturated_tally_escalates_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.engine.tally.MAX_VOTERS", 20)
    monkeypatch.setattr("streams.engine.ladder.MAX_VOTERS", 20)
    limits = {"warn": 10, "critical": 20}
    one = Subject(rules=policy(thresholds={"sender": {"count": {"24h": limits, "10d": limits}}}))
    one.votes(*range(30))
    assert one.steps == ["WARN"], "how many there are is not known any more"


def test_a_vote_of_an_earlier_epoch_that_comes_later_moves_the_finding() -> None:
    one = Subject()
    one.votes(1, 2, 3, at=T + MINUTE)
    first = one.state.findings[0]
    one.votes(4, 5, 6, at=T)
    assert [f.from_ms for f in one.state.findings if f.step == "WARN"] == [T + 2 * MINUTE]
    lifted = [f for f in one.said if f.releases == first.finding_id]
    assert lifted
    assert all(f.from_ms == first.from_ms for f in lifted), "it never counted"
