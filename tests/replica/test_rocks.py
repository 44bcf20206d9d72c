"""What only the replica on disk promises: it is still there after a restart, whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from streams.cache import MISS, TwoGenerations
from streams.contracts.blacklists import BlacklistManifest
from streams.contracts.feeds import Beat, Heartbeat
from streams.contracts.registry import InstitutionEntry, InstitutionRow, SenderEntry, SenderRow
from streams.replica import Change, RocksReplica

ROW = SenderRow(key="sender:kr:1", timeline=(SenderEntry(version=7),))
BEAT = Heartbeat(feed="f", beats=(Beat(recorded_at_ms=1, fresh_until_ms=2),))
LISTED = BlacklistManifest(
    issuer="b", seq=1, digest="0" * 64, trust="block", since_ms=1, recorded_at_ms=1, fresh_until_ms=9, entries=1
)
NAMED = InstitutionRow(key="institution:kr:1", timeline=(InstitutionEntry(names=("Tax",)),))


def test_a_second_opening_finds_rows_marks_skeletons_offsets_and_stamp(tmp_path: Path) -> None:
    path = str(tmp_path / "r")
    first = RocksReplica(path, lambda row: ("tax",) if row == NAMED else ())
    values = [(ROW.key, ROW), ("~feed:f", BEAT), (NAMED.key, NAMED)]
    first.apply(Change("registry", 3, n, key, msgspec.json.encode(v)) for n, (key, v) in enumerate(values))
    first.apply([Change("blacklists", 0, 0, "~manifest:b", msgspec.json.encode(LISTED))])
    first.stamp({"registry": "id"}, 5)
    first.close()
    second = RocksReplica(path)
    assert (second.row(ROW.key), second.feed("f"), second.lookalikes("tax")) == (ROW, BEAT, (NAMED.key,))
    assert second.blacklists() == (LISTED,)
    assert second.next_offsets() == {("registry", 3): 3, ("blacklists", 0): 1}
    assert second.usable({"registry": "id"}, 5, 0)
    second.close()


WRITER = """
import sys
from streams.replica import Change, RocksReplica
replica = RocksReplica(sys.argv[1])
offset = replica.next_offsets().get(("registry", 0), 0)
while True:
    batch = []
    for n in range(offset, offset + 20):
        row = b'{"key":"sender:%d","kind":"sender","timeline":[]}' % n
        batch.append(Change("registry", 0, n, f"sender:{n}", row))
    replica.apply(batch)
    offset += 20
    print(offset, flush=True)
"""


def test_after_kill_9_rows_and_offset_agree(tmp_path: Path) -> None:
    path = str(tmp_path / "r")
    for round_ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        for _ in range(5 + round_):
            writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
        replica = RocksReplica(path)
        next_offset = replica.next_offsets()[("registry", 0)]
        held = sum(replica.row(f"sender:{n}") is not None for n in range(next_offset + 40))
        replica.close()
        assert held == next_offset > 0


def test_rows_and_offsets_are_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "r")
    replica = RocksReplica(path)

    class Torn:
        """Loses the batch and, as any write beside it would, keeps the rest."""

        def write(self, batch: object) -> None:
            raise OSError("torn")

        def __getattr__(self, name: str) -> object:
            return getattr(whole, name)

    whole = replica._db
    monkeypatch.setattr(replica, "_db", Torn())
    with pytest.raises(OSError, match="torn"):
        replica.apply([Change("registry", 0, 0, ROW.key, msgspec.json.encode(ROW))])
    whole.close()
    again = RocksReplica(path)
    assert (again.row(ROW.key), again.next_offsets()) == (None, {})
    again.close()


def test_a_directory_of_another_layout_is_read_again(tmp_path: Path) -> None:
    path = str(tmp_path / "r")
    replica = RocksReplica(path)
    replica.apply([Change("registry", 0, 0, "~feed:f", msgspec.json.encode(BEAT))])
    replica._db.put(b"m\0\0\0\0~feed:f", b"{}")
    replica.close()
    again = RocksReplica(path)
    assert (again.feed("f"), again.next_offsets()) == (None, {})
    again.close()


def test_two_generations_stay_bounded_and_keep_what_is_asked_for() -> None:
    cache: TwoGenerations[str, int] = TwoGenerations(10)
    for n in range(100):
        cache.put(str(n), n)
        assert cache.get("0") == 0
        assert len(cache) <= 21
    assert cache.get("1") is MISS
    cache.drop("0")
    assert cache.get("0") is MISS


def test_what_is_one_recipients_is_not_remembered(tmp_path: Path) -> None:
    """Millions of them, most without a row: each would take the place of a sender's row, and memory for hours."""
    replica = RocksReplica(str(tmp_path))
    assert replica.settings("~1") is None and replica.row("consent:org:1>~1") is None
    assert len(replica._cache) == 0
    assert replica.row("sender:kr:15880001") is None
    assert len(replica._cache) == 1
    replica.close()
