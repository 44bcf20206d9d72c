"""The loop's pure rules."""

from __future__ import annotations

import msgspec
import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.contracts.base import Entry
from streams.contracts.feeds import Beat, Heartbeat
from streams.contracts.jobs import JobEntry, JobRow
from streams.contracts.registry import BlockRow, BlockStates, SenderEntry, SenderRow
from streams.contracts.reputation import AppealState, SanctionEntry, SanctionRow
from streams.contracts.topics import TOPICS
from streams.pipeline.assignment import NEVER, Assignment
from streams.pipeline.commit import CommitPolicy
from streams.pipeline.errors import AbortNeeded, RestartNeeded, TopicError, UnknownOutcome, attempt, classify
from streams.pipeline.fuse import Fuse
from streams.pipeline.late import NEVER_MS, alters_from_ms
from streams.pipeline.overlay import Overlay
from streams.pipeline.settings import Connection, LoopSettings, progress_producer, replica_consumer
from streams.pipeline.topics import DEFAULT_PARTITIONS, plan
from streams.replica.changes import Applied, Value


@pytest.mark.parametrize(
    ("pending", "waited_ms", "at_end", "commit"),
    [(0, 999, True, False), (1, 9, True, False), (1, 10, True, True), (1, 99, False, False), (1, 100, False, True)]
    + [(49, 0, False, False), (50, 0, False, True)],
)
def test_when_to_commit(pending: int, waited_ms: int, at_end: bool, commit: bool) -> None:
    assert CommitPolicy(max_records=50, max_ms=100, at_end_ms=10).should_commit(pending, waited_ms, at_end) == commit


@pytest.mark.parametrize(
    ("waited_ms", "at_end", "quiet_ms", "commit"),
    [(999, True, 19, False), (999, True, 20, True), (9, True, 20, False)]
    + [(999, False, 20, False), (1000, True, 0, True)],
)
def test_who_sums_up_commits_when_nothing_comes_any_more(
    waited_ms: int, at_end: bool, quiet_ms: int, commit: bool
) -> None:
    policy = CommitPolicy(max_ms=1000, at_end_ms=10, quiet_ms=20)
    assert policy.should_commit(1, waited_ms, at_end, quiet_ms) == commit


def test_fuse_trips_half_opens_and_closes() -> None:
    fuse = Fuse(limit=3, rest_ms=100, probe=2)
    assert [fuse.bad(7, 0) for _ in range(3)] == [False, False, True]
    assert (fuse.open(), fuse.half_open(99), fuse.half_open(100)) == (frozenset({7}), [], [7])
    assert (fuse.open(), [fuse.bad(7, 100) for _ in range(2)]) == (frozenset(), [False, True])
    assert fuse.half_open(200) == [7]
    fuse.good(7)
    assert not fuse.watching()
    assert [fuse.bad(7, 0), fuse.bad(8, 0), fuse.bad(7, 0), fuse.bad(7, 0)] == [False, False, False, True]


def test_a_good_record_starts_the_count_again() -> None:
    fuse = Fuse(limit=2)
    for _ in range(5):
        assert not fuse.bad(0, 0)
        fuse.good(0)


@pytest.mark.parametrize(
    ("flags", "verdict"),
    [
        ({"fatal": True, "retriable": True, "txn_requires_abort": True}, RestartNeeded),
        ({"txn_requires_abort": True, "retriable": True}, AbortNeeded),
        ({"retriable": True}, None),
        ({}, UnknownOutcome),
    ],
)
def test_errors_are_sorted_fatal_first(flags: dict[str, bool], verdict: type | None) -> None:
    assert classify(KafkaError(KafkaError.NOT_COORDINATOR, "", **flags)) == verdict
    assert classify(KafkaError(KafkaError._FENCED, "", **flags)) == RestartNeeded


def test_a_retriable_error_is_tried_again_until_the_deadline() -> None:
    now, calls = [0.0], [0]

    def call() -> None:
        calls[0] += 1
        now[0] += 1
        raise KafkaException(KafkaError(KafkaError.NOT_COORDINATOR, "", retriable=True))

    with pytest.raises(UnknownOutcome):
        attempt("it", call, 3.0, clock=lambda: now[0])
    assert calls == [3]


def test_a_held_partition_handles_nothing_and_is_no_reason_to_wait() -> None:
    parts = Assignment()
    parts.add(0, 5)
    parts.add(1, 7)
    parts.hold(1)
    assert (parts.positions.get(1, NEVER), parts.at_end(), parts.all()) == (NEVER, False, [0, 1])
    parts.ended[0] = 5
    assert (parts.at_end(), parts.ends()) == (True, frozenset({0}))
    assert (parts.release(1), parts.release(1), parts.at_end()) == (7, None, False)
    parts.remove([0, 1])
    assert parts.all() == []


