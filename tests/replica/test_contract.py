"""One contract, two replicas: in memory and on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
import pytest

from streams.contracts.blacklists import BlacklistEntry, BlacklistManifest, BlacklistRow
from streams.contracts.feeds import Beat, Heartbeat, Manifest, RegistryValue, key_of
from streams.contracts.jobs import JobEntry, JobRow
from streams.contracts.policy import PolicyEntry, PolicyRow
from streams.contracts.registry import InstitutionEntry, InstitutionRow, Row, SenderEntry, SenderRow
from streams.contracts.reputation import SanctionEntry, SanctionRow
from streams.replica import Change, MemoryReplica, Replica, RocksReplica, changed_at_ms
from streams.replica.changes import Entity
from streams.replica.marks import BAD_KEPT

Open = Callable[[], Replica]


def skeletons(row: Row) -> Iterable[str]:
    if isinstance(row, InstitutionRow):
        return [name.casefold() for entry in row.timeline for name in entry.names]
    return ()


@pytest.fixture(params=["memory", "rocks"])
def replica(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Replica]:
    opened: Replica
    if request.param == "memory":
        opened = MemoryReplica(skeletons)
    else:
        opened = RocksReplica(str(tmp_path / "replica"), skeletons, cache_rows=4)
    yield opened
    opened.close()


def sender(version: int, key: str = "sender:kr:15881234") -> SenderRow:
    return SenderRow(key=key, timeline=(SenderEntry(version=version, recorded_at_ms=version * 10),))


def institution(*names: str, key: str = "institution:kr:tax") -> InstitutionRow:
    return InstitutionRow(key=key, timeline=(InstitutionEntry(names=names),))


def change(offset: int, value: RegistryValue, partition: int = 0) -> Change:
    return Change("registry", partition, offset, key_of(value), msgspec.json.encode(value))


def beats(*pairs: tuple[int, int], words: tuple[str, ...] = ()) -> Heartbeat:
    held = tuple(Beat(recorded_at_ms=a, fresh_until_ms=b) for a, b in pairs)
    return Heartbeat(feed="f", beats=held, complete_for=words)


def test_rows_come_back_decoded(replica: Replica) -> None:
    sanction = SanctionEntry(sanction_id="s1", step="WARN", reason="R")
    sanctions = SanctionRow(subject="account:a", timeline=(sanction,))
    policy = PolicyRow(jurisdiction="kr", timeline=(PolicyEntry(profile="enforce"),))
    applied = replica.apply(
        [
            change(0, sender(1)),
            Change("sanctions", 2, 7, "account:a", msgspec.json.encode(sanctions)),
            Change("policy", 0, 3, "kr", msgspec.json.encode(policy)),
        ]
    )
    assert replica.row("sender:kr:15881234") == sender(1)
    assert replica.sanctions("account:a") == sanctions
    assert replica.policy("kr") == policy
    assert [(a.entity, a.key, a.old, a.new) for a in applied] == [
        ("registry", "sender:kr:15881234", None, sender(1)),
        ("sanctions", "account:a", None, sanctions),
        ("policy", "kr", None, policy),
    ]
    assert replica.next_offsets() == {("registry", 0): 1, ("sanctions", 2): 8, ("policy", 0): 4}


def test_the_revision_grows_with_every_row_and_with_no_heartbeat(replica: Replica) -> None:
    seen = [replica.revision]
    sanctions = SanctionRow(subject="account:a", timeline=())
    for made in (change(0, sender(1)), Change("sanctions", 2, 7, "account:a", msgspec.json.encode(sanctions))):
        replica.apply([made])
        seen.append(replica.revision)
    replica.apply([Change("registry", 0, 1, "sender:kr:15881234", None)])
    seen.append(replica.revision)
    replica.apply([change(2, beats((1, 9)))])
    assert replica.revision == seen[-1]
    replica.wipe()
    seen.append(replica.revision)
    assert len(set(seen)) == len(seen)


def test_jobs_come_back_and_another_key_s_job_is_bad(replica: Replica) -> None:
    held = JobRow(key="job:a/1", timeline=(JobEntry(assertion="0" * 32, recipients=2, filter=b"\x00\xff" * 32_768),))
    values = [("job:a/1", held), ("job:a/2", held)]
    replica.apply(Change("jobs", 1, n, key, msgspec.json.encode(value)) for n, (key, value) in enumerate(values))
    assert (replica.job("job:a/1"), replica.job("job:a/2")) == (held, None)
    assert [bad.key for bad in replica.bad] == ["job:a/2"]
    newer = JobRow(key="job:a/1")
    replica.apply([Change("jobs", 1, 2, "job:a/1", msgspec.json.encode(newer))])
    assert replica.job("job:a/1") == newer
    replica.wipe()
    assert replica.job("job:a/1") is None


def listed(issuer: str) -> BlacklistManifest:
    return BlacklistManifest(
        issuer=issuer, seq=1, digest="0" * 64, trust="block", since_ms=1, recorded_at_ms=1, fresh_until_ms=9, entries=1
    )


def test_blacklists_come_back_with_their_manifests(replica: Replica) -> None:
    entry = BlacklistEntry(
        trust="block", seq=1, observed_at_ms=0, expires_ms=9, reason="FRAUD", grounds="person", recorded_at_ms=1
    )
    row = BlacklistRow(key="b:host:prizes.example", timeline=(entry,))
    values = [(row.key, row), ("~manifest:c", listed("c")), ("~manifest:b", listed("b")), ("~manifest:d", listed("c"))]
    replica.apply(Change("blacklists", 0, n, key, msgspec.json.encode(value)) for n, (key, value) in enumerate(values))
    assert (replica.blacklisted(row.key), replica.blacklisted("c:host:prizes.example")) == (row, None)
    assert replica.blacklists() == (listed("b"), listed("c"))
    assert [bad.key for bad in replica.bad] == ["~manifest:d"]
    replica.apply([Change("blacklists", 0, 4, "~manifest:c", None)])
    assert replica.blacklists() == (listed("b"),)
    replica.wipe()
    assert (replica.blacklisted(row.key), replica.blacklists()) == (None, ())


def test_missing_keys_answer_none(replica: Replica) -> None:
    assert (replica.row("x"), replica.sanctions("x"), replica.policy("x"), replica.feed("x")) == (None,) * 4
    assert (replica.manifests("x"), replica.lookalikes("x")) == ((), ())


def test_a_miss_that_was_cached_does_not_hide_the_row(replica: Replica) -> None:
    assert replica.row("sender:kr:15881234") is None
    replica.apply([change(0, sender(1))])
    assert replica.row("sender:kr:15881234") == sender(1)


def test_old_and_new_within_one_batch(replica: Replica) -> None:
    first, second = replica.apply([change(0, sender(1)), change(1, sender(2))])
    assert (first.old, first.new, second.old, second.new) == (None, sender(1), sender(1), sender(2))
    assert replica.row("sender:kr:15881234") == sender(2)


def test_a_tombstone_deletes(replica: Replica) -> None:
    replica.apply([change(0, sender(1))])
    assert replica.row("sender:kr:15881234") == sender(1)
    (applied,) = replica.apply([Change("registry", 0, 1, "sender:kr:15881234", None)])
    assert (applied.old, applied.new) == (sender(1), None)
    assert replica.row("sender:kr:15881234") is None


def test_what_was_applied_before_is_skipped(replica: Replica) -> None:
    replica.apply([change(4, sender(1)), change(5, sender(2))])
    assert replica.apply([change(4, sender(1))]) == []
    assert replica.row("sender:kr:15881234") == sender(2)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b'{"key":"sender:kr:15881234","kind":"sender","timeline":[{"version":-1}]}',
        msgspec.json.encode(sender(9, key="sender:kr:other")),
        msgspec.json.encode(sender(9))[:-3],
        b"\xff\xfe",
    ],
)
def test_a_value_that_cannot_be_read_leaves_the_last_good(replica: Replica, bad: bytes) -> None:
    applied = replica.apply([change(0, sender(1)), Change("registry", 0, 1, "sender:kr:15881234", bad)])
    assert len(applied) == 1
    assert replica.row("sender:kr:15881234") == sender(1)
    assert replica.next_offsets() == {("registry", 0): 2}
    assert replica.bad_count == 1
    assert (replica.bad[0].offset, replica.bad[0].key) == (1, "sender:kr:15881234")


@pytest.mark.parametrize("entity", ["registry", "policy", "sanctions"])
def test_bad_changes_are_all_counted_and_the_last_are_kept(replica: Replica, entity: Entity) -> None:
    replica.apply(Change(entity, 0, n, "kr", b"{}") for n in range(BAD_KEPT + 5))
    assert replica.bad_count == BAD_KEPT + 5
    assert [replica.bad[0].offset, len(replica.bad)] == [5, BAD_KEPT]


def test_heartbeats_are_the_union_over_partitions(replica: Replica) -> None:
    replica.apply([change(0, beats((10, 20)), partition=0), change(0, beats((15, 30), (40, 50)), partition=1)])
    feed = replica.feed("f")
    assert feed is not None
    assert [(b.recorded_at_ms, b.fresh_until_ms) for b in feed.beats] == [(10, 30), (40, 50)]
    assert replica.held("~feed:f", 0) == beats((10, 20))
    replica.apply([Change("registry", 1, 1, "~feed:f", None)])
    assert replica.feed("f") == beats((10, 20))


def test_completeness_is_what_the_newest_agree_on(replica: Replica) -> None:
    replica.apply([change(0, beats((10, 20), words=("a", "b")), 0), change(0, beats((12, 22), words=("b",)), 1)])
    feed = replica.feed("f")
    assert feed is not None and feed.complete_for == ("b",)


def test_manifests_are_kept_for_each_generation_and_partition(replica: Replica) -> None:
    def manifest(generation: str, partition: int) -> Manifest:
        return Manifest(generation=generation, feed="f", from_ms=5, partition=partition, partitions=2, rows=1)

    assert replica.manifests("f") == ()
    replica.apply([change(0, manifest("g1", 1), 1), change(0, manifest("g1", 0), 0), change(1, manifest("g2", 0), 0)])
    assert [(m.generation, m.partition) for m in replica.manifests("f")] == [("g1", 0), ("g1", 1), ("g2", 0)]
    assert replica.held("~manifest:g1", 1) == manifest("g1", 1)
    assert replica.manifests("other") == ()


def test_lookalikes_follow_the_names(replica: Replica) -> None:
    replica.apply([change(0, institution("Tax", "Revenue")), change(1, institution("TAX", key="institution:kr:b"))])
    assert replica.lookalikes("tax") == ("institution:kr:b", "institution:kr:tax")
    assert replica.lookalikes("revenue") == ("institution:kr:tax",)
    replica.apply([change(2, institution("Revenue", "Customs"))])
    assert replica.lookalikes("tax") == ("institution:kr:b",)
    assert replica.lookalikes("customs") == ("institution:kr:tax",)
    replica.apply([Change("registry", 0, 3, "institution:kr:tax", None)])
    assert (replica.lookalikes("revenue"), replica.lookalikes("customs")) == ((), ())


def test_names_that_change_twice_in_one_batch(replica: Replica) -> None:
    replica.apply([change(0, institution("A")), change(1, institution("B")), change(2, institution("C"))])
    assert [replica.lookalikes(s) for s in "abc"] == [(), (), ("institution:kr:tax",)]


def test_usable_only_for_the_same_topics_and_not_for_long(replica: Replica) -> None:
    assert not replica.usable({"registry": "id1"}, 0, 100)
    replica.stamp({"registry": "id1"}, 1000)
    assert replica.usable({"registry": "id1"}, 1100, 100)
    assert not replica.usable({"registry": "id1"}, 1101, 100)
    assert not replica.usable({"registry": "id2"}, 1000, 100)
    assert not replica.usable({"registry": "id1", "policy": "id3"}, 1000, 100)


def test_wipe_forgets_everything(replica: Replica) -> None:
    replica.apply([change(0, sender(1)), change(1, beats((1, 2))), change(2, institution("A"))])
    replica.stamp({"registry": "id1"}, 1000)
    assert (replica.row("sender:kr:15881234"), replica.lookalikes("a")) == (sender(1), ("institution:kr:tax",))
    replica.wipe()
    assert (replica.row("sender:kr:15881234"), replica.feed("f"), replica.lookalikes("a")) == (None, None, ())
    assert replica.next_offsets() == {}
    assert not replica.usable({"registry": "id1"}, 1000, 100)
    replica.apply([change(0, sender(2))])
    assert replica.row("sender:kr:15881234") == sender(2)


def test_more_rows_than_the_cache_holds(replica: Replica) -> None:
    rows = [sender(n, key=f"sender:kr:{n}") for n in range(50)]
    replica.apply(change(n, row) for n, row in enumerate(rows))
    assert [replica.row(row.key) for row in rows + rows[::-1]] == rows + rows[::-1]


@pytest.mark.parametrize(
    ("value", "at_ms"),
    [(None, 0), (sender(3), 30), (beats((10, 20), (40, 50)), 40), (institution("a"), 0)],
)
def test_when_a_value_was_written_down(value: RegistryValue | None, at_ms: int) -> None:
    assert changed_at_ms(value) == at_ms
