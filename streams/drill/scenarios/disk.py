"""A gate's disk fails: files are damaged or gone, rows are too old or of another topic, the disk is full. The gate
builds its replica anew, or reads no message until there is room, and says which; nothing is lost, and nothing is
decided on what could not be read.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.contracts.registry import AccountEntry, AccountRow
from streams.contracts.topics import TOPICS
from streams.drill.bed import Bed
from streams.drill.processes import DrillStuck, Worker, now_ms
from streams.drill.report import ScenarioReport
from streams.drill.world import DAY_MS, Changed
from streams.pipeline.gate import ENTITIES
from streams.pipeline.topics import config_of, describe
from streams.replica.rocks import RocksReplica

KILLS = True
_WITHIN_S = 40.0
_SMALL, _LARGE = "size=3m", "size=256m"
_FILLING = 15_000


def run(bed: Bed, seed: int, long: bool) -> ScenarioReport:
    """One gate whose disk fails again and again, then a second one on a disk that is full."""
    report = bed.report()
    bed.prepare()
    for number, subject in enumerate(("account:acct-1", "account:acct-2", "sender:kr:15880003#0")):
        bed.publish(
            Changed("sanctions", subject, bed.world.sanction(subject, number, now_ms(), now_ms() + 4000).value, 0)
        )
    bed.flush()
    gate = bed.start("gate", "g0")
    reader, feeder = bed.reader, bed.feed(rate=100)
    reader.wait(200, 60)
    gate = _again(bed, gate)  # what was in memory only becomes a file at a start
    faults: dict[str, tuple[Callable[[Bed, Path], None], str]] = {
        "sst truncated": (_truncate, "damaged"),
        "manifest flipped": (_flip, "damaged"),
        "directory deleted": (_delete, ""),
        "too old": (_age, "stale"),
        "topic recreated": (_recreate, "stale"),
    }
    for name, (fault, why) in faults.items():
        gate.order("after-flush:1")
        bed.killed(gate, _WITHIN_S)
        said = gate.log.stat().st_size
        fault(bed, bed.directory / "state" / "g0" / "gate")
        begun = time.monotonic()
        gate = _again(bed, gate)
        report.recovered(time.monotonic() - begun, _WITHIN_S, name)
        text = gate.log.read_bytes()[said:].decode("utf-8", "replace")
        report.expect(not why or f'"why": "{why}"' in text, f"{name}: the log does not say replica_rebuild, {why}")
    _full(bed, report, seed)
    bed.conclude(report, feeder)
    report.figures["faults"] = len(faults) + report.figures.get("full_disk", 0)
    return report


def _again(bed: Bed, gate: Worker) -> Worker:
    """Start the gate anew; it decides again."""
    if gate.alive:
        gate.kill()
    begun_ms = now_ms()
    started = bed.start("gate", gate.instance)
    bed.until(
        lambda: any(s.event_time_ms > begun_ms for s in bed.reader.seen[-50:]), "the gate decides again", _WITHIN_S
    )
    return started


def _truncate(bed: Bed, path: Path) -> None:
    files = list(path.glob("*.sst"))
    if not files:
        raise DrillStuck(f"no SST in {path}: nothing to truncate")
    for file in files:
        os.truncate(file, file.stat().st_size // 2)


def _flip(bed: Bed, path: Path) -> None:
    for file in path.glob("MANIFEST-*"):
        raw = bytearray(file.read_bytes())
        raw[len(raw) // 2] ^= 0xFF
        file.write_bytes(raw)


def _delete(bed: Bed, path: Path) -> None:
    shutil.rmtree(path)


def _age(bed: Bed, path: Path) -> None:
    """As if it had slept for a day: tombstones may be gone that it never saw."""
    replica = RocksReplica(str(path))
    ids = {entity: topic_id for entity, (topic_id, _) in describe(bed.connection, ENTITIES).items()}
    replica.stamp(ids, now_ms() - DAY_MS)
    replica.close()


def _recreate(bed: Bed, path: Path) -> None:
    """Another topic of the same name, with the same rows."""
    name, admin = bed.connection.topic("sanctions"), AdminClient(bed.connection.base())
    held = list(bed.world.sanctioned.items())
    for gone in admin.delete_topics([name]).values():
        gone.result(30)
    bed.until(lambda: name not in admin.list_topics(timeout=10).topics, "the topic is gone", _WITHIN_S)
    config = next(config_of(topic) for topic in TOPICS if topic.entity == "sanctions")
    time.sleep(0.5)
    for made in admin.create_topics([NewTopic(name, bed.partitions.reputation, 1, config=config)]).values():
        made.result(30)
    for subject, row in held:
        bed.send("sanctions", subject, row)
    bed.flush()


def _full(bed: Bed, report: ScenarioReport, seed: int) -> None:
    """A second gate on a small disk, which reads no message until there is room. Needs root, for a tmpfs."""
    small = bed.directory / "small"
    small.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", _SMALL, "none", str(small)], capture_output=True, check=False
    )
    if mounted.returncode:
        report.figures["full_disk"] = 0
        return
    try:
        random = Random(seed)
        for number in range(_FILLING):
            row = AccountRow(
                key=f"account:fill-{number}",
                timeline=(AccountEntry(recorded_at_ms=1, owner=random.randbytes(100).hex()),),
            )
            bed.publish(Changed("registry", row.key, row, 0))
        bed.flush()
        gate = bed.start("gate", "g1", state="small")
        gate.leave()
        bed.until(lambda: _says(gate, "replica_fault"), "the gate says that its disk is full", _WITHIN_S)
        time.sleep(3)
        report.expect(not _says(gate, '"ready"'), "a gate on a full disk says that it is ready")
        report.expect(gate.alive or _says(gate, "restart_needed"), f"the gate ended without a word: see {gate.log}")
        decided = sum(seen.gate == "gate-g1" for seen in bed.reader.seen)
        report.expect(not decided, f"a gate on a full disk has decided {decided} messages")
        subprocess.run(["mount", "-o", f"remount,{_LARGE}", str(small)], check=True, capture_output=True)
        if not gate.alive:
            gate = bed.start("gate", "g1", state="small")
        bed.until(
            lambda: any(seen.gate == "gate-g1" for seen in bed.reader.seen[-500:]),
            "the gate decides: there is room",
            _WITHIN_S,
        )
        gate.stop()
        report.figures["full_disk"] = 1
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False, capture_output=True)


def _says(gate: Worker, word: str) -> bool:
    return word in gate.log.read_text(errors="replace")
