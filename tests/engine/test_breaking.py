"""Breaking: one pair's epochs → when a rule falls to LABEL for it, and when no longer. Times in breaker epochs."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contracts.reputation import Finding, PairTraffic, SanctionRow
from streams.engine.breaking import Pair, on_pair
from streams.engine.policy import Policy
from streams.engine.sanctioning import impose
from tests.engine.kit import DAY, T, policy

PAIR = "pair:sender:kr:15881234>relay-7"
STEP = 10_000
NOW = T // STEP
CODE = "SENDER_REGISTRATION_EXPIRED"


def rules(**over: Any) -> Policy:
    return policy(breaker={"max_ms": 100 * STEP} | over)


RULES = rules()


def delta(epoch: int, failed: int = 0, passed: int = 0, *, at: int | None = None, **more: Any) -> PairTraffic:
    """What came in epoch NOW + `epoch`; `at`: offset, one after the other unless given."""
    first = 1000 * (epoch + 10_000_000) if at is None else at
    code, basis = more.pop("code", CODE), more.pop("basis", "generation")
    fields: dict[str, Any] = {
        "subject": PAIR, "epoch": NOW + epoch, "epoch_ms": STEP, "partition": 0, "first_offset": first,
        "next_offset": first + 1, "passed": passed, "failed": {code: {basis: failed}} if failed else {},
    }  # fmt: skip
    return PairTraffic(**(fields | more))


def mixed(failed: dict[str, dict[Any, int]]) -> PairTraffic:
    return msgspec.structs.replace(delta(0), failed=failed)


def row(*deltas: PairTraffic, rules: Policy = RULES, state: Pair | None = None) -> SanctionRow:
    """The pair's sanctions after these deltas."""
    held: SanctionRow | None = None
    for one in deltas:
        state, findings = on_pair(state, one, rules)
        for finding in findings:
            held = impose(held, finding)
    return held or SanctionRow(subject=PAIR, timeline=())


