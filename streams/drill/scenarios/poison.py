"""Poison: one event in a hundred is garbage, then a partition gets nothing else. Each bad record is one dead letter
with its bytes, the fuse rests that partition only, and what was repaired goes back once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from confluent_kafka import KafkaError, Message, Producer

from streams.contracts.base import encoder
from streams.drill.bed import Bed
from streams.drill.feeder import Feeder
from streams.drill.processes import DrillStuck, now_ms
from streams.drill.report import ScenarioReport
from streams.engine.intake import identity
from streams.pipeline.fuse import Fuse
from streams.replay.history import Record

KILLS = False
Source = tuple[int, int]
RATE = 200.0
POISONED = 0  # the partition that gets the burst
#: Enough in a row to trip the fuse, and not enough to trip it again when it half-opens.
BURST = Fuse().limit + Fuse().probe - 2
REPAIRED = 20
_LAG_MS = 5000  # far from the rest of 30 s, and room for a rebalance on a busy machine


def run(bed: Bed, seed: int, long: bool) -> ScenarioReport:
    """Two gates; garbage, oversize, a burst, and `dualblock dead retry` twice."""
    report, poison = bed.report(), _Poison(bed)
    bed.prepare()
    for name in ("g0", "g1"):
        bed.start("gate", name)
    reader, feeder = bed.reader, bed.feed(rate=RATE)
    reader.wait(200, 60)
    _sprinkle(poison, seed, 60.0 if long else 10.0)
    poison.large()
    burst_ms = now_ms()
    poison.burst()
    rest_s = Fuse().rest_ms / 1000
    _sprinkle(poison, seed + 1, rest_s + 5, avoid=POISONED)
    feeder.stop()
    feeder.sent.update(poison.sent)
    unanswered = frozenset(where for where, raw in poison.sent.items() if identity(raw) is None)
    reader.wait(len(feeder.sent) - len(unanswered), 60)
    _fuse(report, bed, burst_ms)
    letters = bed.read("messages.dead")
    _letters(report, poison.sent, letters)
    _retry(report, bed, feeder, letters)
    bed.conclude(report, feeder, unanswered=unanswered)
    report.figures |= {"garbage": len(poison.sent), "dead_letters": len(letters)}
    return report


class _Poison:
    """Writes what is no event. sent: by (partition, offset)."""

    def __init__(self, bed: Bed) -> None:
        self.sent: dict[Source, bytes] = {}
        self._topic, self._partitions, self._world = (
            bed.connection.topic("messages"),
            bed.partitions.messages,
            bed.world,
        )
        # One batch for a burst: nothing good comes in between, which would count as recovery.
        self._producer = Producer(
            {
                **bed.connection.base(), "enable.idempotence": True, "linger.ms": 100, "compression.type": "zstd",
                "message.max.bytes": 20_000_000, "batch.size": 19_000_000,
            }
        )  # fmt: skip

    def one(self, number: int, partition: int) -> None:
        """Garbage: bytes, broken JSON that held a good event, or an event that names itself and is none."""
        raw = encoder().encode(self._world.message(10_000_000 + number, now_ms()))
        kinds = (b"\xff\x00%d" % number, raw[:-9], raw.replace(b'"leg":"', b'"channel":7,"leg":"', 1))
        self._send(kinds[number % 3], partition)

    def large(self) -> None:
        """Small on the wire, large when unpacked: for the dead letter topic, and beyond it; and an event too large."""
        for size in (5_000_000, 8_600_000):
            self._send(b"%d" % size + b"x" * size, 1)
            self.flush()
        event = encoder().encode(self._world.message(19_999_999, now_ms()))
        self._send(b'%s,"more":"%s"}' % (event[:-1], b"y" * 1_500_000), 1)
        self.flush()

    def burst(self) -> None:
        """Nothing but garbage on one partition."""
        for number in range(BURST):
            self._send(b"burst %d" % number, POISONED)
        self.flush()

    def flush(self) -> None:
        """Wait for it. Raises DrillStuck."""
        if self._producer.flush(30):
            raise DrillStuck("Kafka has not taken the garbage within 30 s")

    def _send(self, raw: bytes, partition: int) -> None:
        self._producer.produce(
            self._topic, raw, b"poison", partition, on_delivery=lambda error, where: self._sent(raw, error, where)
        )
        self._producer.poll(0)

    def _sent(self, raw: bytes, error: KafkaError | None, where: Message) -> None:
        if error is not None:
            raise DrillStuck(f"garbage was refused: {error.str()}")
        self.sent[where.partition() or 0, where.offset() or 0] = raw


def _sprinkle(poison: _Poison, first: int, seconds: float, avoid: int | None = None) -> None:
    """One garbage record for a hundred events, for a while. avoid: a partition that gets none."""
    until, number = time.monotonic() + seconds, first * 10_000
    while time.monotonic() < until:
        if number % 4 != avoid:
            poison.one(number, number % 4)
        number += 1
        time.sleep(100 / RATE)
    poison.flush()


def _fuse(report: ScenarioReport, bed: Bed, burst_ms: int) -> None:
    """It tripped once, for the poisoned partition only; the others went on; it half-opened by itself."""
    logs = [w.log.read_text(errors="replace").splitlines() for w in bed.workers]
    lines = [json.loads(line) for log in logs for line in log if line.startswith("{")]
    tripped = [line for line in lines if line.get("event") == "fuse_tripped"]
    opened = [line for line in lines if line.get("event") == "fuse_half_open"]
    where = {line["partition"] for line in tripped}
    report.expect(where == {POISONED}, f"the fuse tripped for {sorted(where)}, not for {POISONED} only")
    report.expect(len(tripped) == len(opened) == 1, f"tripped {len(tripped)} times, half-opened {len(opened)} times")
    rest_ms = burst_ms + Fuse().rest_ms
    rested = [s for s in bed.reader.seen if burst_ms + _LAG_MS < s.event_time_ms < rest_ms - _LAG_MS]
    others = [s.seen_ms - s.event_time_ms for s in rested if s.source[0] != POISONED]
    own = [s for s in rested if s.source[0] == POISONED and s.seen_ms < rest_ms - _LAG_MS]
    report.expect(
        others and max(others) < _LAG_MS * bed.slack, f"other partitions were late by {max(others, default=-1)} ms"
    )
    report.expect(not own, f"{len(own)} decisions came from the partition that should rest")
    report.figures["others_worst_lag_ms"] = max(others, default=-1)


def _letters(report: ScenarioReport, sent: dict[Source, bytes], letters: Iterable[Record]) -> None:
    """Each bad record is dead-lettered once, with its bytes; of one that is too large, the beginning."""
    wanted, got = Counter(_digest(raw) for raw in sent.values()), Counter(_digest(r.value) for r in letters)
    largest = max(sent.values(), key=len)
    wanted[_digest(largest)] -= 1
    wanted[_digest(largest[:65_536])] += 1
    missing, extra = +(wanted - got), +(got - wanted)
    report.expect(not missing, f"{missing.total()} bad records have no dead letter with their bytes")
    report.expect(not extra, f"{extra.total()} dead letters too many")


def _digest(raw: bytes) -> bytes:
    return sha256(raw).digest()


def _retry(report: ScenarioReport, bed: Bed, feeder: Feeder, letters: Iterable[Record]) -> None:
    """Repair some, put them back twice, and find each once, with a new event_id and `retry_of`."""
    fixes = bed.directory / "fixes"
    fixes.mkdir()
    firsts: list[str] = []
    arguments: list[str] = []
    for letter in letters:
        if len(firsts) == REPAIRED or not letter.value.startswith(b"{") or letter.value.endswith(b"}"):
            continue
        event = bed.world.message(20_000_000 + len(firsts), now_ms())
        broken = json.dumps(letter.value.decode())  # what a person would read to find the id
        firsts.append(broken.split('event_id\\":\\"', 1)[1].split('\\"', 1)[0])
        file = fixes / f"{letter.partition}-{letter.offset}.json"
        file.write_bytes(encoder().encode(event))
        arguments += ["--fix", str(file)]
    report.expect(len(firsts) == REPAIRED, f"only {len(firsts)} dead letters could be repaired")
    codes = [_command(bed, fixes, arguments) for _ in range(2)]
    report.expect(codes == [1, 1], f"`dead retry` ended with {codes}: 1 for those that still do not read")
    back = [r for r in bed.read("messages") if b'"event_id":"retry-' in r.value]
    events = [json.loads(record.value) for record in back]
    report.expect(
        sorted(event["retry_of"] for event in events) == sorted(firsts),
        f"{len(events)} went back, not {len(firsts)} once",
    )
    report.expect(len({event["event_id"] for event in events}) == len(events), "event ids of retries repeat")
    for record in back:
        feeder.sent[record.partition, record.offset] = record.value
    report.figures["went_back"] = len(back)


def _command(bed: Bed, place: Path, arguments: list[str]) -> int:
    environment = {**bed.environment("cli"), "PATH": "", "DUALBLOCK_BOOTSTRAP": bed.connection.bootstrap}
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", "dead", "retry", "--all", *arguments],
        env=environment, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    with (place / "retry.log").open("ab") as log:
        log.write(done.stdout + done.stderr)
    return done.returncode
