"""What holds for every order of reports, votes and rows."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contracts.feeds import RegistryValue
from streams.contracts.registry import (
    NumberEntry,
    NumberRow,
)
from streams.contracts.reports import Report
from streams.engine.ladder import NEVER, evaluate
from streams.engine.policy import Policies
from streams.engine.registry import RowRefused, merge
from streams.engine.tally import Tally, add_traffic, add_vote
from streams.engine.tallying import on_closed, on_traffic, on_vote
from streams.packs import shipped
from tests.engine.kit import (
    BANK,
    HOUR,
    MINUTE,
    PHONE,
    T,
    enforce,
    report,
    view,
)
from tests.engine.properties import CASES, outcome, reports
from tests.engine.test_tally import delta, vote


def test_the_reports_do_something() -> None:
    line = [report(n, channel="mo", origin_number=PHONE, text="buy now") for n in range(5)]
    sanctions, decisions = outcome(line)
    assert sanctions.count(b"TEMP_BLOCK") == 1
    assert [b"REPORTS_CRITICAL" in decision for decision in decisions[::3]] == [False, False, True, True, True]
    rate = [
        report(n, displayed_sender=BANK, route={"relay_id": "relay-7", "account_id": "acct-1"}, message_at_ms=T - HOUR)
        for n in range(9)
    ]
    assert outcome(rate)[0].count(b"TEMP_BLOCK") == 2, "the sender and its account"


@settings(CASES, max_examples=12)
@given(reports(), st.randoms(use_true_random=False))
def test_the_order_of_reports_within_an_epoch_changes_nothing(told: list[Report], order: Any) -> None:
    shuffled = list(told)
    order.shuffle(shuffled)
    assert outcome(told) == outcome(shuffled)


@settings(CASES, max_examples=12)
@given(reports())
def test_duplicate_reports_change_nothing(told: list[Report]) -> None:
    assert outcome(told) == outcome([report for one in told for report in (one, one)])


EPOCH = T // MINUTE
PLACES = st.sampled_from([None, None, None, "in"])
ABROAD = Policies(shipped(), "kr").abroad(view(), T)
events = st.lists(
    st.one_of(
        st.builds(
            lambda n, at, basis, late, place: vote(
                n, T + at * MINUTE, basis=basis, ingested_at_ms=T + (at + late) * MINUTE, jurisdiction=place
            ),
            st.integers(0, 12), st.integers(0, 40), st.sampled_from(["count", "rate"]), st.integers(0, 3), PLACES,
        ),
        st.builds(lambda at, count, place: (at, count, place), st.integers(0, 40), st.integers(1, 2000), PLACES),
    ),
    max_size=40,
)  # fmt: skip


@CASES
@given(events)
def test_judging_step_by_step_is_judging_all_at_once(told: list[Any]) -> None:
    rules, pack = enforce(), enforce().pack
    told = sorted(told, key=lambda x: x[0] if isinstance(x, tuple) else (x.ingested_at_ms - T) // MINUTE)
    small, whole = Tally(subject="sender:x#0"), Tally(subject="sender:x#0")
    closed, offset = EPOCH - 1, 0
    for one in told:
        at = EPOCH + one[0] if isinstance(one, tuple) else one.ingested_at_ms // MINUTE
        if at - 1 > closed:
            closed = at - 1
            on_closed(small, rules, closed, abroad=ABROAD)
        if isinstance(one, tuple):
            offset += 1
            given_ = msgspec.structs.replace(delta(at, one[1], offset - 1, offset), jurisdiction=one[2])
            on_traffic(small, given_, rules, closed, ABROAD)
            add_traffic(whole, given_, pack)
        else:
            on_vote(small, one, rules, closed, ABROAD)
            add_vote(whole, one, pack)
    on_closed(small, rules, EPOCH + 100, abroad=ABROAD)
    evaluate(whole, rules, NEVER, EPOCH + 100, ABROAD)
    assert small.findings == whole.findings
    assert small.voters == whole.voters


entries = st.lists(
    st.builds(
        NumberEntry, version=st.integers(1, 5), status=st.sampled_from(["active", "terminated"]),
        from_ms=st.integers(0, 40), to_ms=st.none() | st.integers(20, 60), recorded_at_ms=st.integers(0, 40),
    ),
    max_size=6,
)  # fmt: skip


@CASES
@given(entries)
def test_a_row_redelivered_changes_nothing(told: list[NumberEntry]) -> None:
    held: RegistryValue | None = None
    taken: list[NumberRow] = []
    for entry in told:
        new = NumberRow(key="number:+821055501111", timeline=(entry,))
        try:
            held = merge(held, new) or held
        except RowRefused:
            continue
        taken.append(new)
    for again in taken[-1:]:
        assert merge(held, again) is None
    if isinstance(held, NumberRow):
        assert merge(held, held) is None
        assert [e.version for e in held.timeline] == sorted({e.version for e in held.timeline})