def reliefs(*deltas: PairTraffic, rules: Policy = RULES) -> list[tuple[str, int, int]]:
    """(code, begins, ends) of every relief, in epochs from NOW."""
    found = row(*deltas, rules=rules).timeline
    assert {e.step for e in found} <= {"RELIEF"}
    return [(e.codes[0], e.from_ms // STEP - NOW, (e.to_ms or 0) // STEP - NOW) for e in found]


PASSED = delta(-1, passed=9)


@pytest.mark.parametrize(
    ("deltas", "begins"),
    [
        pytest.param([PASSED, delta(0, 5)], [2], id="enough, after a PASS"),
        pytest.param([PASSED, delta(0, 4)], [], id="one too few"),
        pytest.param([PASSED, delta(0, 2), delta(0, 3, at=50_000_000_001)], [2], id="in two deltas"),
        pytest.param([PASSED, delta(0, 4), delta(1, 4)], [], id="two epochs are not added up"),
        pytest.param([PASSED, delta(0, 5, 5)], [2], id="half of them"),
        pytest.param([PASSED, delta(0, 5, 6)], [], id="less than half"),
        pytest.param([delta(0, 5, 5)], [], id="passed in the same epoch only"),
        pytest.param([delta(0, 50)], [], id="never passed"),
        pytest.param([delta(-30 * 8640, passed=1), delta(0, 5)], [2], id="passed thirty days ago"),
        pytest.param([delta(-30 * 8640 - 1, passed=1), delta(0, 5)], [], id="passed longer ago"),
        pytest.param([PASSED, delta(0, 50, basis="row")], [], id="a spoofing wave or an expulsion"),
        pytest.param([PASSED, delta(0, 5, basis="absence")], [2], id="no row"),
        pytest.param([PASSED, delta(0, 5, basis="policy")], [2], id="a new policy"),
        pytest.param([PASSED, mixed({CODE: {"row": 90, "generation": 5}})], [2], id="a wave hides nothing"),
    ],
)
def test_when_it_trips(deltas: list[PairTraffic], begins: list[int]) -> None:
    assert [start for _, start, _ in reliefs(*deltas)] == begins


def test_min_failed_0_never_trips() -> None:
    assert reliefs(PASSED, delta(0, 99), rules=rules(min_failed=0)) == []


def test_a_relief_is_bounded_by_the_pack_and_counts_one_epoch_later() -> None:
    (entry,) = row(PASSED, delta(0, 5)).timeline
    assert (entry.step, entry.codes, entry.reason) == ("RELIEF", (CODE,), "FALSE_BLOCKS")
    assert (entry.recorded_at_ms, entry.from_ms, entry.to_ms) == (T + STEP, T + 2 * STEP, T + 102 * STEP)


def test_each_code_has_its_own() -> None:
    both = mixed({CODE: {"generation": 5}, "NUMBER_UNALLOCATED": {"absence": 7}, "NUMBER_SUSPENDED": {"row": 9}})
    assert {code for code, _, _ in reliefs(PASSED, both)} == {CODE, "NUMBER_UNALLOCATED"}


def test_it_ends_when_the_check_has_passed_for_two_epochs() -> None:
    """Judged when the second of them is settled, two epochs on; in effect one whole epoch after that."""
    fails = [PASSED, delta(0, 5), delta(1, 5), delta(2, 5)]
    assert reliefs(*fails, delta(3, passed=5), delta(4, passed=5), delta(5, passed=5)) == [(CODE, 2, 102)]
    assert reliefs(*fails, *(delta(n, passed=5) for n in range(3, 7))) == [(CODE, 2, 8)]
    one_more = [*fails, delta(3, passed=5), delta(4, 1, 5), *(delta(n, passed=5) for n in range(5, 9))]
    assert reliefs(*one_more) == [(CODE, 2, 10)]


def test_epochs_without_messages_prove_nothing() -> None:
    assert reliefs(PASSED, delta(0, 5), delta(60, 5)) == [(CODE, 2, 102)]
    assert reliefs(PASSED, delta(0, 5), delta(60, passed=1), delta(62, passed=1), delta(64, passed=1)) == [
        (CODE, 2, 66)
    ]


def test_after_its_maximum_it_trips_again_only_once_the_pair_has_passed() -> None:
    long = [PASSED, *(delta(n, 5) for n in range(300))]
    assert reliefs(*long) == [(CODE, 2, 102)]
    passed = [*long, delta(300, passed=1), delta(301, 5), delta(302, 5)]
    assert reliefs(*passed) == [(CODE, 2, 102), (CODE, 303, 403)]


def test_after_an_end_it_may_trip_again() -> None:
    ended = [PASSED, delta(0, 5), *(delta(n, passed=5) for n in range(1, 6))]
    assert reliefs(*ended, delta(6, 5)) == [(CODE, 2, 6), (CODE, 8, 108)]


def test_what_no_longer_follows_is_withdrawn_before_it_counts() -> None:
    early = [PASSED, delta(0, 5)]
    assert reliefs(*early, delta(0, passed=6, at=50_000_000_001)) == []
    again = delta(0, 1, at=50_000_000_002)
    assert reliefs(*early, delta(0, passed=6, at=50_000_000_001), again) == [(CODE, 2, 102)]


def test_what_comes_for_a_settled_epoch_trips_nothing_and_takes_nothing_back() -> None:
    early = [PASSED, delta(3, passed=1), delta(0, 50, at=50_000_000_000_000)]
    assert reliefs(*early) == []
    assert reliefs(*early, delta(4, 5, at=50_000_000_000_001)) == [(CODE, 6, 106)]
    late = delta(0, passed=50, at=50_000_000_000_000)
    assert reliefs(PASSED, delta(0, 5), delta(3, 1), late) == [(CODE, 2, 102)]


def test_a_pair_that_never_passed_is_not_kept() -> None:
    assert on_pair(None, delta(0, 5), RULES) == (None, [])


def test_a_person_s_end_stays() -> None:
    state, found = on_pair(on_pair(None, PASSED, RULES)[0], delta(0, 5), RULES)
    (begun,) = found
    lift = Finding(
        subject=PAIR, finding_id="l1", source="directive", step="OBSERVE", from_ms=T + 3 * STEP, reason="RELEASED",
        releases=begun.finding_id,
    )  # fmt: skip
    held = impose(impose(None, begun), lift)
    for n in range(1, 50):
        state, more = on_pair(state, delta(n, 5), RULES)
        for one in [*more, begun]:
            held = impose(held, one)
    assert [(e.from_ms, e.to_ms) for e in held.timeline] == [(T + 2 * STEP, T + 3 * STEP)]


def test_a_policy_may_change_the_length_of_epochs() -> None:
    minute = 6 * STEP
    state = None
    for one in (PASSED, delta(0, 5)):
        state, _ = on_pair(state, one, RULES)
    long = rules(epoch_ms=minute, trial_ms=0)
    later = msgspec.structs.replace(delta(1, 5), epoch=T // minute + 1, epoch_ms=minute)
    state, found = on_pair(state, later, long)
    assert found == []  # the relief that stands goes on
    assert state is not None
    assert (state.epoch_ms, state.reliefs[CODE].tripped, list(state.open)) == (minute, T // minute, [T // minute + 1])


DELTAS = st.lists(
    st.tuples(
        st.integers(0, 8), st.integers(0, 9), st.integers(0, 9), st.sampled_from(["generation", "row"]),
        st.sampled_from([CODE, "NUMBER_UNALLOCATED"]),
    ),
    max_size=24,
)  # fmt: skip


def stream(drawn: list[tuple[int, int, int, str, str]]) -> list[PairTraffic]:
    """Deltas in the order of epochs, each of its own transaction."""
    told = [delta(e, f, p, at=1000 + n, basis=b, code=c) for n, (e, f, p, b, c) in enumerate(sorted(drawn))]
    return [delta(-1, passed=1, at=1), *told]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(DELTAS)
def test_one_by_one_or_an_epoch_at_once(drawn: list[tuple[int, int, int, str, str]]) -> None:
    by_epoch: dict[int, PairTraffic] = {}
    for one in stream(drawn):
        held = by_epoch.get(one.epoch)
        if held is None:
            by_epoch[one.epoch] = one
            continue
        failed = {code: dict(bases) for code, bases in held.failed.items()}
        for code, bases in one.failed.items():
            for basis, count in bases.items():
                failed.setdefault(code, {})[basis] = failed.get(code, {}).get(basis, 0) + count
        by_epoch[one.epoch] = msgspec.structs.replace(
            held, passed=held.passed + one.passed, failed=failed, next_offset=one.next_offset
        )
    assert row(*stream(drawn)) == row(*by_epoch.values())


@settings(max_examples=200, deadline=None, derandomize=True)
@given(DELTAS, st.data())
def test_deltas_and_findings_may_come_twice(drawn: list[tuple[int, int, int, str, str]], data: st.DataObject) -> None:
    """A worker that dies goes back some deltas, with a state that had them already, and tells everything again."""
    wanted = row(*stream(drawn))
    state: Pair | None = None
    held: SanctionRow | None = None
    deltas, n = stream(drawn), 0
    for _ in range(60):
        if n >= len(deltas):
            break
        state, findings = on_pair(state, deltas[n], RULES)
        state = msgspec.json.decode(msgspec.json.encode(state), type=Pair)
        if data.draw(st.booleans()):
            continue  # died before it was told
        for finding in findings:
            held = impose(held, finding)
        back = data.draw(st.integers(0, 2))
        n = max(0, n - back) if data.draw(st.integers(0, 9)) == 0 else n + 1
    for one in deltas[n:]:
        state, findings = on_pair(state, one, RULES)
        for finding in findings:
            held = impose(held, finding)
    assert (held or SanctionRow(subject=PAIR, timeline=())) == wanted


def test_two_transactions_of_an_epoch_in_any_order() -> None:
    parts = [delta(0, 3, partition=1), delta(0, 2, 4, partition=2), delta(1, 6, partition=3)]
    found = {tuple(reliefs(PASSED, *order)) for order in permutations(parts)}
    assert found == {((CODE, 2, 102),)}


def test_memory_is_days() -> None:
    assert rules().pack.breaker.memory_days * DAY == 30 * DAY
