"""A disk that fails: what is damaged is built anew, what can't be written is said and waited for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from streams.contracts.registry import SenderEntry, SenderRow
from streams.replica import Change, RocksReplica
from streams.replica.disk import DiskError, clear, is_damage


def change(number: int) -> Change:
    key = f"sender:{number}"
    entry = SenderEntry(version=number + 1, owner=os.urandom(40).hex())
    return Change("registry", 0, number, key, msgspec.json.encode(SenderRow(key=key, timeline=(entry,))))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A replica with rows in an SST, closed."""
    replica = RocksReplica(str(tmp_path / "r"))
    replica.apply([change(n) for n in range(5000)])
    replica._db.flush()
    replica.close()
    return tmp_path / "r"


def _truncate(path: Path) -> None:
    for sst in path.glob("*.sst"):
        os.truncate(sst, sst.stat().st_size // 2)


def _flip(path: Path) -> None:
    for manifest in path.glob("MANIFEST-*"):
        raw = bytearray(manifest.read_bytes())
        raw[len(raw) // 2] ^= 0xFF
        manifest.write_bytes(raw)


def _lose(path: Path) -> None:
    for sst in path.glob("*.sst"):
        sst.unlink()


def _scribble(path: Path, start: int, end: int) -> None:
    for sst in path.glob("*.sst"):
        raw = bytearray(sst.read_bytes())
        stop = len(raw) * end // 100
        raw[len(raw) * start // 100 : stop] = bytes(stop - len(raw) * start // 100)
        sst.write_bytes(raw)


@pytest.mark.parametrize(
    "damage",
    [_truncate, _flip, _lose, lambda path: (path / "CURRENT").unlink(), lambda path: _scribble(path, 0, 30)],
    ids=["sst truncated", "manifest flipped", "sst gone", "CURRENT gone", "first blocks scribbled over"],
)
def test_what_is_damaged_at_the_start_is_empty(path: Path, damage: object) -> None:
    assert callable(damage)
    damage(path)
    replica = RocksReplica(str(path))
    assert replica.mended is not None and replica.fault is None
    assert (replica.next_offsets(), replica.row("sender:7")) == ({}, None)
    replica.apply([change(0)])
    replica.close()
    again = RocksReplica(str(path))
    assert again.row("sender:0") is not None and again.mended is None
    again.close()


def test_a_directory_that_is_gone_is_made(path: Path) -> None:
    shutil.rmtree(path)
    replica = RocksReplica(str(path))
    assert (replica.next_offsets(), replica.mended) == ({}, None)
    replica.close()


def test_a_damaged_block_is_noticed_when_it_is_read(path: Path) -> None:
    _scribble(path, 60, 90)
    replica = RocksReplica(str(path))
    assert replica.mended is None and replica.fault is None
    with pytest.raises(Exception, match="Corruption"):
        for number in range(5000):
            replica.row(f"sender:{number}")
    assert replica.fault is not None
    replica.recover()
    assert replica.fault is None and replica.mended is not None and replica.next_offsets() == {}
    replica.close()


class Full:
    """A database on a full disk."""

    def __init__(self, whole: object) -> None:
        self._whole = whole

    def write(self, batch: object) -> None:
        raise Exception("IO error: No space left on device: While appending to file: r/000004.log")

    put = write

    def __getattr__(self, name: str) -> object:
        return getattr(self._whole, name)


def test_a_full_disk_is_a_fault_until_there_is_room(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replica = RocksReplica(str(path))
    monkeypatch.setattr(replica, "_db", Full(replica._db))
    with pytest.raises(Exception, match="No space"):
        replica.apply([change(5000)])
    assert "No space" in (replica.fault or "")
    assert replica.next_offsets() == {("registry", 0): 5000} and replica.row("sender:5000") is None
    replica.recover()
    assert (replica.fault, replica.mended, replica.next_offsets()) == (None, None, {("registry", 0): 5000})
    replica.apply([change(5000)])
    assert replica.row("sender:5000") is not None
    replica.close()


@pytest.fixture
def limited() -> Iterator[None]:
    """Files of at most 64 KiB for this process."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_takes_no_more(tmp_path: Path, limited: None) -> None:
    replica = RocksReplica(str(tmp_path / "r"))
    with pytest.raises(Exception, match="File too large"):
        for start in range(0, 5000, 100):
            replica.apply([change(n) for n in range(start, start + 100)])
    held = replica.next_offsets()[("registry", 0)]
    assert "File too large" in (replica.fault or "") and 0 < held < 5000
    assert replica.row(f"sender:{held - 1}") is not None and replica.row(f"sender:{held}") is None
    replica.close()


def test_a_directory_in_use_is_not_damage(path: Path) -> None:
    held = RocksReplica(str(path))
    with pytest.raises(DiskError, match="nobody else use it"):
        RocksReplica(str(path))
    assert held.row("sender:7") is not None
    held.close()


@pytest.mark.parametrize(
    ("said", "damage"),
    [
        ("Corruption: checksum mismatch", True),
        ("Corruption: IO error: No such file or directory: r/000009.sst", True),
        ("IO error: No space left on device: While appending to file", False),
        ("IO error: While lock file: r/LOCK: Resource temporarily unavailable", False),
        ("IO error: File too large", False),
        ("something else", False),
    ],
)
def test_what_counts_as_damage(said: str, damage: bool) -> None:
    assert is_damage(Exception(said)) is damage


def test_clearing_leaves_the_directory(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_text("x")
    (tmp_path / "file").write_text("x")
    clear(str(tmp_path))
    assert tmp_path.is_dir() and not list(tmp_path.iterdir())