def test_topics_are_planned_once_and_wrong_counts_refused() -> None:
    planned = plan("p.", DEFAULT_PARTITIONS, {})
    assert len(planned) == len(TOPICS)
    by_name = {p.name: p for p in planned}
    assert by_name["p.messages.v1"].partitions == by_name["p.decisions.v1"].partitions == 12
    assert by_name["p.registry.v1"].config["cleanup.policy"] == "compact"
    assert all(p.config["message.timestamp.type"] == "LogAppendTime" for p in planned)
    assert int(by_name["p.messages.dead.v1"].config["max.message.bytes"]) > 5_000_000
    existing = {p.name: p.partitions for p in planned}
    assert plan("p.", DEFAULT_PARTITIONS, existing) == []
    with pytest.raises(TopicError, match=r"p\.policy\.v1 has 2, not 1"):
        plan("p.", DEFAULT_PARTITIONS, {**existing, "p.policy.v1": 2})


def row(*versions: int) -> SenderRow:
    return SenderRow(key="sender:k", timeline=tuple(SenderEntry(version=v) for v in versions))


def test_the_overlay_answers_until_its_writes_have_come_back() -> None:
    overlay, slot = Overlay(), (0, "sender:k")
    overlay.put(slot, row(1))
    overlay.aborted()
    assert overlay.get(slot) is None
    overlay.put(slot, row(1))
    overlay.put(slot, row(1, 2))
    overlay.committed()
    overlay.put(slot, row(1, 2, 3))
    assert overlay.get(slot) == row(1, 2, 3)
    overlay.aborted()
    overlay.read_back(slot)
    assert overlay.get(slot) == row(1, 2), "the second write is still on its way"
    overlay.read_back(slot)
    assert overlay.get(slot) is None and len(overlay) == 0
    overlay.put(slot, row(4))
    overlay.committed()
    overlay.drop([0])
    assert overlay.get(slot) is None


def beats(*pairs: tuple[int, int]) -> Heartbeat:
    return Heartbeat(feed="f", beats=tuple(Beat(recorded_at_ms=a, fresh_until_ms=b) for a, b in pairs))


def senders(*entries: SenderEntry) -> SenderRow:
    return SenderRow(key="sender:k", timeline=entries)


def sanctions(*entries: SanctionEntry) -> SanctionRow:
    return SanctionRow(subject="account:a", timeline=entries)


FIRST = SenderEntry(version=1, from_ms=100, recorded_at_ms=50)
S1 = SanctionEntry(sanction_id="1", step="WARN", reason="R", from_ms=100, recorded_at_ms=50, to_ms=900)


def appealed(**over: int) -> SanctionRow:
    """S1 with an appeal filed at 200."""
    state = AppealState(appeal_id="a", filed_at_ms=200, decide_by_ms=400, **over)  # type: ignore[arg-type]  # times
    return sanctions(msgspec.structs.replace(S1, appeals=(state,)))


BLOCK = BlockRow(key="block:+8210", current=BlockStates(generation="g", as_of_ms=70, states=""))


def job(**over: int) -> JobRow:
    entry = JobEntry(assertion="0" * 32, from_ms=100, recorded_at_ms=100, version=100, **over)
    return JobRow(key="job:a/1", timeline=(entry,))


@pytest.mark.parametrize(
    ("old", "new", "at_ms"),
    [
        (None, senders(FIRST), 100),
        (senders(FIRST), senders(FIRST), NEVER_MS),
        (senders(FIRST), senders(FIRST, SenderEntry(version=2, from_ms=10, recorded_at_ms=60)), 60),
        (
            senders(FIRST),
            senders(SenderEntry(version=1, from_ms=100, recorded_at_ms=50, to_ms=300, end_recorded_at_ms=200)),
            300,
        ),
        (senders(FIRST), None, NEVER_MS),
        (None, BLOCK, 70),
        (None, sanctions(S1), 100),
        (sanctions(S1), sanctions(S1, SanctionEntry(sanction_id="2", step="WARN", reason="R", from_ms=5)), 5),
        (sanctions(S1), appealed(), NEVER_MS),
        (sanctions(S1), appealed(paused_from_ms=300), 300),
        (appealed(paused_from_ms=300), appealed(paused_from_ms=300, paused_to_ms=500), 500),
        (None, job(), 100),
        (job(), job(reused_at_ms=300), 300),
        (job(reused_at_ms=300), job(reused_at_ms=200), 200),
        (None, beats((10, 20)), 10),
        (beats((10, 20)), beats((10, 30)), 20),
        (beats((10, 20)), beats((10, 20), (40, 50)), 40),
        (beats((10, 20), (20, 30)), beats((15, 30)), NEVER_MS),
    ],
)
def test_from_when_a_change_alters_answers(old: Value | None, new: Value | None, at_ms: int) -> None:
    assert alters_from_ms(Applied("registry", 0, "k", old, new)) == at_ms


def test_entries_compare_by_value() -> None:
    assert Entry(version=1) == Entry(version=1)


def test_no_client_forgets_its_brokers_while_none_answers() -> None:
    """In a network that cuts connections re-bootstrapping clients had six times as many records waiting."""
    connection = Connection("127.0.0.1:9092", "t.")
    loop = LoopSettings(connection, "g", "i")
    for config in (
        connection.base(), loop.consumer(), loop.producer(), replica_consumer(connection, "r"),
        progress_producer(connection, "r"),
    ):  # fmt: skip
        assert config["metadata.recovery.strategy"] == "none"
        assert config["reconnect.backoff.max.ms"] <= 1000  # a broker that is back is seen soon
